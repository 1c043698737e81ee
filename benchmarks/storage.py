"""How features are best stored, and how long pooling takes beside reading the same bytes.

    python benchmarks/storage.py       # blosc too, after pip install hdf5plugin

Features are those of a full-size Stable Diffusion 1.5 with random weights, enc16.1 of rendered scenes at seven
timesteps, written by batches of four and read one by one, a checksummed chunk per sample as in a shard, or per batch.
"sealed" is how shards are written, and read a few samples at once: the same file as without a filter, whose checksums
HDF5 does not compute.
For pooling, as many numbers of 25 times the images; and what half precision does to prototypes.
Everything is read from the system's cache of files, so what is measured is the work of a processor, not of a disk.
Pooling decodes masks, averages and writes prototypes.
"""

import argparse
import importlib.util
import tempfile
from pathlib import Path

import h5py
import measure
import numpy as np
import pandas as pd
import torch
from extraction import LAYER, TIMESTEPS, Model, encode, extract, write_images

from semlens.extract.prototypes import pool_prototypes
from semlens.storage.shard_reader import open_shard, read_samples
from semlens.storage.shard_writer import create_shard, write_samples

BATCH = 4  # samples


def filters() -> dict[str, dict[str, object]]:
    """Arguments of ``create_dataset`` by name."""
    found: dict[str, dict[str, object]] = {
        "none": {"fletcher32": True},
        "lzf": {"compression": "lzf", "fletcher32": True},
        "shuffle, lzf": {"compression": "lzf", "shuffle": True, "fletcher32": True},
        "none, a batch a chunk": {"fletcher32": True, "samples": BATCH},
    }
    if importlib.util.find_spec("hdf5plugin"):
        import hdf5plugin

        found["blosc (lz4, bit shuffle)"] = {**hdf5plugin.Blosc(shuffle=hdf5plugin.Blosc.BITSHUFFLE)}
        found["blosc2 (zstd, bit shuffle)"] = {**hdf5plugin.Blosc2(cname="zstd", filters=hdf5plugin.Blosc2.BITSHUFFLE)}
    return found


def stored(maps: np.ndarray, runs: int) -> list[dict[str, object]]:
    """A row per filter and precision: bytes and MB of features per second, written and read."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "features.h5")
        for dtype in (np.float32, np.float16):
            values = maps.astype(dtype)

            def write(arguments: dict[str, object], values: np.ndarray = values) -> None:
                with h5py.File(file, "w") as shard:
                    chunk = (min(arguments.get("samples", 1), len(values)), *values.shape[1:])
                    how = {name: value for name, value in arguments.items() if name != "samples"}
                    shard.create_dataset("x", values.shape, values.dtype, chunks=chunk, **how)
                    for place in range(0, len(values), BATCH):
                        shard["x"][place : place + BATCH] = values[place : place + BATCH]

            def read(count: int = len(values)) -> None:
                with h5py.File(file) as shard:
                    for place in range(count):
                        shard["x"][place]

            def write_sealed(values: np.ndarray = values) -> None:
                with create_shard(file, {}, {}) as shard:
                    for place in range(0, len(values), BATCH):
                        write_samples(shard, "x", place, values[place : place + BATCH], total=len(values))

            def read_sealed(count: int = len(values)) -> None:
                with open_shard(file) as shard:
                    for place in range(count):
                        read_samples(shard, "x", slice(place, place + 1))

            ways = {
                name: {"write": lambda a=arguments: write(a), "read": read} for name, arguments in filters().items()
            }
            for name, works in {"sealed": {"write": write_sealed, "read": read_sealed}, **ways}.items():
                seconds = measure.timed(works, runs)
                megabytes = values.nbytes / 1e6
                rows.append(
                    {
                        "precision": np.dtype(dtype).name,
                        "filter": name,
                        "bytes, of those without": f"{file.stat().st_size / values.nbytes:.2f}",
                        "written, MB/s": measure.spread([megabytes / value for value in seconds["write"]]),
                        "read, MB/s": measure.spread([megabytes / value for value in seconds["read"]]),
                    }
                )
    return rows


def pooled(folder: Path, runs: int) -> list[dict[str, object]]:
    """Pooling a features shard beside reading it."""

    def read() -> None:
        with h5py.File(folder / "features.h5") as shard:
            for timestep in TIMESTEPS:
                maps = shard[f"identity/t{timestep}/{LAYER}"]
                for place in range(len(maps)):
                    maps[place]

    def pool(features: str = "features") -> None:
        pool_prototypes(
            features=folder / f"{features}.h5",
            manifest=folder / "manifest.parquet",
            layer_sets=["enc16.1"],
            resize="stretch",
            mask="nearest",
            seed=0,
            out=folder / f"{features}.parquet",
        )

    pool()
    pool("half")
    whole, rounded = (
        np.stack(pd.read_parquet(folder / f"{name}.parquet")["enc16.1@16"]) for name in ("features", "half")
    )
    seconds = measure.timed({"pool": pool, "read": read}, runs)
    return [
        {
            "features, MB": f"{(folder / 'features.h5').stat().st_size / 1e6:.0f}",
            "read, s": measure.spread(seconds["read"]),
            "pool, s": measure.spread(seconds["pool"]),
            "times reading": measure.spread(measure.ratios(seconds["pool"], seconds["read"])),
            "error of half maps, of the prototypes' root mean square": f"{_compare(rounded, whole):.0e}",
        }
    ]


def _compare(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest error of a value."""
    return np.abs(found - expected).max() / np.sqrt(np.mean(expected**2))


def write_features(folder: Path, images: int, shape: tuple[int, ...]) -> None:
    """A shard of images and features whose values do not matter."""
    write_images(folder, images)
    ids = pd.read_parquet(folder / "manifest.parquet")["image_id"].unique()
    values = np.random.default_rng(0).standard_normal((len(ids), *shape), np.float32)
    attributes = {"layers": [LAYER], "extraction": "sweep"}
    for name, dtype in (("features.h5", np.float32), ("half.h5", np.float16)):
        with create_shard(folder / name, attributes, {}) as shard:
            shard["identity/sample_id"] = list(ids)
            for timestep in TIMESTEPS:
                key = f"identity/t{timestep}/{LAYER}"
                write_samples(shard, key, 0, values.astype(dtype, copy=False), total=len(values))


def main(images: int, runs: int, toy: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder, images)
        model = Model(toy, "cpu", torch.float32)
        encode(model, folder, batch_size=1)
        extract(model, folder, batch_size=1)
        with h5py.File(folder / "features.h5") as shard:
            groups = shard["identity"]
            maps = np.concatenate([groups[name]["enc16.1"][:] for name in groups if name != "sample_id"])
        measure.report(stored(maps, runs), "h5py", "numpy")
    with tempfile.TemporaryDirectory() as name:
        write_features(Path(name), 25 * images, maps.shape[1:])
        print()
        measure.report(pooled(Path(name), runs), "h5py", "numpy", "pyarrow")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--toy", action="store_true", help="a tiny model: figures that say nothing")
    arguments = parser.parse_args()
    main(arguments.images, arguments.runs, arguments.toy)
