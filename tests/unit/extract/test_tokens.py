"""A sample of tokens: the same cells whatever the batch, from the original view alone, and maps pass by as they are."""

import h5py
import numpy as np
import pytest
import torch

from semlens.extract.passes import Batch, Pass, split_samples
from semlens.extract.tokens import MAX_CELLS, MAX_IMAGES, TOKENS, sample_tokens
from semlens.storage.environment import describe_environment

SHAPES = {"enc8.1": (8, 8), "mid2": (2, 2), "wide": (4, 10)}
CHANNELS, TIMESTEPS = 3, (0, 50)
ABOUT = {"extraction": "plain", "model": "m", "dataset": "d", "layers": list(SHAPES), "seed": 7, "dtype": "float32"}


def make_map(view, name, timestep, layer):
    """A map that says of every number where it comes from: image, view, timestep, channel and cell."""
    height, width = SHAPES[layer]
    start = 1e6 * (view != "identity") + 1e4 * int(name) + 1e3 * (timestep == 50)
    cells = torch.arange(height * width, dtype=torch.float32).reshape(height, width)
    return torch.stack([start + 100 * channel + cells for channel in range(CHANNELS)])


def make_passes(samples, size):
    for batch in split_samples(samples, size):
        for timestep in TIMESTEPS:
            maps = {
                layer: torch.stack([make_map(batch.view, name, timestep, layer) for name in batch.ids])
                for layer in SHAPES
            }
            yield Pass(batch, timestep, maps)


def sample(out, samples, *, size=2, seed=7):
    """All that passed by."""
    attributes, environment = {**ABOUT, "seed": seed}, describe_environment("extract")
    passes = make_passes(samples, size)
    with sample_tokens(passes, out, samples=samples, attributes=attributes, environment=environment) as sampled:
        return list(sampled)


def read(path):
    """Every dataset of a shard."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def number(names):
    return [str(name) for name in names]


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    out = tmp_path_factory.mktemp("tokens") / "00000.h5"
    sample(out, {"hflip": number(range(5)), "identity": number(range(5))})
    return read(out)


@pytest.mark.parametrize("layer", SHAPES)
def test_a_token_is_what_the_map_has_at_its_place(sampled, layer):
    height, width = SHAPES[layer]
    group = f"t50/{layer}"
    for image in range(5):
        whole = make_map("identity", str(image), 50, layer).numpy()
        rows = (sampled[f"{group}/row"][image] * height - 0.5).round().astype(int)
        columns = (sampled[f"{group}/column"][image] * width - 0.5).round().astype(int)
        np.testing.assert_array_equal(sampled[f"{group}/tokens"][image], whole[:, rows, columns].T)


def test_no_cell_is_drawn_twice_and_small_maps_give_all(sampled):
    for layer, (height, width) in SHAPES.items():
        for rows, columns in zip(sampled[f"t0/{layer}/row"], sampled[f"t0/{layer}/column"], strict=True):
            assert len(set(zip(rows, columns, strict=True))) == min(MAX_CELLS, height * width)


def test_cells_are_the_same_at_every_timestep_and_others_in_another_image(sampled):
    rows = sampled["t0/enc8.1/row"]
    np.testing.assert_array_equal(rows, sampled["t50/enc8.1/row"])
    assert len({tuple(row) for row in rows}) == len(rows)


def test_the_grid_is_that_of_the_map(sampled):
    assert {layer: tuple(sampled[f"t0/{layer}/grid"]) for layer in SHAPES} == SHAPES


@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_sample_does_not_depend_on_the_batch(tmp_path, sampled, size):
    sample(tmp_path / "other.h5", {"identity": number(range(5))}, size=size)
    other = read(tmp_path / "other.h5")
    assert other.keys() == sampled.keys()
    for name, values in other.items():
        np.testing.assert_array_equal(values, sampled[name])


def test_another_seed_draws_other_cells(tmp_path, sampled):
    sample(tmp_path / "other.h5", {"identity": number(range(5))}, seed=8)
    assert not np.array_equal(read(tmp_path / "other.h5")["t0/enc8.1/row"], sampled["t0/enc8.1/row"])


def test_of_many_images_the_first_are_sampled(tmp_path):
    names = number(range(MAX_IMAGES + 3))
    sample(tmp_path / "tokens.h5", {"identity": names}, size=MAX_IMAGES - 1)
    found = read(tmp_path / "tokens.h5")
    assert [name.decode() for name in found["image_id"]] == names[:MAX_IMAGES]
    firsts = found["t0/mid2/tokens"][:, 0, 0]
    np.testing.assert_array_equal(firsts, [1e4 * image for image in range(MAX_IMAGES)])


@pytest.mark.parametrize("views", [("hflip", "identity"), ("identity", "vflip")])
def test_views_are_not_sampled(tmp_path, views):
    sample(tmp_path / "tokens.h5", {view: number(range(3)) for view in views})
    assert read(tmp_path / "tokens.h5")["t0/mid2/tokens"].max() < 1e6


def test_passes_go_by_unchanged(tmp_path):
    samples = {"hflip": number(range(3)), "identity": number(range(3))}
    passed = sample(tmp_path / "tokens.h5", samples)
    for found, given in zip(passed, make_passes(samples, 2), strict=True):
        assert found[:2] == given[:2] and list(found.maps) == list(given.maps)
        assert all(torch.equal(found.maps[layer], given.maps[layer]) for layer in SHAPES)


def test_without_the_original_view_the_shard_says_only_what_was_asked(tmp_path):
    sample(tmp_path / "tokens.h5", {"hflip": number(range(3))})
    assert read(tmp_path / "tokens.h5") == {}
    with h5py.File(tmp_path / "tokens.h5") as file:
        assert set(file.attrs) == set(TOKENS.attributes)


def test_tokens_have_the_precision_of_the_table_whatever_that_of_the_network(tmp_path):
    maps = torch.full((1, 4, 2, 2), 1.5, dtype=torch.bfloat16)
    one = Pass(Batch("identity", 0, ["a"]), 0, {"mid2": maps})
    about = {"samples": {"identity": ["a"]}, "attributes": ABOUT, "environment": describe_environment("extract")}
    with sample_tokens([one], tmp_path / "tokens.h5", **about) as sampled:
        list(sampled)
    tokens = read(tmp_path / "tokens.h5")["t0/mid2/tokens"]
    assert tokens.dtype == np.float32 and (tokens == 1.5).all()


def test_where_reading_fails_no_shard_is_left(tmp_path):
    with pytest.raises(OSError, match="full"):
        about = {"samples": {"identity": ["0"]}, "attributes": ABOUT, "environment": describe_environment("extract")}
        with sample_tokens(make_passes({"identity": ["0"]}, 1), tmp_path / "tokens.h5", **about) as sampled:
            list(sampled)
            raise OSError("full")
    assert not list(tmp_path.iterdir())
