"""What the host does beside a network: images per second of extraction and encoding while the network costs nothing.

    python benchmarks/host.py --annotations instances_train2017.json        # real masks; without, of drawn scenes
    python benchmarks/host.py --annotations ... --beside ../earlier         # another copy's library, in turn
    python benchmarks/host.py --annotations ... --folder /dev/shm           # where files go: here, into memory

A stand-in takes the network's place. Its layers give out maps that are there already; or it sleeps first, as long as a
GPU would compute, without holding the interpreter. Shapes are those of Stable Diffusion 1.5. Each case is a process of
its own; loading is not counted. ``of the ideal``: what the slower of the two, network and host, would take alone, over
what both took. ``of plain``: what the same bytes take that are written one after the other with a checksum of each map,
or read by HDF5, which compares checksums, over what ``maps`` or ``pool`` took.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import h5py
import measure
import numpy as np
import pandas as pd
import torch

if library := os.environ.get("SEMLENS_LIBRARY"):
    sys.path.insert(0, library)

from diffusers.configuration_utils import FrozenDict
from extraction import DEMO, UNET, write_images

from semlens.extract import latents
from semlens.extract.feature_shards import extract_features
from semlens.extract.features import FeatureExtractor
from semlens.extract.latents import encode_images
from semlens.extract.prototypes import pool_prototypes
from semlens.extract.settings import ExtractionSettings
from semlens.extract.streaming import extract_prototypes
from semlens.models.backbones import unet
from semlens.select.formats import load_format
from semlens.storage.shard_writer import create_shard, write_array, write_samples

CONFIG = FrozenDict(UNET | {"sample_size": 64, "_class_name": "UNet2DConditionModel"})
SETTINGS = {"timesteps": [0], "posterior": "sample", "noise": True, "inference_steps": None, "seed": 0} | {
    "dtype": "float32",
    "optimizations": [],
}
BASE = {"batch": 8, "objects": 9, "network": 0.0}
SIZE = 512


class UNet2DConditionModel(torch.nn.Module):
    """Gives out maps that are there already, after ``seconds`` an image in which it holds nothing."""

    def __init__(self, batch: int, seconds: float) -> None:
        super().__init__()
        self.config, self.dtype, self.device, self._seconds = CONFIG, torch.float32, torch.device("cpu"), seconds
        generator = torch.Generator().manual_seed(0)
        self._layers = unet.list_layers(CONFIG)
        self.maps = {}
        for layer in self._layers:
            shape = (batch, layer.channels, layer.grid, layer.grid)
            self.maps[layer.name] = torch.randn(shape, generator=generator)
            place: torch.nn.Module = self
            for name in layer.module.split("."):
                if not hasattr(place, name):
                    place.add_module(name, torch.nn.Identity())
                place = getattr(place, name)

    def forward(self, sample: torch.Tensor, timestep: int, **conditioning: Any) -> None:
        time.sleep(self._seconds * len(sample))
        for layer in self._layers:
            self.get_submodule(layer.module)(self.maps[layer.name][: len(sample)])


class Encoder:
    """A VAE that costs nothing but the seconds it sleeps."""

    config = FrozenDict(scaling_factor=0.18215, latent_channels=4)
    dtype, device = torch.float32, torch.device("cpu")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def encode(self, pixels: torch.Tensor) -> SimpleNamespace:
        time.sleep(self._seconds * len(pixels))
        return SimpleNamespace(latent_dist=SimpleNamespace(parameters=torch.zeros(len(pixels), 8, 64, 64)))


def read_instances(annotations: str | None, folder: Path) -> pd.DataFrame:
    """Rows of a manifest: of a file of COCO's, or of drawn scenes."""
    if annotations is None:
        write_images(folder, 4)
        return pd.read_parquet(folder / "manifest.parquet")
    root = Path(annotations)
    split = root.stem.removeprefix("instances_")
    return pd.DataFrame(load_format("coco").read_instances(root.parents[1], [split], None)).assign(dataset="coco")


def write_manifest(known: pd.DataFrame, folder: Path, images: int, objects: int) -> None:
    """As many images, each with so many of the known masks of images of one size."""
    alike = {size: rows for size, rows in known.groupby(["width", "height"])}
    drawn = known[["width", "height"]].sample(images, replace=True, random_state=0)
    chosen = [
        alike[size].sample(objects, replace=True, random_state=number)
        for number, size in enumerate(drawn.itertuples(index=False, name=None))
    ]
    rows = pd.concat(chosen, ignore_index=True)
    names = [f"{number:06d}" for number in np.repeat(np.arange(images), objects)]
    rows["image_id"] = names
    rows["instance_id"] = [f"{name}/{number}" for number, name in enumerate(names)]
    rows.to_parquet(folder / "manifest.parquet")


def write_inputs(folder: Path, images: int) -> None:
    """Latents and a prompt whose values do not matter."""
    ids = [f"{number:06d}" for number in range(images)]
    with create_shard(folder / "latents.h5", {"scaling_factor": 0.18215, "size": SIZE}, {}) as shard:
        write_array(shard, "identity/sample_id", ids)
        write_samples(shard, "identity/posterior", 0, np.zeros((images, 8, 64, 64), np.float32), total=images)
    with create_shard(folder / "prompt.h5", {}, {}) as shard:
        shard["embedding"] = np.zeros((1, 77, 768), np.float32)


def run_case(case: dict[str, Any], folder: Path, known: pd.DataFrame) -> dict[str, float]:
    """Seconds that a case takes an image; and how long the same bytes take that are plainly written, or read."""
    images, batch = case["images"], case["batch"]
    write_manifest(known, folder, images, case["objects"])
    if case["what"] == "encode":
        with mock.patch.object(latents, "load_vae", _load_vae(case)):
            return {"seconds": _time(lambda: _encode(case, folder)) / images}
    write_inputs(folder, images)
    network = UNet2DConditionModel(batch, case["network"])
    settings = {"layers": [case["layers"]], **SETTINGS}
    with mock.patch.object(unet, "load", lambda *_, **__: network):
        extractor = FeatureExtractor(
            ExtractionSettings(**{field.name: settings[field.name] for field in fields(ExtractionSettings)}),
            family="unet",
            inputs={
                "latents": folder / "latents.h5",
                "prompt": folder / "prompt.h5",
                "network": "",
                "scheduler": DEMO / "scheduler",
            },
            images={"size": SIZE},
            device="cpu",
            batch_size=batch,
            names={"extraction": "host", "model": "none", "dataset": "coco", "prompt": ""},
        )
    masks = {"resize": "stretch", "mask": "nearest", "seed": 0}
    pooled = {"manifest": folder / "manifest.parquet", "layer_sets": [case["layers"]], **masks}
    maps, prototypes, tokens = (folder / name for name in ("maps.h5", "prototypes.parquet", "tokens.h5"))
    if case["what"] == "prototypes":
        seconds = _time(lambda: extract_prototypes(extractor, **pooled, out=prototypes, tokens=tokens))
        return {"seconds": seconds / images}
    seconds = _time(lambda: extract_features(extractor, out=maps, tokens=tokens))
    if case["what"] == "maps":
        chosen = [network.maps[layer.name] for layer in extractor.layers]
        plain = _time(lambda: _write_plainly(folder / "plain", chosen, images))
    else:
        seconds = _time(lambda: pool_prototypes(features=maps, **pooled, out=prototypes))
        plain = _time(lambda: _read_plainly(maps))
    return {"seconds": seconds / images, "plain": plain / images}


def _time(work: measure.Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _write_plainly(file: Path, maps: list[torch.Tensor], images: int) -> None:
    """Maps one after the other, each with a checksum of its bytes."""
    with file.open("wb", buffering=0) as out:
        for image, of_layer in itertools.product(range(images), maps):
            one = of_layer[image % len(of_layer)].numpy()
            out.write(one)
            out.write(zlib.crc32(one).to_bytes(4, "little"))


def _read_plainly(file: Path) -> None:
    """Maps one after the other, by HDF5, which compares their checksums."""
    with h5py.File(file) as shard:
        group = shard["identity/t0"]
        for layer, image in itertools.product(group, range(len(shard["identity/sample_id"]))):
            group[layer][image]


def _load_vae(case: dict[str, Any]) -> Any:
    return lambda *_, **__: Encoder(case["network"])


def _encode(case: dict[str, Any], folder: Path) -> None:
    encode_images(
        manifest=folder / "manifest.parquet",
        folder=case["photographs"],
        vae="",
        views=["identity"],
        seed=0,
        size=SIZE,
        resize="stretch",
        exif="ignore",
        dtype="float32",
        device="cpu",
        batch_size=case["batch"],
        out=folder / "latents.h5",
    )


def list_cases(toy: bool) -> list[dict[str, Any]]:
    """What is measured: one thing at a time differs from the base."""
    cases = [
        {"what": what, "layers": layers, **BASE, **changed}
        for what, layers in itertools.product(("prototypes", "maps", "pool"), ("enc16.1", "64+32+16"))
        for changed in ({}, {"batch": 1}, {"batch": 32}, {"objects": 1}, {"objects": 30}, {"network": 0.01})
        if what != "pool" or not changed
    ]
    cases += [{"what": "encode", "layers": "-", **BASE, **changed} for changed in ({}, {"network": 0.003})]
    if toy:
        chosen = [
            case for case in cases if case["layers"] != "64+32+16" and case["batch"] == 8 and case["objects"] == 9
        ]
        return [{**case, "images": 2, "batch": 2} for case in chosen if case["what"] in ("prototypes", "encode")]
    few = [("maps", "64+32+16"), ("pool", "64+32+16"), ("encode", "-")]  # 46 MB an image, or slow
    return [{**case, "images": 64 if (case["what"], case["layers"]) in few else 512} for case in cases]


def compare(options: argparse.Namespace) -> list[dict[str, object]]:
    """A row per case, each library in turn, round by round."""
    libraries = {"this": "", **({"beside": str(Path(options.beside, "workflow", "scripts"))} if options.beside else {})}
    rows, free = [], {}
    for case in list_cases(options.toy):
        changed = any(case[name] != BASE[name] for name in ("batch", "objects"))
        if case["what"] not in options.only or (options.base and changed):
            continue
        found: dict[str, list[dict[str, float]]] = {name: [] for name in libraries}
        for _, (name, library) in itertools.product(range(options.runs), libraries.items()):
            found[name].append(_run_process(case, options, library))
        seconds = {name: [run["seconds"] for run in runs] for name, runs in found.items()}
        key = tuple(case[name] for name in ("what", "layers", "batch", "objects"))
        row = {name: case[name] for name in ("what", "layers", "batch", "objects")}
        row["network, ms"] = f"{1000 * case['network']:g}"
        row["images/s"] = measure.spread([1 / value for value in seconds["this"]])
        row["of the ideal"] = row["of plain"] = "-"
        if case["network"]:
            ideal = max(case["network"], free[key])
            row["of the ideal"] = f"{ideal / statistics.median(seconds['this']):.2f}"
        else:
            free[key] = statistics.median(seconds["this"])
        if plain := [run["plain"] for run in found["this"] if "plain" in run]:
            row["of plain"] = measure.spread(measure.ratios(plain, seconds["this"]))
        if options.beside:
            row["beside, images/s"] = measure.spread([1 / value for value in seconds["beside"]])
            row["times faster"] = measure.spread(measure.ratios(seconds["beside"], seconds["this"]))
        rows.append(row)
        print(row, file=sys.stderr)
    return rows


def _run_process(case: dict[str, Any], options: argparse.Namespace, library: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--case", json.dumps(case), *(["--toy"] if options.toy else [])]
    for name in ("annotations", "folder"):
        if getattr(options, name):
            command += [f"--{name}", getattr(options, name)]
    environment = {**os.environ, **({"SEMLENS_LIBRARY": library} if library else {})}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)


def main(options: argparse.Namespace) -> None:
    if not options.case:
        measure.report(compare(options), "torch", "numpy", "h5py")
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        known, case = read_instances(options.annotations, Path(name)), json.loads(options.case)
        drawn = Path(name, "coco")
        case["photographs"] = str(Path(options.annotations).parents[1] if options.annotations else drawn)
        print(json.dumps(run_case(case, Path(name), known)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", help="a COCO file instances_SPLIT.json, in COCO's layout with its images")
    parser.add_argument("--folder", help="where files are written")
    parser.add_argument("--beside", help="another working copy, whose library is measured too")
    whats = ["prototypes", "maps", "pool", "encode"]
    parser.add_argument("--only", nargs="+", choices=whats, default=whats)
    parser.add_argument("--base", action="store_true", help="batches of 8 and 9 objects an image alone")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--toy", action="store_true", help="two images: figures that say nothing")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    main(parser.parse_args())
