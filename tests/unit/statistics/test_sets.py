"""Statistics of distance sets against scipy, matplotlib, brute force and hand computation."""

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from matplotlib.cbook import boxplot_stats
from scipy import stats

from semlens.compare.running_statistics import RunningStatistics, encode_running_statistics
from semlens.statistics.compute import STATISTICS, compute_statistics
from semlens.statistics.order import judge_order
from semlens.statistics.samples import DistanceSample
from semlens.statistics.sets import describe_sets
from semlens.statistics.tests import (
    compare_sets,
    compute_cliffs_delta,
    compute_dunn_eq10,
    compute_dunn_table1,
    correct_holm,
)

EMPTY = np.array([])
CONSTANT = np.full(7, 0.25)


def sample(n, seed=0, shift=0.0):
    return np.sort(np.random.default_rng(seed).gamma(2, 0.2, n) + shift)


def whole(samples):
    """Sets of which every distance has a row."""
    return {name: DistanceSample(x, RunningStatistics.from_values(x)) for name, x in samples.items()}


def differences(samples):
    return compare_sets(whole(samples))


def describe(samples):
    return describe_sets(whole(samples), np.random.default_rng(0))


def normality(samples, rng):
    return describe_sets(whole(samples), rng)


def dunn(x, y):
    return compute_dunn_table1(RunningStatistics.from_values(x), RunningStatistics.from_values(y))


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


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        # Sorted: .01 x 4, .02 x 3, .03 x 2, .04 x 1, each at least the one before.
        ([0.04, 0.01, 0.03, 0.02], [0.06, 0.04, 0.06, 0.06]),
        ([0.5, 0.4, 0.3], [0.9, 0.9, 0.9]),
        ([0.9, 0.6], [1.0, 1.0]),
        ([0.01], [0.01]),
        ([0.0, 0.2], [0.0, 0.2]),
        ([0.01, np.nan, 0.04], [0.02, np.nan, 0.04]),
        ([np.nan, np.nan], [np.nan, np.nan]),
    ],
)
def test_holm_steps_down(p, expected):
    np.testing.assert_allclose(correct_holm(np.array(p)), expected, rtol=1e-12)


def test_holm_corrects_over_the_pairs_of_a_condition():
    samples = {"scsi": sample(20), "scdi": sample(20, 1, 0.1), "dcsi": EMPTY, "dcdi": sample(20, 2, 0.2)}
    table = differences(samples)
    assert list(zip(table["set_a"], table["set_b"], strict=True)) == [
        ("scsi", "scdi"),
        ("scsi", "dcsi"),
        ("scsi", "dcdi"),
        ("scdi", "dcsi"),
        ("scdi", "dcdi"),
        ("dcsi", "dcdi"),
    ]
    np.testing.assert_array_equal(table["p_holm"], correct_holm(table["p"].to_numpy()))
    assert table["p_holm"].isna().tolist() == [False, True, False, True, False, True]


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


@pytest.mark.parametrize(
    ("means", "observed", "verdict"),
    [
        ((0.1, 0.2, 0.3), "scsi < scdi < dcdi", "holds"),
        ((0.1, 0.3, 0.2), "scsi < dcdi < scdi", "does not hold"),
        ((0.3, 0.2, 0.1), "dcdi < scdi < scsi", "does not hold"),
        ((0.2, 0.2, 0.3), "scsi < scdi < dcdi", "does not hold"),
        ((0.2, None, 0.1), "dcdi < scsi", "empty set"),
        ((None, None, None), "", "empty set"),
    ],
)
def test_the_trend_is_read_from_the_means(means, observed, verdict):
    names = ["scsi", "scdi", "dcdi"]
    samples = {
        name: EMPTY if mean is None else np.array([mean - 0.05, mean + 0.05])
        for name, mean in zip(names, means, strict=True)
    }
    row = judge_order(whole({**samples, "dcsi": EMPTY}), names).iloc[0]
    assert (row["expected"], row["observed"], row["verdict"]) == ("scsi < scdi < dcdi", observed, verdict)


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
    assert row.drop(["set", "n", "n_stored", "n_shapiro"]).isna().all()
    for x, y in [(EMPTY, sample(5)), (sample(5), EMPTY), (EMPTY, EMPTY)]:
        assert pair(x, y).drop(["set_a", "set_b", "n_a", "n_b"]).isna().all()


def test_two_sets_of_one_value_have_no_test_and_no_index():
    row = pair(CONSTANT, CONSTANT)
    undefined = ["h", "p", "log10_p", "p_holm", "dunn_table1", "dunn_eq10"]
    assert {name: bool(np.isnan(row[name])) for name in undefined} == dict.fromkeys(undefined, True)
    assert row["cliffs_delta"] == 0


def test_two_constants_that_differ_have_a_test_but_no_index():
    row = pair(CONSTANT, CONSTANT + 1)
    assert row["p"] == stats.kruskal(CONSTANT, CONSTANT + 1).pvalue
    assert row["cliffs_delta"] == 1
    assert np.isnan(row["dunn_table1"]) and np.isnan(row["dunn_eq10"])


def write_distances(path, samples, more=None):
    """Distances as the comparison writes them: dictionaries of labels, unsorted within a set.

    ``more`` are all distances of those sets that have rows for a part alone.
    """
    more = more or {}
    label = arrow.dictionary(arrow.int16(), arrow.string())
    rows = [(condition, name, float(d)) for (condition, name), x in samples.items() for d in x[::-1]]
    condition, name, distance = zip(*rows, strict=True)
    number = arrow.array(range(len(rows)), arrow.int32())
    known = {name: {} for name, _ in samples}
    for (condition_name, set_name), x in (samples | more).items():
        known[condition_name][set_name] = RunningStatistics.from_values(x.astype(np.float32))
    parquet.write_table(
        arrow.table(
            {
                "condition": arrow.array(condition).dictionary_encode().cast(label),
                "set": arrow.array(name).dictionary_encode().cast(label),
                "i": number,
                "j": number,
                "distance": arrow.array(distance, arrow.float32()),
            }
        ).replace_schema_metadata(encode_running_statistics(known)),
        path,
    )


@pytest.fixture
def tested(tmp_path):
    samples = {
        ("cosine", "scsi"): sample(50),
        ("cosine", "scdi"): sample(6000, 1, 0.2),
        ("1", "scsi"): sample(9, 3, 0.4),
        ("1", "dcdi"): sample(9, 4),
    }
    write_distances(tmp_path / "distances.parquet", samples)
    out = {name: str(tmp_path / f"voc.{name}.csv") for name in STATISTICS}
    compute_statistics(
        distances=tmp_path / "distances.parquet",
        conditions=["cosine", "1"],
        sets=["scsi", "scdi", "dcdi"],
        expected_order=["scsi", "dcdi"],
        seed=0,
        out=out,
    )
    tables = {name: pd.read_csv(path, dtype={"condition": str}, keep_default_na=False) for name, path in out.items()}
    return {key: x.astype(np.float32).astype(float) for key, x in samples.items()}, tables, out


def test_an_experiment_has_three_tables_condition_by_condition(tested):
    _, tables, _ = tested
    assert tables["sets"]["condition"].tolist() == ["cosine"] * 3 + ["1"] * 3
    assert tables["sets"]["n"].tolist() == [50, 6000, 0, 9, 0, 9]
    assert tables["tests"]["condition"].tolist() == ["cosine"] * 3 + ["1"] * 3
    assert tables["sets"]["n_shapiro"].tolist() == [50, 5000, 0, 9, 0, 9]
    assert tables["order"]["verdict"].tolist() == ["empty set", "does not hold"]
    assert tables["order"]["observed"].tolist() == ["scsi", "dcdi < scsi"]


def test_the_tables_hold_what_the_distances_say(tested):
    samples, _, out = tested
    pairs = pd.read_csv(out["tests"]).set_index(["condition", "set_a", "set_b"])
    expected = stats.kruskal(samples["cosine", "scsi"], samples["cosine", "scdi"])
    row = pairs.loc["cosine", "scsi", "scdi"]
    assert (row["h"], row["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert pairs.loc[("cosine", "scsi", "dcdi")].drop(["n_a", "n_b"]).isna().all()
    sets = pd.read_csv(out["sets"]).set_index(["condition", "set"])
    assert sets.loc[("1", "dcdi"), "mean"] == pytest.approx(samples["1", "dcdi"].mean())
    assert sets.loc[("1", "scdi")].drop(["n", "n_stored", "n_shapiro"]).isna().all()


def test_moments_are_those_of_all_and_ranks_of_what_has_rows(tmp_path):
    """Of a set that was too large, a part has rows."""
    everything = sample(4000, 1, 0.2)
    part = np.sort(np.random.default_rng(0).choice(everything, 900, replace=False))
    other = sample(50)
    write_distances(
        tmp_path / "d.parquet", {("x", "scsi"): other, ("x", "dcdi"): part}, more={("x", "dcdi"): everything}
    )
    out = {name: str(tmp_path / f"{name}.csv") for name in STATISTICS}
    sets = ["scsi", "dcdi"]
    compute_statistics(
        distances=tmp_path / "d.parquet", conditions=["x"], sets=sets, expected_order=sets, seed=0, out=out
    )
    row = pd.read_csv(out["sets"]).set_index("set").loc["dcdi"]
    assert (row["n"], row["n_stored"]) == (4000, 900)
    assert row["mean"] == pytest.approx(everything.mean(), rel=1e-6)
    assert row["std"] == pytest.approx(np.std(everything, ddof=1), rel=1e-6)
    assert (row["min"], row["max"]) == pytest.approx((everything[0], everything[-1]), rel=1e-6)
    assert row["median"] == pytest.approx(np.median(part), rel=1e-6)
    tests = pd.read_csv(out["tests"]).iloc[0]
    assert (tests["n_a"], tests["n_b"]) == (50, 900)
    assert tests["h"] == pytest.approx(stats.kruskal(other.astype("f4"), part.astype("f4")).statistic)
    gap = everything.mean() - other.mean()
    assert tests["dunn_table1"] == pytest.approx(gap / max(np.std(other, ddof=1), np.std(everything, ddof=1)), rel=1e-5)
    assert row["n_shapiro"] == 900
