"""The largest channels are left out, or all put on one scale, by what objects without a view are like."""

import numpy as np
import pytest
from prototype_shards import write_shard

from semlens.compare.channels import Treatment, choose_treatment, describe_column
from semlens.compare.metrics import pair_distances
from semlens.compare.prototypes import load_prototypes, open_prototypes

IMAGES = [
    [("a", None, None, [("cat", None), ("dog", None)]), ("b", None, None, [("cat", None)])],
    [("c", None, None, [("dog", None)])],
]
CONDITION = {"name": "x", "view": "identity", "timestep": 0, "layers": "64+16"}
WIDTHS = [3, 6]  # of the layers of 64+16


@pytest.fixture
def shards(tmp_path):
    passes = [("hflip", 0), ("identity", 0), ("identity", 50)]
    paths = [
        write_shard(tmp_path / f"{seed}.parquet", images, seed=seed, passes=passes)
        for seed, images in enumerate(IMAGES)
    ]
    return open_prototypes(paths)


def load(shards, **changes):
    return load_prototypes(shards, {**CONDITION, **changes})[1]


def list_kept(vectors, n_discarded):
    """Positions that stay in a concatenation, by hand."""
    kept, first = [], 0
    for width in WIDTHS:
        magnitude = np.abs(vectors[:, first : first + width].astype(float)).mean(axis=0)
        kept += sorted(first + np.argsort(-magnitude)[n_discarded:])
        first += width
    return kept


def test_each_layer_loses_its_largest_channels(shards):
    plain = load(shards)
    np.testing.assert_array_equal(load(shards, discard_channels=2), plain[:, list_kept(plain, 2)])


@pytest.mark.parametrize("changes", [{"view": "hflip"}])
def test_views_lose_the_channels_of_the_originals(shards, changes):
    kept = list_kept(load(shards), 2)
    assert kept != list_kept(load(shards, **changes), 2)
    np.testing.assert_array_equal(load(shards, discard_channels=2, **changes), load(shards, **changes)[:, kept])


def test_another_timestep_loses_its_own_channels(shards):
    late = load(shards, timestep=50)
    np.testing.assert_array_equal(load(shards, timestep=50, discard_channels=1), late[:, list_kept(late, 1)])


def test_some_rows_lose_the_channels_of_all(shards):
    condition = {**CONDITION, "discard_channels": 2}
    _, vectors = load_prototypes(shards, condition, lambda rows: np.array([1, 3]))
    np.testing.assert_array_equal(vectors, load(shards, discard_channels=2)[[1, 3]])


def test_channels_are_standardized_by_the_originals(shards):
    plain, flipped = load(shards).astype(float), load(shards, view="hflip").astype(float)
    expected = (flipped - plain.mean(axis=0)) / plain.std(axis=0)
    np.testing.assert_allclose(load(shards, view="hflip", standardize_channels=True), expected, rtol=1e-4, atol=1e-5)


def test_a_channel_that_does_not_vary_becomes_nothing():
    values = np.float32([[0.1, 1], [0.1, 2], [0.1, 4]])
    column = describe_column("mid8", [values[:2], values[2:]])
    assert column.spread[0] == 0
    assert (Treatment([column], standardize=True).apply(0, values)[:, 0] == 0).all()


def test_parts_are_joined():
    values = np.random.default_rng(0).normal(1000, 1, (50, 3)).astype(np.float32)
    column = describe_column("mid8", np.split(values, [7, 30]))
    np.testing.assert_allclose(column.spread, values.astype(float).std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(column.magnitude, np.abs(values.astype(float)).mean(axis=0), rtol=1e-12)


def test_channels_have_names(shards):
    treatment = choose_treatment(shards, {**CONDITION, "discard_channels": 1})
    kept = [name for name in treatment.list_names() if name.startswith("enc16.1:")]
    assert len(treatment.list_discarded()) == 2 and len(kept) == 5
    assert not set(treatment.list_discarded()) & set(treatment.list_names())


def test_all_channels_of_a_layer_cannot_be_left_out(shards):
    with pytest.raises(ValueError, match=r"condition 'x': 'discard_channels: 3' leaves nothing of layer 'enc64\.1'"):
        load(shards, discard_channels=3)


def test_leaving_out_is_zeroing_but_for_correlation():
    x = np.random.default_rng(0).standard_normal((2, 8)) + 1
    zeroed, left = np.where(np.arange(8) < 3, 0, x), x[:, 3:]
    for metric, same in {"euclidean": True, "cityblock": True, "cosine": True, "correlation": False}.items():
        both = [pair_distances(one, np.array([0]), np.array([1]), metric)[0] for one in (zeroed, left)]
        assert (both[0] == pytest.approx(both[1], rel=1e-4)) == same
