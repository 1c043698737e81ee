"""Metrics against scipy and dcor, near-coinciding prototypes against extended precision."""

import dcor
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from semlens import distances
from semlens.distances import METRICS, pairwise

SCIPY = ["euclidean", "correlation", "cityblock", "cosine"]
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


@pytest.mark.parametrize("kind", ["normal", "shifted", "coarse"])
@pytest.mark.parametrize("metric", METRICS)
def test_distances_are_those_of_scipy_and_dcor(metric, kind):
    x = prototypes(kind=kind)
    result = pairwise(x, metric)
    assert result.dtype == np.float64
    # Absolute on the diagonal, relative elsewhere.
    np.testing.assert_allclose(result, reference(x, metric), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_two_dimensions_and_two_prototypes_suffice(metric):
    x = np.array([[1.0, 2.0, 4.0], [2.0, 1.0, 0.0]])
    assert pairwise(x, metric)[0, 1] == pytest.approx(float(slow(*x, metric)), rel=1e-9)


def test_one_prototype_is_at_no_distance_from_itself():
    for metric in METRICS:
        np.testing.assert_allclose(pairwise(prototypes(n=1), metric), [[0]], atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_the_matrix_is_symmetric_with_a_zero_diagonal(metric):
    result = pairwise(prototypes(n=30), metric)
    np.testing.assert_array_equal(result, result.T)
    np.testing.assert_allclose(np.diag(result), 0, atol=1e-12)
    assert (result >= 0).all()


@pytest.mark.parametrize("kind", ["normal", "shifted"])
@pytest.mark.parametrize("metric", METRICS)
def test_prototypes_that_nearly_coincide_keep_their_digits(metric, kind):
    x = prototypes(n=8, dimensions=320, kind=kind).astype(np.float64)
    step = np.random.default_rng(1).standard_normal(320)
    x[1] = x[0] + 1e-4 * np.linalg.norm(x[0]) * step / np.linalg.norm(step)
    result = pairwise(x, metric)[0, 1]
    # Subtracting a similarity from 1 costs a distance of 1e-8 half of float64's digits.
    assert result == pytest.approx(float(slow(x[0], x[1], metric)), rel=1e-6)
    assert 0 < result < 1e-2 * np.median(pairwise(x, metric)[2:, 2:])


@pytest.mark.parametrize("metric", METRICS)
def test_the_same_prototype_twice_is_at_no_distance(metric):
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
    np.testing.assert_allclose(pairwise(x, metric), reference(x, metric), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("block", [1, 700, 12 * 70 * 7, 12 * 70 * 69])
def test_distance_correlation_does_not_depend_on_its_blocks(monkeypatch, block):
    x = prototypes()
    whole = pairwise(x, "distance_correlation")
    monkeypatch.setattr(distances, "_BLOCK", block)
    np.testing.assert_allclose(pairwise(x, "distance_correlation"), whole, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("factor", "shift"), [(3.0, 0.0), (1.0, 10.0), (0.01, -2.0)])
@pytest.mark.parametrize("metric", ["correlation", "distance_correlation"])
def test_correlations_see_neither_scale_nor_shift(metric, factor, shift):
    x = prototypes(n=5).astype(np.float64)
    changed = x.copy()
    changed[1] = factor * x[1] + shift
    np.testing.assert_allclose(pairwise(changed, metric), pairwise(x, metric), rtol=1e-6, atol=1e-9)


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
