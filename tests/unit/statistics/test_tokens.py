"""Artefacts of tokens: what is planted in synthetic maps is named, with its size."""

from zlib import crc32

import numpy as np
import pandas as pd
import pytest
import torch
from manifests import make_instance, write_manifest

from semlens.extract.passes import Batch, Pass
from semlens.extract.tokens import sample_tokens
from semlens.statistics.tokens import TOKEN_ARTEFACTS, describe_tokens, measure_tokens
from semlens.storage.csv_tables import read_csv
from semlens.storage.environment import describe_environment

IMAGES, CELLS, CHANNELS = 20, 16, 32


@pytest.fixture
def noise():
    return np.random.default_rng(0).standard_normal((IMAGES, CELLS, CHANNELS)).astype(np.float32)


@pytest.fixture
def places():
    return np.random.default_rng(1).random((IMAGES, CELLS, 2))


UNITS = np.array([f"i{number}" for number in range(IMAGES)])


def test_two_huge_channels_have_the_variance_and_are_named(noise, places):
    noise[..., [19, 3]] *= [1000, 400]
    found = describe_tokens(noise, places, UNITS)
    assert found["variance_share"] > 0.999 and found["square_share"] > 0.999
    assert found["largest_channels"].split()[:2] == ["19", "3"]


def test_a_channel_that_is_large_everywhere_has_the_square_and_not_the_variance(noise, places):
    noise[..., 7] += 1000
    found = describe_tokens(noise, places, UNITS)
    assert found["largest_channels"].split()[0] == "7"
    assert found["square_share"] > 0.999 and found["variance_share"] < 0.3


def test_shares_of_noise_are_those_of_any_four_channels(noise, places):
    found = describe_tokens(noise, places, UNITS)
    assert found["variance_share"] == pytest.approx(4 / CHANNELS, rel=0.2)


def test_a_dead_layer_has_no_shares(places):
    found = describe_tokens(np.zeros((IMAGES, CELLS, CHANNELS), np.float32), places, UNITS)
    assert np.isnan(found["variance_share"]) and np.isnan(found["square_share"])


def test_one_token_of_high_norm_per_image_is_counted(noise, places):
    noise[:, 5] *= 50
    found = describe_tokens(noise, places, UNITS)
    norms = np.linalg.norm(noise.reshape(-1, CHANNELS).astype(float), axis=1)
    assert found["high_norm_share"] == 1 / CELLS
    assert found["norm_max"] == pytest.approx(norms.max()) and found["norm_max"] > 30 * found["norm_median"]
    assert found["norm_p99"] == pytest.approx(np.quantile(norms, 0.99))


def test_maps_that_hold_only_the_place_tell_it(places):
    found = describe_tokens(places.astype(np.float32), places, UNITS)
    assert found["position_r2"] > 0.999


def test_noise_does_not_tell_the_place(noise, places):
    assert describe_tokens(noise, places, UNITS)["position_r2"] < 0.05


def test_position_is_the_mean_of_row_and_column(noise, places):
    noise[..., 0] = places[..., 0]
    found = describe_tokens(noise, places, UNITS)
    assert found["row_r2"] > 0.95 > 0.1 > found["column_r2"]
    assert found["position_r2"] == (found["row_r2"] + found["column_r2"]) / 2


def test_tokens_of_one_image_are_left_out_together():
    """What tells images apart would otherwise tell the places that only one of them has."""
    places = np.repeat(np.random.default_rng(0).random((IMAGES, 1, 2)), CELLS, axis=1)
    codes = np.repeat(np.eye(IMAGES, dtype=np.float32)[:, None], CELLS, axis=1)
    assert describe_tokens(codes, places, UNITS)["position_r2"] < 0.05


def test_frames_of_few_videos_are_not_taken_for_images(places):
    videos = np.array(["a", "b", "c", "d"] * 5)
    assert np.isnan(describe_tokens(places.astype(np.float32), places, videos)["position_r2"])


def write_shard(path, ids, *, layers=("enc8.1", "mid2"), change=lambda maps: maps):
    """A shard of two timesteps with random maps, each image's from its name."""
    grids = {layer: int(layer.strip("encmid").split(".")[0]) for layer in layers}

    def passes():
        for timestep in (100, 20):
            of_layers = {}
            for layer, grid in grids.items():
                seeds = [crc32(f"{name[-2:]}/{timestep}/{grid}".encode()) for name in ids]
                maps = [np.random.default_rng(seed).standard_normal((CHANNELS, grid, grid)) for seed in seeds]
                of_layers[layer] = change(torch.from_numpy(np.stack(maps)))
            yield Pass(Batch("identity", 0, ids), timestep, of_layers)

    attributes = {"extraction": "plain", "model": "m", "dataset": "d", "layers": list(layers), "seed": 0}
    about = {"samples": {"identity": ids}, "attributes": attributes, "environment": describe_environment("extract")}
    with sample_tokens(passes() if ids else [], path, **about) as sampled:
        list(sampled)
    return path


def write_rows(path, ids, *, frames=False):
    mask = np.ones((4, 4), bool)
    rows = [make_instance(f"{name}/1", mask, frame=number if frames else None) for number, name in enumerate(ids)]
    return write_manifest(rows, path)


def measure(tmp_path, parts, *, frames=False, **how):
    tokens = [write_shard(tmp_path / f"{number}.h5", ids, **how) for number, ids in enumerate(parts)]
    manifests = [write_rows(tmp_path / f"{number}.parquet", ids, frames=frames) for number, ids in enumerate(parts)]
    measure_tokens(tokens=tokens, manifests=manifests, out=tmp_path / "tokens.csv")
    return read_csv(tmp_path / "tokens.csv")


NAMES = [f"i{number:02d}" for number in range(12)]


def test_a_row_per_timestep_and_layer_in_forward_order(tmp_path):
    table = measure(tmp_path, [NAMES], layers=("mid2", "enc8.1"))
    asked = [(20, "mid2"), (20, "enc8.1"), (100, "mid2"), (100, "enc8.1")]
    assert list(table[["timestep", "layer"]].itertuples(index=False, name=None)) == asked


def test_shards_are_taken_together(tmp_path):
    for name in ("one", "several"):
        (tmp_path / name).mkdir()
    whole = measure(tmp_path / "one", [NAMES])
    parts = measure(tmp_path / "several", [NAMES[:7], NAMES[7:]])
    pd.testing.assert_frame_equal(parts, whole)
    assert set(whole["n_images"]) == {12} and list(whole["n_tokens"]) == [192, 48, 192, 48]


def test_frames_of_one_video_are_one_unit(tmp_path):
    table = measure(tmp_path, [[f"walk/{name}" for name in NAMES]], frames=True)
    assert table["position_r2"].isna().all() and table["norm_max"].notna().all()


def test_shards_without_the_original_view_give_no_rows(tmp_path):
    tokens, manifest = write_shard(tmp_path / "0.h5", []), write_rows(tmp_path / "0.parquet", NAMES)
    measure_tokens(tokens=[tokens], manifests=[manifest], out=tmp_path / "tokens.csv")
    table = read_csv(tmp_path / "tokens.csv")
    assert table.empty and list(table.columns) == list(TOKEN_ARTEFACTS.columns)


def test_what_is_not_finite_is_refused_by_file_and_layer(tmp_path):
    with pytest.raises(ValueError, match=r"1\.h5: layer enc8\.1 at t = 20 is not finite"):
        write_shard(tmp_path / "0.h5", NAMES[:6])
        write_shard(tmp_path / "1.h5", NAMES[6:], change=lambda maps: maps * torch.inf)
        rows = [write_rows(tmp_path / "0.parquet", NAMES)]
        measure_tokens(tokens=[tmp_path / "0.h5", tmp_path / "1.h5"], manifests=rows, out=tmp_path / "tokens.csv")


def test_every_column_is_described():
    assert all(column.description for column in TOKEN_ARTEFACTS.columns.values())
