"""Metrics against scipy and dcor, near-coinciding prototypes against extended precision."""

import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from semlens.compare.metrics import (
    _blocks,
    distance_correlation,
    iterate_distance_blocks,
    list_metrics,
    load_metric,
    pair_distances,
)
from semlens.compare.metrics._pairwise import make_pairwise_metric
from semlens.config.sources import list_sources

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"
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
    """The distances of all pairs from blocks, (n, n), symmetric."""
    matrix = np.zeros((len(x), len(x)))
    end = 0
    for start, block in iterate_distance_blocks(x, metric):
        assert start == end
        assert block.dtype == np.float32
        assert block.shape[1] == len(x) - start
        end = start + len(block)
        matrix[start:end, start:] = block
    assert end == len(x)
    upper = np.triu(matrix, k=1)
    return upper + upper.T


def by_pairs(x, metric):
    """The same from lists of pairs."""
    i, j = np.triu_indices(len(x), k=1)
    matrix = np.zeros((len(x), len(x)))
    matrix[j, i] = matrix[i, j] = pair_distances(x, i, j, metric)
    return matrix


both = pytest.mark.parametrize("pairwise", [pairwise, by_pairs])


def reference(x, metric):
    x = x.astype(np.float64)
    if metric in SCIPY:
        return squareform(pdist(x, metric))
    import dcor  # compiles for seconds: in one of pytest's workers, not in all at once while they collect

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
def test_the_error_stays_small_where_blocks_and_tiles_are_many(metric, kind):
    x = prototypes(n=700, dimensions=160, kind=kind)
    some = np.random.default_rng(0).choice(700, 40, replace=False)
    expected = reference(x[some], metric)
    np.testing.assert_allclose(pairwise(x, metric)[np.ix_(some, some)], expected, rtol=0, atol=1e-5 * expected.mean())


@pytest.mark.parametrize("metric", METRICS)
def test_the_bounds_on_memory_do_not_show(metric, monkeypatch):
    x = prototypes(n=150, kind="shifted")
    whole, pairs = pairwise(x, metric), by_pairs(x, metric)
    bounds = {"MIN_BLOCK_ROWS": 7, "BLOCK_SIZE": 1000, "CHUNK_SIZE": 20_000}
    for name, value in bounds.items():
        monkeypatch.setattr(_blocks, name, value)
    for name, value in {**bounds, "PANEL_SIZE": 6000, "PRODUCT_TERMS": 700, "TILE_ROWS": 40}.items():
        monkeypatch.setattr(distance_correlation, name, value)
    assert len(list(iterate_distance_blocks(x, metric))) > 10
    tolerance = 1e-5 * whole.mean() if metric == "distance_correlation" else 1e-9
    np.testing.assert_allclose(pairwise(x, metric), whole, rtol=1e-6, atol=tolerance)
    np.testing.assert_allclose(by_pairs(x, metric), pairs, rtol=1e-6)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "cityblock"])
def test_memory_does_not_grow_with_the_number_of_pairs(metric):
    """6000 prototypes: 36 million entries, 288 MB at once in float64."""
    x = prototypes(n=6000, dimensions=8)
    tracemalloc.start()
    for _, block in iterate_distance_blocks(x, metric):
        assert block.size <= _blocks.BLOCK_SIZE
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
    assert [(start, block.shape) for start, block in iterate_distance_blocks(prototypes(n=1), metric)] == [(0, (1, 1))]
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


@pytest.mark.parametrize("metric", METRICS)
def test_pairs_need_neither_arrays_nor_files(metric):
    x = prototypes(n=4)
    expected = reference(x, metric)[[0, 3], [1, 2]]
    np.testing.assert_allclose(pair_distances(x.tolist(), [0, 3], [1, 2], metric), expected, rtol=1e-4)


def test_a_function_of_two_prototypes_makes_a_metric():
    metric = make_pairwise_metric("Chebyshev", lambda x, y: np.abs(x - y).max(axis=-1))
    x = prototypes(n=200)
    expected = squareform(pdist(x.astype(np.float64), "chebyshev"))
    for start, block in metric.iterate_blocks(x, None):
        np.testing.assert_allclose(block, expected[start : start + len(block), start:], rtol=1e-6)
    i, j = np.triu_indices(len(x), k=1)
    np.testing.assert_allclose(metric.pair_distances(x, i, j, None), expected[i, j], rtol=1e-6)


def run_python(code, path):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env={"PYTHONPATH": str(path)}, capture_output=True, text=True, check=True).stdout


def test_a_new_metric_is_one_file(tmp_path):
    shutil.copytree(SCRIPTS / "semlens", tmp_path / "semlens", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "semlens" / "compare" / "metrics" / "chebyshev.py").write_text(
        "import numpy as np\n"
        "from semlens.compare.metrics._pairwise import make_pairwise_metric\n"
        "METRIC = make_pairwise_metric('Chebyshev', lambda x, y: np.abs(x - y).max(axis=-1))\n"
    )
    code = (
        "from semlens.compare.metrics import list_metrics, pair_distances\n"
        "print(list_metrics(), pair_distances([[0, 0], [3, 4]], [0], [1], 'chebyshev'))"
    )
    assert run_python(code, tmp_path).strip() == f"{sorted([*METRICS, 'chebyshev'])} [4.]"


def test_reading_what_a_metric_needs_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from semlens.compare.metrics import list_metrics, load_metric\n"
        "print([name for name in list_metrics() if load_metric(name).needs_gpu])\n"
        "print([name for name in ('torch', 'scipy', 'pandas') if name in sys.modules])"
    )
    assert run_python(code, SCRIPTS).splitlines() == ["['distance_correlation']", "[]"]


@pytest.mark.parametrize("script", ["compare_prototypes.py", "compare_classes.py"])
def test_a_metric_is_code_only_of_jobs_that_name_it(script):
    def list_modules(*files):
        folder = SCRIPTS / "semlens" / "compare" / "metrics"
        return {path.stem for path in list_sources(SCRIPTS, *files) if path.parent == folder}

    assert list_modules(script) == {"__init__"}
    named = list_modules(script, "semlens/compare/metrics/cosine.py")
    assert named == {"__init__", "cosine", "_products", "_blocks"}


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_has_a_label(metric):
    assert load_metric(metric).label
