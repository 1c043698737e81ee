"""Means without one image after another are those of the distances that are left."""

import numpy as np
import pandas as pd
import pytest
from distance_samples import make_samples

from semlens.compare.pairs import SETS
from semlens.compare.running_statistics import RunningStatistics
from semlens.compare.unit_totals import UnitTotals
from semlens.statistics.means import compute_dunn_table1, estimate, leave_out_units, stack_estimates, subtract


@pytest.fixture(params=[0.0, 1000.0], ids=["small", "far from zero"])
def left_out(request):
    """Distances of pairs of objects in eight units, all pairs of a set, and what leave_out_units makes of them."""
    rng = np.random.default_rng(0)
    units = pd.Series([f"u{number}" for number in rng.integers(0, 8, 40)])
    i, j = np.triu_indices(40, 1)
    distances = (request.param + rng.gamma(2, 0.2, len(i))).astype(np.float32)
    totals = UnitTotals(units, SETS)
    totals.add("scdi", np.ones(len(i), bool), i, j, distances)
    running = RunningStatistics.from_values(distances)
    known = pd.Index(sorted(units.unique()))
    table = totals.tabulate().set_index("unit")
    means = leave_out_units(table, known, running.n, running.mean, running.sum_of_squares)
    keep = [(units.to_numpy()[i] != unit) & (units.to_numpy()[j] != unit) for unit in known]
    return means, [distances.astype(np.float64)] + [distances[chosen].astype(np.float64) for chosen in keep]


def test_means_without_a_unit_are_those_of_pairs_without_it(left_out):
    means, groups = left_out
    np.testing.assert_allclose(means.mean, [group.mean() for group in groups], rtol=1e-9)
    assert means.n_units == 8


def test_deviations_without_a_unit_are_those_of_pairs_without_it(left_out):
    means, groups = left_out
    np.testing.assert_allclose(means.std, [group.std(ddof=1) for group in groups], rtol=1e-5)


def test_totals_of_blocks_are_those_of_pairs():
    """A block that is mostly one set is added by sums of rows and columns."""
    rng = np.random.default_rng(0)
    units = pd.Series([f"u{number}" for number in rng.integers(0, 5, 30)])
    distances = rng.gamma(2, 0.2, (10, 30)).astype(np.float32)
    chosen = rng.random((10, 30)) < 0.8
    rows, columns = np.arange(10)[:, None], np.arange(30)[None]
    block, pairs = UnitTotals(units, SETS), UnitTotals(units, SETS)
    block.add("dcdi", chosen, rows, columns, distances)
    i, j = np.nonzero(chosen)
    pairs.add("dcdi", np.ones(len(i), bool), i, j, distances[chosen])
    pd.testing.assert_frame_equal(block.tabulate(), pairs.tabulate(), rtol=1e-6)


def test_what_is_left_of_one_unit_is_nothing():
    (sample,) = make_samples({"scsi": np.array([0.1, 0.2])}, np.array([0, 0])).values()
    assert sample.means.mean[0] == pytest.approx(0.15) and np.isnan(sample.means.mean[1])
    found = estimate("mean", sample.means.mean, 9)
    assert np.isnan(found.se[0])


def test_a_unit_without_pairs_of_a_set_changes_nothing():
    samples = make_samples(
        {"scsi": np.arange(6.0), "scdi": np.arange(8.0)}, {"scsi": np.arange(6), "scdi": np.arange(8)}
    )
    assert samples["scsi"].means.mean[7] == samples["scsi"].means.mean[0]
    assert subtract(samples["scsi"].means, samples["scdi"].means)[0] == pytest.approx(1.0)


def test_the_jackknife_of_a_mean_of_units_is_its_standard_error():
    x = np.random.default_rng(0).normal(size=30)
    (sample,) = make_samples({"scsi": x}, np.arange(30)).values()
    assert estimate("mean", sample.means.mean, 30).se[0] == pytest.approx(x.std(ddof=1) / np.sqrt(30))


def test_several_estimates_at_once_are_each_by_itself():
    x = np.random.default_rng(0).normal(size=(2, 10))
    samples = make_samples({"scsi": x[0], "scdi": x[1]}, np.arange(10))
    values = np.stack([sample.means.mean for sample in samples.values()])
    both = stack_estimates(["a", "b"], values, np.array([10, 10]))
    assert both.se.tolist() == [estimate("", row, 10).se[0] for row in values]


def test_dunn_is_undefined_where_nothing_varies():
    samples = make_samples({"scsi": np.full(6, 0.5), "scdi": np.full(6, 0.75)}, np.arange(6))
    assert np.isnan(compute_dunn_table1(samples["scsi"].means, samples["scdi"].means)).all()
