"""What statistics promise holds in simulations whose truth is known: levels, coverage, the best among many.

Bounds are those within which a binomial count stays in 999 of 1,000 runs. ``benchmarks/calibration.py`` does the same
at full size.
"""

import numpy as np
import pytest
from scipy import stats
from simulation import Scenario, simulate

from semlens.compare.pairs import SETS, DistanceSets
from semlens.statistics.intervals import Estimates
from semlens.statistics.labels import Labels
from semlens.statistics.measure import Options, measure_images
from semlens.statistics.neighbours import fill_distances, iterate_between
from semlens.statistics.permutation import Shuffler, adjust_p, compute_p, permute_between
from semlens.statistics.separation import measure_separation

pytestmark = pytest.mark.slow

SEED = 1_000_000  # of permutations, so that they are not drawn from the numbers that made the images
NULL = {
    "plain": Scenario(),
    "frequent and rare classes": Scenario(imbalance=1.0),
    "clustered classes, strong images": Scenario(clustering=0.9, image_effect=1.0),
}
EFFECT = {
    "plain": Scenario(class_effect=0.5),
    "clustered classes": Scenario(class_effect=0.5, clustering=0.9),
}


def bound(count, n, share):
    """Whether a count may come from this share of n."""
    low, high = stats.binom.ppf([0.0005, 0.9995], n, share)
    return low <= count <= high


def measure_between(rows, vectors, by="classes"):
    labels = Labels.from_rows(rows)
    distances = fill_distances(vectors, "euclidean")
    return measure_separation(iterate_between(distances, labels), labels, labels.classes).average(by)


def stack(averages):
    return Estimates(
        [str(number) for number in range(len(averages))],
        np.array([average.value for average in averages]),
        np.stack([average.influence for average in averages]),
        np.array([average.n_units for average in averages]),
    )


@pytest.mark.parametrize("name", NULL)
def test_permutation_rejects_at_its_level_where_the_papers_test_does_not(name):
    runs, rejected, n_inside, rejected_inside, papers = 120, 0, 0, 0, 0
    for run in range(runs):
        rows, (vectors,) = simulate(NULL[name], np.random.default_rng(run))
        measured = measure_images(rows, vectors, "euclidean", Options("classes", 39, 10_000, SEED + run, "cpu"))
        between, null = measured["between"]
        rejected += compute_p(between.average("classes").value, null) <= 0.05
        inside, null = measured["inside"]
        if len(null):
            n_inside += 1
            rejected_inside += compute_p(inside.average("classes").value, null) <= 0.05
        i, j = np.triu_indices(len(rows), 1)
        sets, distances = DistanceSets(rows).label(i, j), fill_distances(vectors, "euclidean")[i, j]
        scdi, dcdi = (distances[sets == SETS.index(one)] for one in ("scdi", "dcdi"))
        papers += stats.kruskal(scdi, dcdi).pvalue < 0.05
    assert bound(rejected, runs, 0.05)
    assert bound(rejected_inside, n_inside, 0.05)
    if name != "plain":
        assert not bound(papers, runs, 0.05) and papers > 0.15 * runs


@pytest.mark.parametrize("by", ["classes", "objects"])
@pytest.mark.parametrize("name", EFFECT)
def test_intervals_cover_where_classes_matter(name, by):
    averages = [
        measure_between(*_first(simulate(EFFECT[name], np.random.default_rng(run))), by=by) for run in range(200)
    ]
    low, high = stack_of_runs(averages)
    truth = np.mean([average.value for average in averages])
    assert bound(np.count_nonzero((low <= truth) & (truth <= high)), 200, 0.95)


@pytest.mark.parametrize("name", NULL)
def test_intervals_cover_chance_where_classes_do_not(name):
    averages = [measure_between(*_first(simulate(NULL[name], np.random.default_rng(run)))) for run in range(100)]
    low, high = stack_of_runs(averages)
    assert np.count_nonzero((low <= 0.5) & (high >= 0.5)) >= stats.binom.ppf(0.0005, 100, 0.94)


def test_a_hundred_layers_of_nothing_have_none_that_stands_out():
    """By p adjusted for the number of layers, and by simultaneous bands; unadjusted, most runs have one."""
    runs, by_p, by_band, unadjusted = 25, 0, 0, 0
    scenario = Scenario(images=30, objects=3, classes=3, clustering=0.3)
    for run in range(runs):
        rows, layers = simulate(scenario, np.random.default_rng(run), n_layers=100)
        labels = Labels.from_rows(rows)
        shuffled, averages, null = Shuffler(labels, SEED + run).shuffle_between(39), [], []
        for vectors in layers:
            distances = fill_distances(vectors, "euclidean")
            neighbours = iterate_between(distances, labels)
            found = measure_separation(neighbours, labels, labels.classes, out_midranks=distances)
            averages.append(found.average("classes"))
            null.append(permute_between(distances, labels, found.list_classes(), shuffled, "classes"))
        estimates = stack(averages)
        null = np.stack(null)
        by_p += (adjust_p(estimates.values, null) <= 0.05).any()
        low, high = estimates.compute_band(run)
        by_band += ((low > 0.5) | (high < 0.5)).any()
        unadjusted += any(compute_p(value, row) <= 0.05 for value, row in zip(estimates.values, null, strict=True))
    assert bound(by_p, runs, 0.05)
    assert by_band <= stats.binom.ppf(0.9995, runs, 0.05)
    assert unadjusted > runs / 2


def test_the_best_layer_is_among_those_that_cannot_be_told_from_it():
    """Three equal layers that are best, and three that say less. The first of the best is as good as any."""
    runs, kept, told_apart = 100, 0, 0
    scenario = Scenario(class_effect=0.6, image_effect=0.3)
    for run in range(runs):
        rows, layers = simulate(scenario, np.random.default_rng(run), n_layers=6)
        noise = np.random.default_rng(run + 10_000).standard_normal(layers[3:].shape).astype(np.float32)
        layers[3:] += 3 * noise
        best = stack([measure_between(rows, vectors) for vectors in layers]).list_best(run)
        kept += best[0]
        told_apart += not best[3:].any()
    assert kept >= stats.binom.ppf(0.0005, runs, 0.95)
    assert told_apart > runs / 2


def _first(simulated):
    rows, vectors = simulated
    return rows, vectors[0]


def stack_of_runs(averages):
    """Intervals of runs that have nothing in common, (2, runs)."""
    return np.hstack([stack([average]).compute_interval() for average in averages])
