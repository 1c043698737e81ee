"""Specifications say what statistics say elsewhere; what they say together, by hand and in simulations."""

import numpy as np
import pytest
from distance_samples import make_samples
from multiverses import cross, make_estimates, measure_curve, record, write_reading
from scipy import stats
from simulation import Scenario, simulate

from semlens.config.choices import format_choice
from semlens.statistics.intervals import Estimates
from semlens.statistics.measure import Measured, Options, measure_images
from semlens.statistics.multiverse import (
    TABLES,
    compute_curve_p,
    compute_median,
    divide,
    summarize_multiverse,
    tabulate_gaps,
)
from semlens.statistics.multiverse_readings import Multiverse, read_multiverse
from semlens.statistics.order import estimate_gaps, judge_order
from semlens.statistics.separation_tables import tabulate_separation
from semlens.storage.csv_tables import read_csv

ORDER = ["scsi", "scdi", "dcdi"]
UNITS = [f"i{number}" for number in range(6)]
SPREAD = dict(zip(UNITS, (0.02, -0.02, 0.01, -0.01, 0.005, -0.005), strict=True))
SPECIFICATIONS = cross(metric=["cosine", "euclidean"], seed=[0, 1])


def summarize(records, folder, specifications=SPECIFICATIONS, n_possible=4):
    out = {name: str(folder / f"{name}.csv") for name in TABLES}
    summarize_multiverse(
        records=records, specifications=specifications, n_possible=n_possible, expected_order=ORDER, seed=0, out=out
    )
    return {name: read_csv(path) for name, path in out.items()}


def list_quantities(name, separation, gaps, *, influence=SPREAD, comparison="between"):
    """What a reading writes of a specification; None is a gap whose sets are empty."""
    rows = [(name, comparison, separation, influence, 50)]
    if comparison == "between":
        rows.append((name, "inside", separation + 0.1, influence, 30))
    for gap, value in zip(("scsi < scdi", "scdi < dcdi"), gaps, strict=True):
        rows.append((name, gap, value, None if value is None else influence, 50))
    return [*rows, (name, "mean dcdi", 0.8, influence, 50), (name, "dunn scsi, dcdi", 0.3, None, 50)]


@pytest.fixture
def toy(tmp_path):
    """Two readings, of a seed each; classes say much by cosine and little by the Euclidean distance."""
    values = {("cosine", 0): 0.80, ("cosine", 1): 0.84, ("euclidean", 0): 0.60, ("euclidean", 1): 0.56}
    gaps = {("cosine", 0): (0.2, 0.3), ("cosine", 1): (0.2, -0.3), ("euclidean", 0): (0.2, 0.01)}
    readings = []
    for seed in (0, 1):
        rows, null = [], {}
        for metric in ("cosine", "euclidean"):
            name = f"metric={metric}, seed={seed}"
            rows += list_quantities(name, values[metric, seed], gaps.get((metric, seed), (None, 0.3)))
            null[name] = [0.5, 0.62, 0.7] if metric == "cosine" else [0.5, 0.48, 0.61]
        readings.append(write_reading(tmp_path / str(seed), rows, null))
    return summarize([record(*readings)], tmp_path)


def test_specifications_come_by_falling_separation_with_what_was_chosen(toy):
    rows = toy["specifications"]
    assert rows["separation"].tolist() == [0.84, 0.8, 0.6, 0.56]
    assert rows["metric"].tolist() == ["cosine", "cosine", "euclidean", "euclidean"]
    assert rows["seed"].tolist() == [1, 0, 0, 1] and rows["layers"].isna().all()
    assert set(rows["comparison"]) == {"between"} and set(rows["n_objects"]) == {50} and set(rows["n_units"]) == {6}
    assert rows["verdict"].tolist() == ["violated", "established", "observed", "empty"]
    assert rows["p"].tolist() == [0.25, 0.25, 0.5, 0.5]
    reach = stats.t.ppf(0.975, 5) * np.sqrt(6 / 5 * sum(x**2 for x in SPREAD.values()))
    np.testing.assert_allclose(rows["high"] - rows["separation"], reach)
    np.testing.assert_allclose(rows["inside"] - rows["inside_low"], reach)
    assert set(rows["dunn_index"]) == {0.3}


def test_all_specifications_together(toy):
    (row,) = toy["summary"].to_dict("records")
    assert (row["expected"], row["n_specifications"], row["n_possible"]) == ("scsi < scdi < dcdi", 4, 4)
    assert (row["median"], row["smallest"], row["largest"]) == (pytest.approx(0.7), 0.56, 0.84)
    # medians of permutations: 0.5, 0.55, 0.655
    assert row["p"] == 0.25
    verdicts = [row[name] for name in ("established", "observed", "undecided", "violated", "empty")]
    assert verdicts == [1, 1, 0, 1, 1]
    low = toy["specifications"]["low"]
    assert row["n_above_chance"] == (low > 0.5).sum() == 3
    assert row["n_seeds"] == 2
    assert row["seed_sd"] == pytest.approx(np.sqrt((0.04**2 / 2 + 0.04**2 / 2) / 2))
    assert row["image_se"] == pytest.approx(np.sqrt(6 / 5 * sum(x**2 for x in SPREAD.values())))


def test_gaps_come_with_the_mean_in_which_they_are_measured(toy):
    rows = toy["gaps"]
    assert len(rows) == 8 and set(rows["scale"]) == {0.8}
    empty = rows[rows["specification"] == "metric=euclidean, seed=1"]
    assert np.isnan(empty["value"].iloc[0]) and empty["low"].isna().all()


def test_choices_are_told_for_separation_and_for_every_gap(toy):
    rows = toy["choices"].set_index(["outcome", "choice"])
    assert list(rows.loc["separation"].index) == ["metric", "seed", "interactions"]
    row = rows.loc[("separation", "metric")]
    assert (row["spread"], row["highest"], row["lowest"]) == (pytest.approx(0.24), "cosine", "euclidean")
    # errors are the same in all specifications: nothing of their differences is chance
    assert row["share"] == pytest.approx(0.24**2 / (0.24**2 + 0.04**2))
    assert row["low"] == pytest.approx(row["share"]) == row["high"]
    assert rows.loc["scdi < dcdi", "spread"].loc["metric"] == pytest.approx((0.155 - 0) / 0.8)


def test_a_curve_of_identity_has_no_p_and_nothing_measured_is_empty(tmp_path):
    named = [one["name"] for one in SPECIFICATIONS]
    rows = [row for name in named for row in list_quantities(name, 0.9, (0.1, 0.2), comparison="identity")]
    nothing = [(name, quantity, None, None, 0) for name in named for quantity in ("between", "scsi < scdi")]
    tables = summarize(
        [
            record(write_reading(tmp_path / "a", rows), dataset="a"),
            record(write_reading(tmp_path / "b", nothing), dataset="b"),
        ],
        tmp_path,
    )
    a, b = (tables["specifications"].query("dataset == @name") for name in "ab")
    assert set(a["comparison"]) == {"identity"} and a["p"].isna().all() and a["inside"].isna().all()
    assert set(a["verdict"]) == {"established"}
    assert b["separation"].isna().all() and set(b["verdict"]) == {"empty"}
    of_a, of_b = tables["summary"].to_dict("records")
    assert of_a["median"] == 0.9 and np.isnan(of_a["p"]) and of_a["seed_sd"] == 0
    assert np.isnan([of_b[key] for key in ("median", "median_low", "p", "seed_sd", "image_se")]).all()
    assert of_b["n_above_chance"] == 0 and of_b["empty"] == 4
    assert tables["choices"].query("dataset == 'b'")["share"].isna().all()


def test_a_reading_that_lacks_specifications_counts_those_it_has(tmp_path):
    rows = list_quantities("metric=cosine, seed=1", 0.7, (0.1, 0.2))
    (row,) = summarize([record(write_reading(tmp_path, rows))], tmp_path)["summary"].to_dict("records")
    assert (row["n_specifications"], row["median"], row["n_seeds"]) == (1, 0.7, 0)


@pytest.mark.parametrize(
    ("names", "null", "words"),
    [
        (["metric=area, seed=0"], {}, "sd on coco: nobody asked for specification 'metric=area, seed=0'"),
        (["metric=cosine, seed=0"] * 2, {}, "two readings hold 'between' of specification 'metric=cosine, seed=0'"),
        (
            ["metric=cosine, seed=0", "metric=cosine, seed=1"],
            {"metric=cosine, seed=0": [0.5, 0.6], "metric=cosine, seed=1": [0.5]},
            "specification 'metric=cosine, seed=1' has other permutations than others",
        ),
    ],
)
def test_files_that_do_not_fit_are_named(tmp_path, names, null, words):
    readings = [
        write_reading(tmp_path / str(number), list_quantities(name, 0.7, (0.1, 0.2)), null if number == 0 else None)
        for number, name in enumerate(names)
    ]
    with pytest.raises(ValueError, match=words):
        read_multiverse(record(*readings), SPECIFICATIONS)


def test_choices_as_text():
    assert [format_choice(x) for x in (True, False, None, 0, 1, "16")] == ["true", "false", "none", "0", "1", "16"]


@pytest.mark.parametrize("means", [(0.1, 0.3, 0.5), (0.1, 0.101, 0.5), (0.3, 0.1, 0.5), (0.101, 0.1, 0.5)])
def test_verdicts_and_intervals_of_gaps_are_those_of_the_order(tmp_path, means):
    """Beside them are a specification with other images, one of few images, and one without any error."""
    rng, rows, expected = np.random.default_rng(0), [], {}
    sizes = {"metric=cosine, seed=0": 20, "metric=cosine, seed=1": 20, "metric=euclidean, seed=0": 9}
    for name, n in (sizes | {"metric=euclidean, seed=1": 4}).items():
        sets = {one: mean + rng.normal(0, 0.05, n) for one, mean in zip(ORDER, means, strict=True)}
        samples = make_samples(sets, rng.permutation(20)[:n])
        gaps = estimate_gaps(samples, ORDER)
        expected[name] = judge_order(samples, ORDER, 0).iloc[0]["verdict"], gaps.values, gaps.compute_band(0)
        units = [f"i{number}" for number in rng.permutation(20)[:n]]
        for gap, value, influence in zip(gaps.names, gaps.values, gaps.influence, strict=True):
            rows.append((name, gap, value, dict(zip(units, influence, strict=True)), n))
        rows.append((name, "between", 0.7, None, n))
    table, verdicts = tabulate_gaps(
        read_multiverse(record(write_reading(tmp_path, rows)), SPECIFICATIONS), ORDER, seed=0
    )
    for place, (name, (verdict, values, band)) in enumerate(expected.items()):
        found = table[table["specification"] == name]
        assert verdicts[place] == verdict
        np.testing.assert_allclose(found["value"], values)
        np.testing.assert_allclose(found[["low", "high"]].to_numpy().T, band, rtol=1e-9)


def test_a_specification_says_what_the_table_of_separation_says(tmp_path):
    rows, (vectors,) = simulate(Scenario(class_effect=0.5), np.random.default_rng(0))
    options = Options("classes", 99, 10_000, 0, "cpu")
    found = measure_images(rows, vectors, "cosine", options)
    measured = [
        Measured("all", kind, one, one.average("classes"), null, len(rows)) for kind, (one, null) in found.items()
    ]
    tables = tabulate_separation(measured, options)
    name = SPECIFICATIONS[0]["name"]
    influence = tables["influence"].groupby("comparison")[["unit", "influence"]]
    quantities = [
        (name, kind, one.average("classes").value, dict(influence.get_group(kind).to_numpy()), 9)
        for kind, (one, _) in found.items()
    ]
    reading = write_reading(tmp_path, quantities, {name: found["between"][1]})
    expected = tables["separation"].set_index("comparison")
    (row,) = summarize([record(reading)], tmp_path)["specifications"].to_dict("records")
    between = expected.loc["between", ["separation", "low", "high", "p", "n_units"]]
    inside = expected.loc["inside", ["separation", "low", "high"]]
    assert [row[key] for key in between.index] == pytest.approx(list(between))
    assert [row[key] for key in ("inside", "inside_low", "inside_high")] == pytest.approx(list(inside))


def test_the_median_is_a_jackknife_of_medians():
    rng = np.random.default_rng(0)
    errors = rng.normal(0, 0.1, (12, 5))
    estimates = make_estimates(np.array([0.5, 0.52, 0.6, 0.61, 0.7]), errors)
    values = np.array([0.5, 0.52, 0.6, 0.61, 0.7]) + errors  # (units, specifications)
    without = [np.median(np.delete(values, unit, axis=0).mean(axis=0)) for unit in range(12)]
    median = compute_median(estimates)
    assert median.values[0] == pytest.approx(np.median(values.mean(axis=0)))
    deviations = np.array(without) - median.values[0]
    assert median.se[0] == pytest.approx(np.sqrt(11 / 12 * np.sum(deviations**2)))


def test_a_relative_gap_is_that_of_ratios_without_a_unit():
    """To first order, which many units are near."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.2, 0.05, 400), rng.normal(0.8, 0.05, 400)
    gap, mean = (make_estimates(np.zeros(1), values[:, None]) for values in (x, y))
    ratio = divide(gap, mean)
    without = [np.delete(x, unit).mean() / np.delete(y, unit).mean() for unit in range(400)]
    assert ratio.values[0] == pytest.approx(x.mean() / y.mean())
    assert ratio.se[0] == pytest.approx(np.sqrt(399 / 400 * np.sum((without - ratio.values[0]) ** 2)), rel=0.01)
    assert np.isnan(divide(gap, make_estimates(np.array([-2.0]), y[:, None])).values[0])


@pytest.mark.slow
def test_a_curve_of_nothing_is_found_at_its_level_and_one_of_something_always():
    runs, scenario = 120, Scenario(images=30, objects=3, classes=3)
    p = [
        compute_curve_p(measure_curve(*simulate(scenario, np.random.default_rng(run), n_layers=3), run))
        for run in range(runs)
    ]
    for level in (0.05, 0.25, 0.5):
        low, high = stats.binom.ppf([0.0005, 0.9995], runs, level)
        assert low <= np.count_nonzero(np.array(p) <= level) <= high
    scenario = Scenario(images=60, objects=3, classes=3, class_effect=1.0)
    p = [
        compute_curve_p(measure_curve(*simulate(scenario, np.random.default_rng(run), n_layers=3), run))
        for run in range(5)
    ]
    assert p == [1 / 40] * 5


@pytest.mark.slow
def test_the_interval_of_a_median_holds_it():
    scenario, medians = Scenario(images=40, objects=3, classes=4, class_effect=0.5), []
    for run in range(150):
        rows, layers = simulate(scenario, np.random.default_rng(run), n_layers=3)
        medians.append(compute_median(measure_curve(rows, layers, run, 1).get("between")))
    truth = np.mean([one.values[0] for one in medians])
    held = [low[0] <= truth <= high[0] for low, high in (one.compute_interval(share=True) for one in medians)]
    low, high = stats.binom.ppf([0.0005, 0.9995], len(held), 0.95)
    assert low <= np.count_nonzero(held) <= high


def test_permutations_that_leave_no_class_to_compare_do_not_speak_for_the_curve():
    names = ["a", "b"]
    separation = Estimates(names, np.array([0.6, 0.8]), np.zeros((2, 4)), np.array([4, 4]))
    null = np.array([[0.5, np.nan, np.nan, 0.9], [0.6, 0.9, np.nan, np.nan]])  # medians 0.55, 0.9, none, 0.9
    places = [np.arange(4)] * 2
    curve = Multiverse(names, {}, ["between"] * 2, np.zeros(2), {"between": separation}, places, np.arange(2), null)
    assert compute_curve_p(curve) == (1 + 3) / (1 + 4)
