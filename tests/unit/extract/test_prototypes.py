"""Prototypes against the naive way: upsample, concatenate, average under the mask."""

import json
import logging

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
import torch
import torch.nn.functional as F
from manifests import make_instance, write_manifest
from PIL import Image, ImageOps

from semlens.extract.prototypes import ENVIRONMENT, LAYER_SETS, plan_columns, pool_prototypes
from semlens.images.masks import measure_coverage
from semlens.storage.environment import describe_environment
from semlens.storage.shard_writer import create_shard, write_samples
from semlens.storage.table_reader import read_schema

MADE = describe_environment("extract")
CHANNELS = {
    **{"enc64.1": 3, "enc32.1": 4, "enc32.2": 4, "enc16.1": 5, "enc16.2": 5, "mid8": 6},
    **{"dec16.1": 5, "dec32.1": 4, "dec64.1": 3},
}
IMAGES = {"a": (200, 160), "b": (97, 333), "c": (64, 64)}  # width, height
ALL = "64+32+16"
FEATURES = [ALL, "64", "enc16.1", "mid8", "enc16"]


def side(layer):
    return int(layer.strip("encmid").split(".")[0])


def masks_of(image):
    """Overlapping blobs, a full mask, a line, and one pixel that lies between the cell centres of every grid."""
    width, height = IMAGES[image]
    y, x = np.mgrid[:height, :width]
    masks = {
        "blob": (x - width / 3) ** 2 / (width / 4) ** 2 + (y - height / 2) ** 2 / (height / 3) ** 2 < 1,
        "stripes": (x // 7 + y // 5) % 2 == 0,
        "corner": (x > 0.7 * width) & (y > 0.6 * height),
        "full": x >= 0,
    }
    if image == "a":
        # Cell centres of a 64 grid are 3.125 by 2.5 pixels apart; this pixel is on none.
        masks["pixel"] = (x == 2) & (y == 4)
        masks["speck"] = (x >= 100) & (x < 106) & (y >= 80) & (y < 85)
    return masks


def manifest_of(images, path):
    rows = []
    for image in images:
        for name, mask in masks_of(image).items():
            instance = f"{image}/{name}"
            row = make_instance(instance, mask)
            rows.append({**row, "identity": instance, "video": "v", "frame": 3} if image == "b" else row)
    return write_manifest(rows, path)


PLAIN = {"resize": "stretch", "mask": "nearest", "seed": 0}


def maps_of(image, view, timestep, layer):
    """Random features of their own for every image, view, timestep and layer; some large, as in real networks."""
    seed = [ord(letter) for letter in f"{image} {view} {timestep} {layer}"]
    maps = np.random.default_rng(seed).standard_normal((CHANNELS[layer], side(layer), side(layer)))
    maps[0] = 30 + 10 * maps[0]
    return maps.astype(np.float32)


def features_of(images, path, *, passes=(("identity", 0),), layers=tuple(CHANNELS)):
    with create_shard(path, {"extraction": "plain", "layers": list(layers)}, MADE) as file:
        for view in dict.fromkeys(view for view, _ in passes):
            file[f"{view}/sample_id"] = list(images)
        for view, timestep in passes:
            for layer in layers:
                values = np.stack([maps_of(image, view, timestep, layer) for image in images])
                write_samples(file, f"{view}/t{timestep}/{layer}", 0, values, total=len(images))
    return path


@pytest.fixture
def pooled(tmp_path):
    def run(images="abc", name="prototypes", layer_sets=FEATURES, how=PLAIN, **changes):
        out = tmp_path / f"{name}.parquet"
        pool_prototypes(
            features=features_of(images, tmp_path / f"{name}.h5", **changes),
            manifest=manifest_of(images, tmp_path / f"{name}.manifest.parquet"),
            layer_sets=layer_sets,
            **how,
            out=out,
        )
        return out

    return run


def vectors(path, layer_set):
    columns = json.loads(parquet.read_schema(path).metadata[LAYER_SETS])[layer_set]
    table = parquet.read_table(path)
    return np.hstack([np.array(table[column].to_pylist(), dtype=np.float32) for column in columns])


def rows(path):
    schema = parquet.read_schema(path)
    scalars = [field.name for field in schema if not arrow.types.is_fixed_size_list(field.type)]
    return pd.read_parquet(path, columns=scalars)


def members(layer_set):
    grids = {"64+32+16": (64, 32, 16), "64": (64,)}.get(layer_set)
    if grids:
        return [layer for layer in CHANNELS if side(layer) in grids]
    return [layer for layer in CHANNELS if layer == layer_set or layer.startswith(f"{layer_set}.")]


def naive(mask, image, view, timestep, layer_set):
    """Section 4.1, steps 3 to 5, to the letter; a mask that vanishes weighs cells by area."""
    maps = [torch.from_numpy(maps_of(image, view, timestep, layer))[None] for layer in members(layer_set)]
    largest = max(values.shape[-1] for values in maps)
    large = torch.cat([F.interpolate(values, (largest, largest), mode="bilinear") for values in maps], dim=1)[0]
    small = F.interpolate(torch.from_numpy(mask)[None, None].float(), (largest, largest), mode="nearest-exact")[0, 0]
    weights = (
        small.double() if small.any() else torch.from_numpy(measure_coverage(mask.astype(np.uint8), largest)).double()
    )
    return ((large.double() * weights).sum(dim=(1, 2)) / weights.sum()).numpy(), int((weights > 0).sum())


def test_prototypes_say_which_versions_made_their_features(pooled):
    stages = json.loads(read_schema(pooled()).metadata[ENVIRONMENT])
    assert stages.keys() == {"extract", "pool"} and stages["extract"] == MADE["extract"]


@pytest.mark.parametrize("layer_set", FEATURES)
def test_prototypes_are_those_of_the_naive_way(pooled, layer_set):
    path = pooled()
    found, seen = vectors(path, layer_set), rows(path)
    largest = max(side(layer) for layer in members(layer_set))
    assert found.shape == (14, sum(CHANNELS[layer] for layer in members(layer_set)))
    for place, row in enumerate(seen.itertuples()):
        name = row.instance_id.split("/")[1]
        expected, cells = naive(masks_of(row.image_id)[name], row.image_id, "identity", 0, layer_set)
        np.testing.assert_allclose(found[place], expected, rtol=1e-5, atol=1e-5, err_msg=row.instance_id)
        assert seen[f"n_cells@{largest}"][place] == cells, row.instance_id


def test_a_mask_that_vanishes_is_pooled_by_area_flagged_and_counted(pooled, caplog):
    with caplog.at_level(logging.INFO, logger="semlens"):
        path = pooled("a", layer_sets=["64", "enc16.1"])
    seen = rows(path).set_index("instance_id")
    assert seen["area_weighted@64"].to_dict() == {f"a/{name}": name == "pixel" for name in masks_of("a")}
    assert seen["area_weighted@16"].to_dict() == {f"a/{name}": name in ("pixel", "speck") for name in masks_of("a")}
    assert "6 prototypes; masks of 2 vanish at some grid" in caplog.text
    # The pixel lies in one cell of each grid: its prototype is that cell. Its centre is at (2.5, 4.5) of 200 x 160.
    place = seen.index.get_loc("a/pixel")
    assert seen["n_cells@16"].iloc[place] == 1
    np.testing.assert_allclose(
        vectors(path, "enc16.1")[place], maps_of("a", "identity", 0, "enc16.1")[:, 0, 0], rtol=1e-5
    )
    # The speck, x 100 to 106 and y 80 to 85, is in the cell whose corner is the middle of the image.
    place = seen.index.get_loc("a/speck")
    np.testing.assert_allclose(
        vectors(path, "enc16.1")[place], maps_of("a", "identity", 0, "enc16.1")[:, 8, 8], rtol=1e-5
    )


def test_area_weights_are_the_shares_of_each_cell(pooled, monkeypatch):
    # Two cells of the 8 grid (8 x 8 pixels each), a quarter and three quarters, no cell centre (4, 12, ...) within.
    mask = np.zeros((64, 64), dtype=bool)
    mask[0, 6:8] = True
    mask[0:3, 8:10] = True
    monkeypatch.setitem(globals(), "masks_of", lambda image: {"split": mask})
    path = pooled("c", layer_sets=["mid8"])
    maps = maps_of("c", "identity", 0, "mid8")
    assert rows(path)[["n_cells@8", "area_weighted@8"]].iloc[0].tolist() == [2, True]
    np.testing.assert_allclose(vectors(path, "mid8")[0], maps[:, 0, 0] / 4 + maps[:, 0, 1] * 3 / 4, rtol=1e-5)


def test_a_full_mask_averages_the_whole_map(pooled):
    path = pooled("c")
    place = rows(path)["instance_id"].tolist().index("c/full")
    maps = maps_of("c", "identity", 0, "enc16.1")
    np.testing.assert_allclose(vectors(path, "enc16.1")[place], maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)
    assert rows(path)[["n_cells@64", "n_cells@16", "n_cells@8"]].iloc[place].tolist() == [64**2, 16**2, 8**2]


def test_every_view_and_timestep_has_its_rows(pooled):
    passes = [("identity", 0), ("identity", 50), ("hflip", 0)]
    path = pooled("ab", passes=passes, layer_sets=["enc16.1"])
    seen, found = rows(path), vectors(path, "enc16.1")
    counts = seen.groupby(["view", "timestep"]).size().to_dict()
    assert counts == {("identity", 0): 10, ("identity", 50): 10, ("hflip", 0): 10}
    for place, row in enumerate(seen.itertuples()):
        mask = masks_of(row.image_id)[row.instance_id.split("/")[1]]
        mask = mask[:, ::-1].copy() if row.view == "hflip" else mask
        expected, _ = naive(mask, row.image_id, row.view, row.timestep, "enc16.1")
        np.testing.assert_allclose(found[place], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("parts", [["a", "b", "c"], ["ab", "c"], ["cb", "a"]])
def test_shards_change_no_bit(pooled, parts):
    whole = pooled("abc", "whole")
    expected = parquet.read_table(whole).to_pandas().set_index("instance_id")
    for images in parts:
        part = parquet.read_table(pooled(images, f"part-{images}")).to_pandas().set_index("instance_id")
        assert sorted({row.split("/")[0] for row in part.index}) == sorted(images)
        for column in expected:
            for instance, value in part[column].items():
                np.testing.assert_array_equal(value, expected[column][instance])


def test_the_manifests_order_of_images_does_not_matter(pooled, tmp_path):
    path = pooled("abc", layer_sets=["enc16.1"])
    out = tmp_path / "other.parquet"
    pool_prototypes(
        features=tmp_path / "prototypes.h5",
        manifest=manifest_of("cab", tmp_path / "other.manifest.parquet"),
        layer_sets=["enc16.1"],
        **PLAIN,
        out=out,
    )
    assert parquet.read_table(out).equals(parquet.read_table(path))


def test_columns_are_vectors_of_float32_and_the_file_says_which_make_a_set(pooled):
    path = pooled()
    schema = parquet.read_schema(path)
    for layer, channels in CHANNELS.items():
        largest = 8 if layer == "mid8" else 64
        assert schema.field(f"{layer}@{largest}").type == arrow.list_(arrow.float32(), channels)
    sets = json.loads(schema.metadata[LAYER_SETS])
    assert sets == {
        ALL: [f"{layer}@64" for layer in CHANNELS if layer != "mid8"],
        "64": ["enc64.1@64", "dec64.1@64"],
        "enc16.1": ["enc16.1@16"],
        "mid8": ["mid8@8"],
        "enc16": ["enc16.1@16", "enc16.2@16"],
    }


def test_rows_keep_what_is_known_of_an_instance(pooled):
    seen = rows(pooled("ab")).set_index("instance_id")
    assert seen.loc["b/blob", ["class_name", "identity", "video", "frame"]].tolist() == ["cat", "b/blob", "v", 3]
    assert seen.loc["a/blob", ["identity", "video", "frame"]].isna().all()
    assert not {"file", "rle", "width", "height"} & set(seen)
    assert seen["timestep"].dtype == np.int32


def mask_of(instance):
    image, name = instance.split("/")
    return masks_of(image)[name].astype(float)


def resized(mask, side):
    """Area fractions by a library: the mask repeated to a multiple of the grid, then averaged in blocks."""
    height, width = mask.shape
    large = mask.repeat(side, axis=0).repeat(side, axis=1)
    return large.reshape(side, height, side, width).mean(axis=(1, 3))


def test_area_weights_count_every_cell_by_what_the_mask_covers(pooled):
    path = pooled("ab", layer_sets=["enc16.1"], how={**PLAIN, "mask": "area"})
    seen, found = rows(path), vectors(path, "enc16.1")
    for row, cells, vector in zip(seen.itertuples(), seen["n_cells@16"], found, strict=True):
        weights = resized(mask_of(row.instance_id), 16)
        expected = (maps_of(row.image_id, "identity", 0, "enc16.1") * weights).sum(axis=(1, 2)) / weights.sum()
        np.testing.assert_allclose(vector, expected, rtol=2e-5, atol=1e-5)
        assert cells == np.count_nonzero(weights)
    assert np.abs(found - vectors(pooled("ab", "nearest", layer_sets=["enc16.1"]), "enc16.1")).max() > 1e-3


def test_a_letterboxed_mask_lies_where_the_image_does(pooled):
    path = pooled("ab", layer_sets=["enc16.1"], how={**PLAIN, "mask": "area", "resize": "letterbox"})
    for row, vector in zip(rows(path).itertuples(), vectors(path, "enc16.1"), strict=True):
        mask = mask_of(row.instance_id)
        square = np.asarray(ImageOps.pad(Image.fromarray(mask.astype(np.uint8)), (max(mask.shape),) * 2))
        weights = resized(square, 16)
        expected = (maps_of(row.image_id, "identity", 0, "enc16.1") * weights).sum(axis=(1, 2)) / weights.sum()
        np.testing.assert_allclose(vector, expected, rtol=2e-5, atol=1e-5)


def test_half_precision_features_are_averaged_in_single(pooled, tmp_path):
    path = tmp_path / "half.h5"
    values = np.full((1, 2, 16, 16), 3000, dtype=np.float16)  # 256 of them overflow float16
    with create_shard(path, {"extraction": "plain", "layers": ["enc16.1"]}, MADE) as file:
        file["identity/sample_id"] = ["c"]
        write_samples(file, "identity/t0/enc16.1", 0, values, total=1)
    out = tmp_path / "half.parquet"
    pool_prototypes(
        features=path, manifest=manifest_of("c", tmp_path / "m.parquet"), layer_sets=["enc16.1"], **PLAIN, out=out
    )
    np.testing.assert_allclose(vectors(out, "enc16.1"), 3000, rtol=1e-6)


def test_a_layer_that_the_capture_lacks_is_named_with_the_way_out(pooled, tmp_path):
    with pytest.raises(ValueError) as error:
        pooled(layers=("enc16.1", "mid8"), layer_sets=["enc16.1", "enc32.1"])
    assert str(error.value).startswith("extraction 'plain': no layer 'enc32.1'")
    assert "there are enc16.1, mid8; add it to the extraction's layers" in str(error.value)
    assert not (tmp_path / "prototypes.parquet").exists()


def test_features_that_are_not_finite_are_refused(pooled, tmp_path, monkeypatch):
    good = maps_of

    def broken(image, view, timestep, layer):
        values = good(image, view, timestep, layer)
        values[1, 8, 8] = np.inf
        return values

    monkeypatch.setitem(globals(), "maps_of", broken)
    with pytest.raises(ValueError, match=r"layer enc16\.1 at t = 0 is not finite for c; use dtype"):
        pooled("c", layers=["enc16.1"], layer_sets=["enc16.1"])
    assert not (tmp_path / "prototypes.parquet").exists()


def test_a_corrupt_features_shard_is_named(tmp_path):
    path = features_of("c", tmp_path / "features.h5", layers=("enc16.1",))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match="is corrupt") as error:
        pool_prototypes(
            features=path,
            manifest=manifest_of("c", tmp_path / "m.parquet"),
            layer_sets=["enc16.1"],
            **PLAIN,
            out=tmp_path / "out.parquet",
        )
    assert str(path) in str(error.value)


def test_one_layer_has_a_column_per_grid_it_is_pooled_at():
    columns = plan_columns(["enc16.1", "enc16.1+enc64.1"], {"enc64.1": 64, "enc16.1": 16}, "plain")
    assert columns == {"enc16.1": ["enc16.1@16"], "enc16.1+enc64.1": ["enc64.1@64", "enc16.1@64"]}
