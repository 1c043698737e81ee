"""Each measure of agreement, against loops written from its definition and against other software; planted cases."""

from itertools import combinations, permutations

import numpy as np
import pytest
from rsatoolbox.rdm import RDMs, compare
from scipy.spatial.distance import pdist

from semlens.statistics.agreement.measure import MEASURES, Representations

K = 4


def measure(*vectors, metric="euclidean", k=K, there=None):
    """All measures of representations, each a square."""
    n = len(vectors[0])
    found = Representations(vectors, [metric] * len(vectors), n, k, n)
    return found.measure(np.ones(n, bool) if there is None else there)


def make(n=30, dimensions=(12, 7), seed=0):
    """Two representations that share some of what they hold."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 3))
    return [
        (common @ rng.standard_normal((3, size)) + rng.standard_normal((n, size)) + 0.5).astype(np.float32)
        for size in dimensions
    ]


def rotate(x, seed=0):
    return x @ np.linalg.qr(np.random.default_rng(seed).standard_normal((x.shape[1],) * 2))[0]


def estimate_unbiased_hsic(k, m):
    """Song et al. 2012, Eq. 5, as sums over distinct objects, for kernels that need not be symmetric."""
    n = len(k)
    trace = sum(k[i, j] * m[j, i] for i, j in permutations(range(n), 2))
    total_k, total_m = (sum(square[i, j] for i, j in permutations(range(n), 2)) for square in (k, m))
    product = 0.0
    for middle in range(n):
        into = sum(k[i, middle] for i in range(n) if i != middle)
        out = sum(m[middle, j] for j in range(n) if j != middle)
        product += into * out
    return (trace + total_k * total_m / ((n - 1) * (n - 2)) - 2 / (n - 2) * product) / (n * (n - 3))


def find_neighbours(x, k):
    """Sets of nearest neighbours by cosine; the first of those that are as near."""
    unit = [row / np.sqrt(sum(value**2 for value in row)) for row in x.astype(float)]
    return [
        set(sorted((j for j in range(len(x)) if j != i), key=lambda j: (-round(float(unit[i] @ unit[j]), 12), j))[:k])
        for i in range(len(x))
    ]


def compute_cknna(x, y, k):
    """The paper's code, in words: neighbours in common, the unbiased HSIC of what they leave of cosines."""

    def align(a, b):
        cosines = [z / np.linalg.norm(z, axis=1, keepdims=True) for z in (a.astype(float), b.astype(float))]
        near_a, near_b = find_neighbours(a, k), find_neighbours(b, k)
        shared = np.array([[float(j in near_a[i] and j in near_b[i]) for j in range(len(a))] for i in range(len(a))])
        return estimate_unbiased_hsic(*(shared * (z @ z.T) for z in cosines))

    return (align(x, y) + align(y, x)) / 2 / np.sqrt(align(x, x) * align(y, y))


@pytest.mark.parametrize("dimensions", [(12, 7), (2, 90)])
def test_cka_is_that_of_features(dimensions):
    x, y = (z.astype(float) - z.mean(axis=0, dtype=float) for z in make(dimensions=dimensions))
    expected = np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    assert measure(x, y)["cka"][0, 1] == pytest.approx(expected, abs=1e-12)


def test_debiased_cka_is_that_of_loops():
    x, y = make()
    k, m = (z.astype(float) @ z.astype(float).T for z in (x, y))
    expected = estimate_unbiased_hsic(k, m) / np.sqrt(estimate_unbiased_hsic(k, k) * estimate_unbiased_hsic(m, m))
    assert measure(x, y)["cka_debiased"][0, 1] == pytest.approx(expected, abs=1e-9)


def test_mutual_knn_is_that_of_sets():
    x, y = make()
    shares = [len(a & b) / K for a, b in zip(find_neighbours(x, K), find_neighbours(y, K), strict=True)]
    assert measure(x, y)["mutual_knn"][0, 1] == pytest.approx(np.mean(shares), abs=1e-12)


@pytest.mark.parametrize("k", [1, 4, 20])
def test_cknna_is_that_of_loops(k):
    x, y = make()
    assert measure(x, y, k=k)["cknna"][0, 1] == pytest.approx(compute_cknna(x, y, k), abs=1e-9)


@pytest.mark.parametrize("metric", ["euclidean", "correlation", "cosine", "cityblock"])
def test_rsa_is_that_of_rsatoolbox(metric):
    x, y = make()
    distances = [RDMs(pdist(z.astype(float), metric)[None]) for z in (x, y)]
    expected = compare(*distances, method="spearman").item()
    assert measure(x, y, metric=metric)["rsa"][0, 1] == pytest.approx(expected, abs=1e-6)


def test_distances_that_tie_share_their_rank():
    x = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0, 0], [5, 5]], np.float32)
    y = make(n=6, dimensions=(2,))[0]
    expected = compare(*(RDMs(pdist(z.astype(float))[None]) for z in (x, y)), method="spearman").item()
    assert measure(x, y)["rsa"][0, 1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", MEASURES)
def test_what_is_rotated_and_scaled_agrees_in_all(name):
    x = make()[0].astype(float)
    assert measure(x, 7e5 * rotate(x))[name] == pytest.approx(np.ones((2, 2)), abs=1e-6)


def test_cka_and_rsa_do_not_see_where_prototypes_lie():
    x = make()[0].astype(float)
    found = measure(x, x + 100)
    for name in ("cka", "cka_debiased", "rsa"):
        assert found[name][0, 1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", MEASURES)
def test_objects_in_another_order_change_nothing(name):
    x, y = make()
    order = np.random.default_rng(1).permutation(len(x))
    assert measure(x[order], y[order])[name][0, 1] == pytest.approx(measure(x, y)[name][0, 1], abs=1e-9)


def test_unrelated_noise_agrees_by_chance():
    """Biased CKA is large, where there are more channels than objects."""
    rng = np.random.default_rng(0)
    n, count = 60, 30
    noise = [rng.standard_normal((n, 300)).astype(np.float32) for _ in range(count)]
    found = measure(*noise, k=10)
    upper = np.triu_indices(count, 1)
    assert found["cka"][upper].min() > 0.7
    for name, chance in (("cka_debiased", 0), ("rsa", 0), ("mutual_knn", 10 / (n - 1))):
        assert found[name][upper].mean() == pytest.approx(chance, abs=0.01)


def test_chance_is_the_mean_over_all_exchanges():
    x, y = make(n=5)
    found = Representations([x, y], ["euclidean"] * 2, 5, 2, 1).expect()
    everyone = np.ones(5, bool)
    means = {
        name: np.mean([measure(x, y[list(order)], k=2, there=everyone)[name][0, 1] for order in permutations(range(5))])
        for name in ("cka", "cka_debiased", "mutual_knn", "rsa")
    }
    assert {name: found[name][0, 1] for name in means} == pytest.approx(means, abs=1e-9)


@pytest.mark.parametrize("name", ["cka", "cka_debiased", "mutual_knn", "cknna"])
def test_what_is_left_out_might_never_have_been_there(name):
    x, y = make()
    there = np.random.default_rng(2).random(len(x)) < 0.8
    assert measure(x, y, there=there)[name] == pytest.approx(measure(x[there], y[there])[name], abs=1e-9)


def test_ranks_stay_where_objects_are_left_out():
    x, y = make()
    there = np.random.default_rng(2).random(len(x)) < 0.8
    kept = [there[i] and there[j] for i, j in combinations(range(len(x)), 2)]
    ranks = [pdist(z.astype(float)).argsort().argsort()[kept] for z in (x, y)]
    assert measure(x, y, there=there)["rsa"][0, 1] == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-6)


def test_of_neighbours_that_are_as_near_the_first_counts():
    x = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    y = make(n=6, dimensions=(3,))[0]
    shares = [len(a & b) / 2 for a, b in zip(find_neighbours(x, 2), find_neighbours(y, 2), strict=True)]
    assert find_neighbours(x, 2)[0] == {1, 2}
    assert measure(x, y, k=2)["mutual_knn"][0, 1] == pytest.approx(np.mean(shares), abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e20])
def test_a_constant_representation_agrees_with_nothing(value):
    x, _ = make()
    found = measure(x, np.full((len(x), 5), value, np.float32))
    for name in MEASURES:
        assert np.isnan(found[name][[0, 1, 1], [1, 0, 1]]).all(), name
        assert found[name][0, 0] == pytest.approx(1)


def test_a_prototype_without_direction_has_no_neighbours():
    x, y = make()
    y[3] = 0
    found = measure(x, y)
    assert np.isnan([found["mutual_knn"][0, 1], found["cknna"][0, 1]]).all()
    assert not np.isnan([found["cka"][0, 1], found["rsa"][0, 1]]).any()


def test_where_all_are_neighbours_there_is_nothing_to_share():
    x, y = make(n=8)
    assert np.isnan(measure(x, y, k=7)["mutual_knn"]).all() and np.isnan(measure(x, y, k=9)["cknna"]).all()
    assert not np.isnan(measure(x, y, k=6)["mutual_knn"]).any()


@pytest.mark.parametrize(("n", "known"), [(1, set()), (2, {"cka"}), (3, {"cka", "rsa"}), (4, set(MEASURES))])
def test_few_objects_say_little(n, known):
    found = measure(*make(n=n), k=1)
    assert {name for name in MEASURES if not np.isnan(found[name][0, 1])} <= known
    assert n != 4 or not np.isnan(found["cka_debiased"][0, 1])


def test_a_metric_that_is_undefined_says_so():
    x, y = make()
    y[2] = 3
    with pytest.raises(ValueError, match="correlation is undefined for prototype 2: it is constant"):
        measure(x, y, metric="correlation")
