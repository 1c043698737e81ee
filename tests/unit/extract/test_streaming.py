"""Prototypes that are made as the U-Net reads, against those of the maps that it would have left."""

import errno
import json
import os
import shutil
import threading
import time

import h5py
import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
import torch
from extractors import make_extractor
from manifests import make_instance, write_manifest

from semlens.extract import prototypes
from semlens.extract.feature_shards import extract_features
from semlens.extract.pooling import HostPooling
from semlens.extract.prototypes import LAYER_SETS, PASSES, pool_prototypes
from semlens.extract.streaming import DevicePooling, extract_prototypes
from semlens.images.samples import iterate_samples
from semlens.images.views import load_view
from semlens.storage.environment import describe_environment
from semlens.storage.shard_writer import create_shard, write_samples
from semlens.storage.table_reader import read_schema

IMAGES = {"a": (160, 120), "b": (97, 200), "c": (64, 64)}  # width, height
VIEWS = ["identity", "hflip", "crop_shift60"]
TIMESTEPS = [100, 50]
LAYERS = ["16+8", "enc4.1", "dec4", "mid2"]  # captured
FEATURES = ["16+8+4", "8", "enc4", "enc16.1+mid2"]  # pooled: 8 and enc4.1 at 16 and at their own grid
PARTS = [("enc", 16, 2), ("enc", 8, 2), ("enc", 4, 1), ("dec", 4, 3), ("dec", 8, 3), ("dec", 16, 3)]
SQUASH = {"resize": "stretch", "mask": "nearest", "seed": 0}
LETTERBOX = {"resize": "letterbox", "mask": "area", "seed": 0}
# Of a vector's length: float32 numbers are added in another order, which was seen to make 2.4e-7 at most.
ROUNDING = 1e-6


def masks_of(image):
    """Overlapping shapes, a thin line along two sides of its box, and a pixel between the cell centres of all grids."""
    width, height = IMAGES[image]
    y, x = np.mgrid[:height, :width]
    return {
        "blob": (x - width / 3) ** 2 / (width / 4) ** 2 + (y - height / 2) ** 2 / (height / 3) ** 2 < 1,
        "stripes": (x // 7 + y // 5) % 2 == 0,
        "line": ((x == 8) & (y > 8) & (y < 60)) | ((y == 8) & (x > 8) & (x < 60)),
        "pixel": (x == 0) & (y == 0),
    }


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    path = tmp_path_factory.mktemp("manifest") / "00000.parquet"
    masks = {f"{image}/{name}": mask for image in IMAGES for name, mask in masks_of(image).items()}
    return write_manifest([make_instance(name, mask) for name, mask in masks.items()], path)


@pytest.fixture(scope="module")
def latents(manifest, tmp_path_factory):
    """As the VAE might have made them: a mean and a log variance for every sample of every view."""
    path = tmp_path_factory.mktemp("latents") / "00000.h5"
    rng = np.random.default_rng(0)
    with create_shard(path, {"scaling_factor": 0.18215, "size": 128}, describe_environment("encode")) as file:
        for view in VIEWS:
            ids = [sample.id for sample in iterate_samples(load_view(view), pd.read_parquet(manifest))]
            file[f"{view}/sample_id"] = ids
            moments = rng.standard_normal((len(ids), 8, 16, 16), dtype=np.float32)
            write_samples(file, f"{view}/posterior", 0, moments, total=len(ids))
    return path


@pytest.fixture(scope="module")
def reader(small_model, latents, tmp_path_factory):
    prompt = tmp_path_factory.mktemp("prompt") / "any.h5"
    with create_shard(prompt, {}, describe_environment("encode")) as file:
        file["embedding"] = np.random.default_rng(1).standard_normal((1, 77, 32), dtype=np.float32)

    def made(**changes):
        settings = {
            "latents": latents,
            "prompt": prompt,
            "network": small_model / "unet",
            "scheduler": small_model / "scheduler",
            "layers": LAYERS,
            "timesteps": TIMESTEPS,
            "posterior": "sample",
            "noise": True,
            "inference_steps": None,
            "seed": 7,
            "dtype": "float32",
            "device": "cpu",
            "batch_size": 2,
            "names": {"extraction": "plain"},
            **changes,
        }
        return make_extractor(**settings)

    return made


def by_maps(reader, out, **how):
    """Prototypes the long way."""
    maps = out.with_suffix(".h5")
    extract_features(reader, out=maps)
    pool_prototypes(features=maps, out=out, **how)
    return parquet.read_table(out)


def at_once(reader, out, **how):
    extract_prototypes(reader, out=out, **how)
    return parquet.read_table(out)


def split(table):
    """What is known of each instance, and its vectors by column."""
    vectors = [field.name for field in table.schema if arrow.types.is_fixed_size_list(field.type)]
    return table.drop_columns(vectors).to_pandas(), {
        name: np.array(table[name].to_pylist(), dtype=np.float32) for name in vectors
    }


@pytest.mark.parametrize(
    ("dtype", "batch_size", "how"),
    [("float32", 1, SQUASH), ("float32", 4, LETTERBOX), ("bfloat16", 2, SQUASH)],
)
def test_both_ways_lead_to_the_same_prototypes(reader, manifest, tmp_path, dtype, batch_size, how):
    settings = {"manifest": manifest, "layer_sets": FEATURES, **how}
    read = {"dtype": dtype, "batch_size": batch_size}
    long = by_maps(reader(**read), tmp_path / "long.parquet", **settings)
    short = at_once(reader(**read), tmp_path / "short.parquet", **settings)
    assert short.schema.equals(long.schema)
    metadata, expected = (read_schema(tmp_path / name).metadata for name in ("short.parquet", "long.parquet"))
    assert all(metadata[key] == expected[key] for key in (LAYER_SETS, PASSES))
    (rows, vectors), (expected_rows, expected) = split(short), split(long)
    pd.testing.assert_frame_equal(rows, expected_rows)
    for column, values in expected.items():
        off = np.linalg.norm(vectors[column] - values, axis=1) / np.linalg.norm(values, axis=1)
        assert off.max() < ROUNDING, column


@pytest.fixture(scope="module")
def pooled(reader, manifest, tmp_path_factory):
    out = tmp_path_factory.mktemp("prototypes") / "00000.parquet"
    return at_once(reader(), out, manifest=manifest, layer_sets=FEATURES, **SQUASH)


def test_sets_are_pooled_at_their_largest_grid_from_what_the_capture_holds(pooled):
    at_16 = [f"{part}{grid}.{k}@16" for part, grid, many in PARTS for k in range(1, many + 1)]
    sets = json.loads(pooled.schema.metadata[LAYER_SETS])
    assert sorted(sets["16+8+4"]) == sorted(at_16)
    assert sets["8"] == [f"{name}@8" for name in ("enc8.1", "enc8.2", "dec8.1", "dec8.2", "dec8.3")]
    assert sets["enc4"] == ["enc4.1@4"]
    assert sets["enc16.1+mid2"] == ["enc16.1@16", "mid2@16"]
    assert set(split(pooled)[1]) == {column for columns in sets.values() for column in columns}


def test_rows_are_what_views_show_in_the_order_of_timesteps(pooled, manifest):
    """All but lines that a shifted window misses; pixels count by area."""
    rows, _ = split(pooled)
    assert list(rows[["view", "timestep"]].drop_duplicates().itertuples(index=False, name=None)) == [
        (view, timestep) for view in sorted(VIEWS) for timestep in sorted(TIMESTEPS)
    ]
    everyone = list(pd.read_parquet(manifest)["instance_id"])
    for (view, _), seen in rows.groupby(["view", "timestep"]):
        names = list(seen["instance_id"])
        assert names == [name for name in everyone if name in names]
        assert (len(names) < len(everyone)) == (view == "crop_shift60")
    vanished = rows[rows["view"] == "identity"].groupby("instance_id")["area_weighted@16"].all()
    assert not {f"{image}/blob" for image in IMAGES} & set(vanished.index[vanished])
    assert {f"{image}/pixel" for image in IMAGES} <= set(vanished.index[vanished])


def test_the_model_runs_no_further_than_is_pooled(reader, manifest, tmp_path):
    def refuse(*_):
        raise AssertionError("the middle was run")

    used = reader()
    hook = used._network.mid_block.register_forward_pre_hook(refuse)
    settings = {"manifest": manifest, **SQUASH}
    at_once(used, tmp_path / "encoder.parquet", layer_sets=["enc4"], **settings)
    with pytest.raises(AssertionError, match="the middle was run"):
        at_once(used, tmp_path / "all.parquet", layer_sets=["mid2"], **settings)
    hook.remove()


def test_prototypes_that_are_not_finite_are_refused_by_layer_and_sample(reader, latents, manifest, tmp_path):
    broken = tmp_path / "latents.h5"
    shutil.copy(latents, broken)
    with h5py.File(broken, "r+") as file:
        file["hflip/posterior"][1, 0, 0, 0] = np.nan
    out = tmp_path / "prototypes.parquet"
    with pytest.raises(ValueError, match=r"layer enc4\.1 at t = 100 is not finite for b; use dtype"):
        at_once(reader(latents=broken), out, manifest=manifest, layer_sets=["enc4"], **SQUASH)
    assert [path.name for path in tmp_path.iterdir()] == ["latents.h5"]


def test_a_layer_that_the_capture_lacks_is_named_before_anything_runs(reader, manifest, tmp_path):
    out = tmp_path / "prototypes.parquet"
    with pytest.raises(
        ValueError, match=r"extraction 'plain': no layer 'enc4\.2' .* add it to the extraction's layers"
    ):
        at_once(reader(), out, manifest=manifest, layer_sets=["enc4.2"], **SQUASH)
    assert not out.exists()


def hash_datasets(path):
    """Every dataset of a shard, to the bit."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()} if hasattr(item, "shape") else {}))
    return found


def test_both_ways_sample_the_same_tokens(reader, manifest, tmp_path):
    extract_features(reader(), out=tmp_path / "maps.h5", tokens=tmp_path / "long.h5")
    short = {"manifest": manifest, "layer_sets": LAYERS, **SQUASH, "tokens": tmp_path / "short.h5"}
    extract_prototypes(reader(batch_size=3), out=tmp_path / "prototypes.parquet", **short)
    with h5py.File(tmp_path / "long.h5") as long, h5py.File(tmp_path / "short.h5") as other:
        assert list(long.attrs["layers"]) == list(other.attrs["layers"])
        assert set(long) == set(other) == {"image_id", "t100", "t50"}
        for layer in long["t50"]:
            assert (long[f"t50/{layer}/row"][:] == other[f"t50/{layer}/row"][:]).all()
            # Batches of other sizes take other convolutions, which add in another order.
            np.testing.assert_allclose(long[f"t50/{layer}/tokens"], other[f"t50/{layer}/tokens"], rtol=0, atol=3e-5)


def test_maps_are_the_same_whether_tokens_are_sampled_or_not(reader, tmp_path):
    extract_features(reader(), out=tmp_path / "plain.h5")
    extract_features(reader(), out=tmp_path / "sampled.h5", tokens=tmp_path / "tokens.h5")
    assert hash_datasets(tmp_path / "sampled.h5") == hash_datasets(tmp_path / "plain.h5")


def test_prototypes_are_the_same_whether_tokens_are_sampled_or_not(reader, manifest, tmp_path):
    settings = {"manifest": manifest, "layer_sets": FEATURES, **SQUASH}
    plain = at_once(reader(), tmp_path / "plain.parquet", **settings)
    assert at_once(reader(), tmp_path / "sampled.parquet", **settings, tokens=tmp_path / "tokens.h5").equals(plain)


def test_a_token_is_a_cell_of_the_map_that_is_kept(reader, tmp_path):
    extract_features(reader(), out=tmp_path / "maps.h5", tokens=tmp_path / "tokens.h5")
    with h5py.File(tmp_path / "maps.h5") as maps, h5py.File(tmp_path / "tokens.h5") as tokens:
        for layer in tokens["t100"]:
            group = tokens[f"t100/{layer}"]
            height, width = group["grid"]
            rows = (group["row"][1] * height - 0.5).round().astype(int)
            columns = (group["column"][1] * width - 0.5).round().astype(int)
            expected = maps[f"identity/t100/{layer}"][1][:, rows, columns].T
            np.testing.assert_array_equal(group["tokens"][1], expected)


@pytest.mark.parametrize("channels_last", (False, True))
@pytest.mark.parametrize("counting", (1, 0.5, 0))  # the share of cells that count
@pytest.mark.parametrize("side", (8, 7, 4, 1))
def test_a_device_pools_as_the_host_does(side, counting, channels_last):
    """The device that there is here, the CPU; of one sample, nothing is shown."""
    rng = np.random.default_rng(0)
    cells = side * side
    shares, ends = rng.random((9, cells), np.float32), [0, 3, 3, 9]
    shares[:, round(counting * cells) :] = 0
    others = shares[::-1, ::-1].copy()  # of another grid
    maps = rng.standard_normal((3, 11, side, side), np.float32)
    if channels_last:
        maps = maps.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    device = DevicePooling(torch.device("cpu"))
    with HostPooling() as host:
        found, expected = (
            pooling.fetch(
                pooling.average({"a": [pooling.place(of, ends) for of in (shares, others)]}, ends, {"a": values})
            )
            for pooling, values in ((host, maps), (device, torch.from_numpy(maps)))
        )
    assert [means.shape for means in found] == [(9, 11), (9, 11)] and found[0].dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    for means, of_grid in zip(found, (shares, others), strict=True):
        np.testing.assert_allclose(means[3], maps[2].reshape(11, cells) @ of_grid[3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("side", (4, 16))
def test_maps_of_another_size_than_the_masks_are_refused(side):
    shares = np.zeros((1, 64), np.float32)
    shares[0, 0] = 1
    with HostPooling() as host, pytest.raises(ValueError, match="cannot reshape"):
        host.fetch(
            host.average({"a": [host.place(shares, [0, 1])]}, [0, 1], {"a": np.ones((1, 2, side, side), np.float32)})
        )


def test_a_device_is_done_with_a_pass_before_the_next_is_asked_for(reader, manifest, tmp_path):
    """Its maps may not be used any longer."""
    events = []

    class Watched(DevicePooling):
        def average(self, *given):
            events.append("average")
            return super().average(*given)

        def fetch(self, means):
            events.append("fetch")
            return super().fetch(means)

    def watch(passes):
        for one in passes:
            events.append("read")
            yield one

    extractor = reader()
    grids = {layer.name: layer.grid for layer in extractor.layers}
    prototypes.write_prototypes(
        watch(extractor.iterate_passes(extractor.layers)),
        extractor.batches,
        prototypes.plan_columns(FEATURES, grids, "plain"),
        grids,
        environment=extractor.environment,
        manifest=manifest,
        **SQUASH,
        out=tmp_path / "device.parquet",
        pooling=Watched(extractor.device),
    )
    assert events == ["read", "average", "fetch"] * (len(extractor.batches) * len(TIMESTEPS))
    known, vectors = split(parquet.read_table(tmp_path / "device.parquet"))
    expected, on_host = split(
        at_once(reader(), tmp_path / "host.parquet", manifest=manifest, layer_sets=FEATURES, **SQUASH)
    )
    assert known.equals(expected)
    for column, values in vectors.items():
        lengths = np.linalg.norm(on_host[column], axis=1, keepdims=True)
        assert (np.abs(values - on_host[column]) <= ROUNDING * lengths).all()


def test_pooling_ends_once_no_map_is_being_read(monkeypatch):
    """Else a file might be closed, and its number given to another, while a thread reads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    reading, ended = threading.Event(), []

    class Slow:
        shape = (100, 2, 1, 1)

        def __len__(self):
            return 100

        def __getitem__(self, sample):
            reading.set()
            time.sleep(0.2)
            ended.append(sample)
            return np.ones((2, 1, 1), np.float32)

    with pytest.raises(KeyboardInterrupt), HostPooling() as host:
        ends = list(range(101))
        host.average({"slow": [host.place(np.ones((100, 1), np.float32), ends)]}, ends, {"slow": Slow()})
        assert reading.wait(10)
        raise KeyboardInterrupt
    read = len(ended)
    time.sleep(0.5)
    assert 0 < read == len(ended) < 100


WORKS = {"extract_features": "feature_shards.write_samples", "extract_prototypes": "prototypes._check_means"} | {
    "pool_prototypes": "prototypes._check_means"
}


@pytest.mark.parametrize("work", WORKS)
def test_an_error_ends_every_stage_even_while_somebody_holds_it(reader, manifest, tmp_path, monkeypatch, work):
    pooled = {"manifest": manifest, "layer_sets": FEATURES, **SQUASH, "out": tmp_path / "prototypes.parquet"}
    maps = tmp_path / "maps.h5"
    if work == "pool_prototypes":
        extract_features(reader(), out=maps)

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    works = {
        "extract_features": lambda: extract_features(reader(), out=maps),
        "extract_prototypes": lambda: extract_prototypes(reader(), **pooled),
        "pool_prototypes": lambda: pool_prototypes(features=maps, **pooled),
    }
    monkeypatch.setattr(f"semlens.extract.{WORKS[work]}", fail)
    kept = set(tmp_path.iterdir())
    with pytest.raises(OSError, match="No space left") as held:
        works[work]()
    assert held.tb and set(tmp_path.iterdir()) == kept
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("stage")] == []


@pytest.mark.parametrize("batch", [1, 3])
def test_pooling_is_the_same_however_many_samples_are_pooled_together(reader, manifest, tmp_path, monkeypatch, batch):
    settings = {"features": tmp_path / "maps.h5", "manifest": manifest, "layer_sets": FEATURES, **SQUASH}
    extract_features(reader(), out=tmp_path / "maps.h5")
    pool_prototypes(**settings, out=tmp_path / "whole.parquet")
    monkeypatch.setattr(prototypes, "_BATCH", batch)
    pool_prototypes(**settings, out=tmp_path / "parts.parquet")
    assert parquet.read_table(tmp_path / "parts.parquet").equals(parquet.read_table(tmp_path / "whole.parquet"))


def test_each_map_is_read_once_however_many_grids_it_is_pooled_at(reader, manifest, tmp_path, monkeypatch):
    read = []
    preadv = os.preadv

    def count(descriptor, parts, offset):
        read.append(offset)
        return preadv(descriptor, parts, offset)

    extract_features(reader(), out=tmp_path / "maps.h5")
    monkeypatch.setattr(os, "preadv", count)
    pool_prototypes(
        features=tmp_path / "maps.h5", manifest=manifest, layer_sets=FEATURES, **SQUASH, out=tmp_path / "p.parquet"
    )
    with h5py.File(tmp_path / "maps.h5") as maps:
        groups = [maps[f"{view}/t{timestep}"] for view in VIEWS for timestep in TIMESTEPS]
        stored = sum(len(layer) for group in groups for layer in group.values())
    assert len(read) == len(set(read)) == stored


def test_a_shard_with_many_spoiled_maps_is_set_aside_once(reader, manifest, tmp_path):
    maps, out = tmp_path / "maps.h5", tmp_path / "p.parquet"
    extract_features(reader(), out=maps)
    with h5py.File(maps) as file:
        dataset = file["identity/t50/enc16.1"]
        places = [dataset.id.get_chunk_info(sample).byte_offset for sample in range(len(dataset))]
    content = bytearray(maps.read_bytes())
    for place in places:
        content[place] ^= 1
    maps.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"maps\.h5 is corrupt \(the checksum of .*enc16\.1.* is now called maps\.h5\.cor"
    ):
        pool_prototypes(features=maps, manifest=manifest, layer_sets=FEATURES, **SQUASH, out=out)
    assert [file.name for file in tmp_path.iterdir()] == ["maps.h5.corrupt"]


def test_tables_are_the_same_in_however_many_parts_they_are_written(reader, manifest, tmp_path, monkeypatch):
    settings = {"manifest": manifest, "layer_sets": FEATURES, **SQUASH}
    whole = at_once(reader(), tmp_path / "whole.parquet", **settings)
    monkeypatch.setattr(prototypes, "_BYTES_AT_ONCE", 1)
    assert at_once(reader(), tmp_path / "parts.parquet", **settings).equals(whole)
    groups = [parquet.read_metadata(tmp_path / name).num_row_groups for name in ("whole.parquet", "parts.parquet")]
    waiting = len(VIEWS) * (len(TIMESTEPS) - 1)  # until the first timestep of their view is written
    assert groups == [len(VIEWS) + waiting, len(reader().batches) + waiting]
