"""Metrics against scipy and dcor, near-coinciding prototypes against extended precision."""

import tracemalloc

import dcor
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from semlens.compare.metrics import (
    _blocks,
    _products,
    distance_correlation,
    iterate_distance_blocks,
    list_metrics,
    pair_distances,
)

METRICS = list_metrics()
SCIPY = ["euclidean", "correlation", "cityblock", "cosine"]
MULTIPLIED = 1e-5  # of a metric's mean: distance correlation multiplies in float32
UNDEFINED_WHEN_CONSTANT = ["correlation", "distance_correlation"]


def prototypes(n=12, dimensions=70, seed=0, kind="normal"):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, dimensions))
    if kind == "shifted":  # what real features are like: a common part, and a few channels that dwarf the others
        x += 5 * rng.standard_normal(dimensions)
        x[:, 3] += 200
    if kind == "coarse":  # many ties
        x = np.round(x)
    return x.astype(np.float32)


def pairwise(x, metric):
    """All of it, from strips: (n, n), symmetric."""
    matrix = np.zeros((len(x), len(x)))
    end = 0
    for start, strip in iterate_distance_blocks(x, metric):
        assert start == end
        assert strip.dtype == np.float32
        assert strip.shape[1] == len(x) - start
        end = start + len(strip)
        matrix[start:end, start:] = strip
    assert end == len(x)
    upper = np.triu(matrix, k=1)
    return upper + upper.T


def by_pairs(x, metric):
    """The same, from lists of pairs."""
    i, j = np.triu_indices(len(x), k=1)
    matrix = np.zeros((len(x), len(x)))
    matrix[j, i] = matrix[i, j] = pair_distances(x, i, j, metric)
    return matrix


both = pytest.mark.parametrize("pairwise", [pairwise, by_pairs])


def reference(x, metric):
    x = x.astype(np.float64)
    if metric in SCIPY:
        return squareform(pdist(x, metric))
    n = len(x)
    return 1 - np.array([[float(dcor.distance_correlation(x[i], x[j])) for j in range(n)] for i in range(n)])


def slow(x, y, metric):
    """The definitions, Eqs. 4 to 9, in extended precision."""
    x, y = x.astype(np.longdouble), y.astype(np.longdouble)
    if metric == "euclidean":
        return np.sqrt(((x - y) ** 2).sum())
    if metric == "cityblock":
        return np.abs(x - y).sum()
    if metric in ("cosine", "correlation"):
        if metric == "correlation":
            x, y = x - x.mean(), y - y.mean()
        return 1 - (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
    a, b = (np.abs(v[:, None] - v[None, :]) for v in (x, y))
    a, b = (m - m.mean(axis=0) - m.mean(axis=1)[:, None] + m.mean() for m in (a, b))
    return 1 - np.sqrt((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@both
@pytest.mark.parametrize("kind", ["normal", "shifted", "coarse"])
@pytest.mark.parametrize("metric", METRICS)
def test_distances_are_those_of_scipy_and_dcor(metric, kind, pairwise):
    x = prototypes(kind=kind)
    expected = reference(x, metric)
    tolerance = MULTIPLIED * expected.mean() if metric == "distance_correlation" else 1e-9
    np.testing.assert_allclose(pairwise(x, metric), expected, rtol=1e-6, atol=tolerance)


@pytest.mark.parametrize("kind", ["normal", "shifted"])
@pytest.mark.parametrize("metric", METRICS)
def test_the_error_stays_small_where_strips_blocks_and_tiles_are_many(metric, kind):
    x = prototypes(n=700, dimensions=160, kind=kind)
    some = np.random.default_rng(0).choice(700, 40, replace=False)
    expected = reference(x[some], metric)
    np.testing.assert_allclose(pairwise(x, metric)[np.ix_(some, some)], expected, rtol=0, atol=1e-5 * expected.mean())


@pytest.mark.parametrize("metric", METRICS)
def test_the_bounds_on_memory_do_not_show(metric, monkeypatch):
    x = prototypes(n=150, kind="shifted")
    whole, pairs = pairwise(x, metric), by_pairs(x, metric)
    bounds = {"MIN_BLOCK_ROWS": 7, "BLOCK_SIZE": 1000, "CHUNK_SIZE": 20_000}
    bounds |= {"_PANEL": 6000, "_PRODUCT": 700, "_TILE": 40}
    for module in (_blocks, _products, distance_correlation):
        for name, value in bounds.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    assert len(list(iterate_distance_blocks(x, metric))) > 10
    tolerance = 1e-5 * whole.mean() if metric == "distance_correlation" else 1e-9
    np.testing.assert_allclose(pairwise(x, metric), whole, rtol=1e-6, atol=tolerance)
    np.testing.assert_allclose(by_pairs(x, metric), pairs, rtol=1e-6)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "cityblock"])
def test_memory_does_not_grow_with_the_number_of_pairs(metric):
    """6000 prototypes: 36 million entries, 288 MB at once in float64."""
    x = prototypes(n=6000, dimensions=8)
    tracemalloc.start()
    for _, strip in iterate_distance_blocks(x, metric):
        assert strip.size <= all._STRIP
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6


@both
@pytest.mark.parametrize("metric", METRICS)
def test_two_dimensions_and_two_prototypes_suffice(metric, pairwise):
    x = np.array([[1.0, 2.0, 4.0], [2.0, 1.0, 0.0]])
    assert pairwise(x, metric)[0, 1] == pytest.approx(float(slow(*x, metric)), rel=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_one_prototype_has_no_pair(metric):
    assert [(start, strip.shape) for start, strip in iterate_distance_blocks(prototypes(n=1), metric)] == [(0, (1, 1))]
    nothing = np.empty(0, int)
    assert pair_distances(prototypes(n=1), nothing, nothing, metric).shape == (0,)


@both
@pytest.mark.parametrize("kind", ["normal", "shifted"])
@pytest.mark.parametrize("metric", METRICS)
def test_prototypes_that_nearly_coincide_keep_their_digits(metric, kind, pairwise):
    x = prototypes(n=8, dimensions=320, kind=kind).astype(np.float64)
    step = np.random.default_rng(1).standard_normal(320)
    x[1] = x[0] + 1e-4 * np.linalg.norm(x[0]) * step / np.linalg.norm(step)
    result = pairwise(x, metric)[0, 1]
    # Subtracting a similarity from 1 costs a distance of 1e-8 half of float64's digits, and all of float32's.
    digits = 1e-3 if metric == "distance_correlation" else 1e-6
    assert result == pytest.approx(float(slow(x[0], x[1], metric)), rel=digits)
    assert 0 < result < 1e-2 * np.median(pairwise(x, metric)[2:, 2:])


@both
@pytest.mark.parametrize("metric", METRICS)
def test_the_same_prototype_twice_is_at_no_distance(metric, pairwise):
    x = prototypes(n=9, dimensions=320, kind="shifted").astype(np.float64)
    x[5] = x[2]
    scale = np.median(pairwise(x, metric))
    # A square root of what rounding leaves.
    assert pairwise(x, metric)[5, 2] <= 1e-6 * scale


@pytest.mark.parametrize("value", [0.0, -2.5, 0.1, 1 / 3, 1234.567])
@pytest.mark.parametrize("dimensions", [3, 77, 1280])
@pytest.mark.parametrize("metric", UNDEFINED_WHEN_CONSTANT)
def test_a_constant_prototype_is_refused(metric, dimensions, value):
    x = prototypes(n=4, dimensions=dimensions)  # float32, as stored
    x[2] = value
    with pytest.raises(ValueError, match=f"^{metric} is undefined for prototype 2"):
        pairwise(x, metric)


@pytest.mark.parametrize("metric", UNDEFINED_WHEN_CONSTANT)
def test_a_constant_is_seen_though_its_mean_is_rounded(metric):
    x = prototypes(n=4, dimensions=77).astype(np.float64)
    x[2] = 0.1  # 77 of them do not sum to 7.7
    with pytest.raises(ValueError, match=f"^{metric} is undefined for prototype 2"):
        pairwise(x, metric)


def test_cosine_refuses_a_zero_prototype_but_no_constant_one():
    x = prototypes(n=4).astype(np.float64)
    x[2] = 0.1
    np.testing.assert_allclose(pairwise(x, "cosine"), reference(x, "cosine"), rtol=1e-6, atol=1e-9)
    x[3] = 0
    with pytest.raises(ValueError, match=r"^cosine is undefined for prototype 3"):
        pairwise(x, "cosine")


@pytest.mark.parametrize("metric", ["euclidean", "cityblock"])
def test_constant_prototypes_have_euclidean_and_cityblock_distances(metric):
    x = np.repeat([[0.0], [0.1], [2.0]], 5, axis=1)
    np.testing.assert_allclose(pairwise(x, metric), reference(x, metric), rtol=1e-5)


@pytest.mark.parametrize(("factor", "shift"), [(3.0, 0.0), (1.0, 10.0), (0.01, -2.0)])
@pytest.mark.parametrize("metric", ["correlation", "distance_correlation"])
def test_correlations_see_neither_scale_nor_shift(metric, factor, shift):
    x = prototypes(n=5).astype(np.float64)
    changed = x.copy()
    changed[1] = factor * x[1] + shift
    np.testing.assert_allclose(pairwise(changed, metric), pairwise(x, metric), rtol=MULTIPLIED, atol=1e-9)


def test_opposite_prototypes_are_far_for_pearson_and_near_for_distance_correlation():
    x = prototypes(n=2).astype(np.float64)
    x[1] = -x[0]
    assert pairwise(x, "correlation")[0, 1] == pytest.approx(2)
    assert pairwise(x, "cosine")[0, 1] == pytest.approx(2)
    assert pairwise(x, "distance_correlation")[0, 1] == pytest.approx(0, abs=1e-12)


def test_an_unknown_metric_is_named_with_those_there_are():
    with pytest.raises(ValueError) as error:
        pairwise(prototypes(), "hamming")
    assert str(error.value) == f"unknown metric 'hamming'; there are {', '.join(METRICS)}"
