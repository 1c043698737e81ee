"""Statistics of distance sets against scipy, matplotlib, brute force and hand computation."""

import numpy as np
import pandas as pd
import pytest
from distance_samples import make_samples
from matplotlib.cbook import boxplot_stats
from scipy import stats

from semlens.statistics.sets import describe_sets
from semlens.statistics.tests import (
    compare_sets,
    compute_cliffs_delta,
    compute_dunn_eq10,
)

EMPTY = np.array([])
CONSTANT = np.full(7, 0.25)


def sample(n, seed=0, shift=0.0):
    return np.sort(np.random.default_rng(seed).gamma(2, 0.2, n) + shift)


def differences(samples):
    return compare_sets(make_samples(samples))


def describe(samples):
    return describe_sets(make_samples(samples), np.random.default_rng(0))


def normality(samples, rng):
    return describe_sets(make_samples(samples), rng)


def dunn(x, y):
    return pair(x, y)["dunn_table1"]


def pair(x, y):
    return differences({"scsi": x, "dcdi": y}).iloc[0]


@pytest.mark.parametrize(("n", "m", "shift"), [(30, 40, 0.0), (30, 40, 0.2), (5, 500, 0.1), (1, 1, 1.0), (3, 4, -0.3)])
def test_kruskal_wallis_is_scipys(n, m, shift):
    x, y = sample(n), sample(m, seed=1, shift=shift)
    expected = stats.kruskal(x, y)
    row = pair(x, y)
    assert (row["h"], row["p"]) == (expected.statistic, expected.pvalue)
    assert row["log10_p"] == pytest.approx(np.log10(expected.pvalue), rel=1e-8, abs=1e-12)


def test_ties_are_corrected_as_scipy_does():
    x, y = np.round(sample(60), 1), np.round(sample(50, seed=1, shift=0.1), 1)
    assert pair(x, y)["p"] == stats.kruskal(x, y).pvalue


@pytest.mark.parametrize("n", [100, 500, 900])
def test_log10_p_follows_p_down_to_where_it_ends(n):
    row = pair(sample(n), sample(n, seed=1, shift=10))
    assert 0 < row["p"] < 1e-10
    assert row["log10_p"] == pytest.approx(np.log10(row["p"]), rel=1e-8)


def test_log10_p_goes_on_where_p_underflows():
    row = pair(sample(3000), sample(3000, seed=1, shift=10))
    assert row["p"] == 0
    half = row["h"] / 2  # p = erfc(sqrt(h / 2)), whose logarithm far out is this
    expected = (-half - np.log(np.pi * half) / 2 + np.log1p(-1 / (2 * half) + 3 / (4 * half**2))) / np.log(10)
    assert row["log10_p"] == pytest.approx(expected, rel=1e-10)
    assert row["log10_p"] < -900


def test_the_same_set_twice_does_not_differ():
    x = sample(40)
    row = pair(x, x)
    assert row["p"] == pytest.approx(1)
    assert row["log10_p"] == pytest.approx(0, abs=1e-6)
    assert row["dunn_table1"] == 0
    assert row["cliffs_delta"] == 0


@pytest.mark.parametrize("decimals", [1, 6])
def test_cliffs_delta_is_brute_force(decimals):
    x, y = np.round(sample(37), decimals), np.round(sample(23, seed=1, shift=0.1), decimals)
    expected = np.sign(y[None, :] - x[:, None]).mean()
    assert compute_cliffs_delta(x, y) == pytest.approx(expected, abs=1e-12)
    assert compute_cliffs_delta(y, x) == pytest.approx(-expected, abs=1e-12)


def test_cliffs_delta_is_one_when_every_distance_of_b_is_larger():
    assert compute_cliffs_delta(np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])) == 1


def test_dunn_is_the_gap_of_means_over_the_larger_deviation():
    # Means 2 and 6; sample deviations 1 and 2.
    x, y = np.array([1.0, 2.0, 3.0]), np.array([4.0, 6.0, 8.0])
    assert dunn(x, y) == dunn(y, x) == 2
    assert dunn(np.array([1.0]), y) == 2.5
    assert dunn(CONSTANT, y) == pytest.approx(5.75 / 2)


def test_classical_dunn_is_the_gap_between_over_the_width_within():
    # Nearest: 3 and 4; widest: 4 to 8.
    x, y = np.array([1.0, 2.0, 3.0]), np.array([4.0, 6.0, 8.0])
    assert compute_dunn_eq10(x, y) == compute_dunn_eq10(y, x) == 0.25
    # One inside the other: 5 is 1 from 4 and from 6.
    assert compute_dunn_eq10(np.array([5.0]), y) == compute_dunn_eq10(y, np.array([5.0])) == 0.25
    assert compute_dunn_eq10(np.array([4.0, 5.0]), y) == 0


@pytest.mark.parametrize(("n", "m"), [(1, 9), (20, 30), (30, 1)])
def test_classical_dunn_is_brute_force(n, m):
    x, y = sample(n), sample(m, seed=1)
    gap = np.abs(x[:, None] - y[None, :]).min()
    assert compute_dunn_eq10(x, y) == pytest.approx(gap / max(np.ptp(x), np.ptp(y)), rel=1e-12)


@pytest.mark.parametrize(
    "x",
    [
        sample(100),
        sample(7),
        np.array([0.1, 0.4]),
        np.array([0.1, 0.2, 0.3, 5.0]),
        np.array([-5.0, 0.1, 0.2, 0.3, 0.4]),
        np.array([0.0, 0.0, 0.0, 10.0]),  # the third quartile lies beyond all that its whisker may reach
        np.array([0.0, 10.0, 10.0, 10.0]),
        CONSTANT,
        np.array([0.5]),
    ],
    ids=lambda x: f"{len(x)} from {x[0]:.2f} to {x[-1]:.2f}",
)
def test_boxes_are_matplotlibs(x):
    row = describe({"scsi": x}).iloc[0]
    expected = boxplot_stats(x)[0]
    ours = {"whislo": "whisker_low", "q1": "q1", "med": "median", "q3": "q3", "whishi": "whisker_high", "mean": "mean"}
    for theirs, name in ours.items():
        assert row[name] == pytest.approx(expected[theirs], rel=1e-12), name


def test_moments_are_those_of_the_sample():
    x = np.array([1.0, 2.0, 3.0, 6.0])
    row = describe({"scsi": x}).iloc[0]
    assert (row["set"], row["n"], row["mean"], row["min"], row["max"]) == ("scsi", 4, 3, 1, 6)
    assert row["std"] == pytest.approx(np.sqrt(14 / 3))


def test_normality_is_shapiro_wilk():
    x = sample(200)
    row = normality({"scsi": x}, np.random.default_rng(0)).iloc[0]
    assert (row["n"], row["n_shapiro"]) == (200, 200)
    assert row["shapiro_w"] == pytest.approx(stats.shapiro(x).statistic, rel=1e-12)
    assert row["shapiro_p"] == pytest.approx(stats.shapiro(x).pvalue, rel=1e-12)


def test_normality_of_a_large_set_is_that_of_a_seeded_part(recwarn):
    x = sample(5001)

    def tested(seed):
        return normality({"scsi": x}, np.random.default_rng(seed))

    assert tested(0)[["n", "n_shapiro"]].iloc[0].tolist() == [5001, 5000]
    pd.testing.assert_frame_equal(tested(0), tested(0))
    assert tested(0)["shapiro_w"].iloc[0] != tested(1)["shapiro_w"].iloc[0]
    assert not recwarn.list  # scipy warns above 5000


def test_normality_of_a_large_set_whose_tested_part_is_constant_is_undefined():
    x = np.sort(np.append(np.full(500_000, 0.25), 0.5))
    row = normality({"scsi": x}, np.random.default_rng(0)).iloc[0]
    assert np.isnan(row["shapiro_w"]) and np.isnan(row["shapiro_p"])


@pytest.mark.parametrize("x", [EMPTY, np.array([0.1]), np.array([0.1, 0.2]), CONSTANT], ids=["0", "1", "2", "constant"])
def test_normality_of_sets_without_shape_is_undefined(x):
    row = normality({"scsi": x}, np.random.default_rng(0)).iloc[0]
    assert row["n"] == len(x)
    assert np.isnan(row["shapiro_w"]) and np.isnan(row["shapiro_p"])


def test_an_empty_set_counts_none_and_has_no_values():
    row = describe({"scsi": EMPTY}).iloc[0]
    assert (row["n"], row["n_stored"]) == (0, 0)
    assert row.drop(["set", "n", "n_stored", "n_units", "n_shapiro"]).isna().all()
    for x, y in [(EMPTY, sample(5)), (sample(5), EMPTY), (EMPTY, EMPTY)]:
        assert pair(x, y).drop(["set_a", "set_b", "n_a", "n_b"]).isna().all()


def test_two_sets_of_one_value_have_no_test_and_no_index():
    row = pair(CONSTANT, CONSTANT)
    undefined = ["h", "p", "log10_p", "dunn_table1", "dunn_eq10"]
    assert {name: bool(np.isnan(row[name])) for name in undefined} == dict.fromkeys(undefined, True)
    assert row["cliffs_delta"] == 0


def test_two_constants_that_differ_have_a_test_but_no_index():
    row = pair(CONSTANT, CONSTANT + 1)
    assert row["p"] == stats.kruskal(CONSTANT, CONSTANT + 1).pvalue
    assert row["cliffs_delta"] == 1
    assert np.isnan(row["dunn_table1"]) and np.isnan(row["dunn_eq10"])


def test_few_distances_are_listed():
    row = describe({"scsi": np.array([0.125, 0.5])}).iloc[0]
    assert row["few"] == "0.125 0.5"
    assert describe({"scsi": sample(10)}).iloc[0]["few"] is None


def test_means_and_gaps_have_the_intervals_of_the_jackknife():
    """Each image has one distance of each set: the jackknife of a mean is then its usual standard error."""
    x, y = sample(12), sample(12, 1, 0.3)
    samples = make_samples({"scsi": x, "dcdi": y}, units=np.arange(12))
    row = describe_sets(samples, np.random.default_rng(0)).iloc[0]
    se = x.std(ddof=1) / np.sqrt(12)
    assert (row["n_units"], row["se"]) == (12, pytest.approx(se))
    assert (row["low"], row["high"]) == pytest.approx(stats.t.interval(0.95, 11, x.mean(), se))
    gap = compare_sets(samples).iloc[0]
    se = (y - x).std(ddof=1) / np.sqrt(12)  # paired by image
    assert (gap["gap"], gap["gap_se"]) == pytest.approx((y.mean() - x.mean(), se))
    assert (gap["gap_low"], gap["gap_high"]) == pytest.approx(stats.t.interval(0.95, 11, gap["gap"], se))


def test_the_index_of_table_1_has_the_interval_of_the_jackknife():
    x, y = sample(12), sample(12, 1, 0.3)
    row = compare_sets(make_samples({"scsi": x, "dcdi": y}, units=np.arange(12))).iloc[0]
    left_out = [dunn(np.delete(x, unit), np.delete(y, unit)) for unit in range(12)]
    expected = np.sqrt(11 / 12 * np.sum((np.array(left_out) - row["dunn_table1"]) ** 2))
    assert row["dunn_table1_se"] == pytest.approx(expected)
    assert row["dunn_table1_low"] < row["dunn_table1"] < row["dunn_table1_high"]


def test_four_images_give_no_interval():
    row = describe_sets(make_samples({"scsi": sample(8)}, units=np.arange(8) % 4), np.random.default_rng(0)).iloc[0]
    assert row["n_units"] == 4 and row[["se", "low", "high"]].isna().all()
