"""What each choice moves, against textbook formulas without noise, and in simulations with it."""

import numpy as np
import pandas as pd
import pytest
from multiverses import cross, draw_errors, get_design, make_estimates, plant
from scipy import stats

from semlens.statistics.choice_shares import INTERACTIONS, measure_shares, measure_spreads, tabulate_choices
from semlens.statistics.intervals import compute_se

CHOICES = {"metric": ["cosine", "euclidean"], "layers": ["a", "b", "c"], "seed": [0, 1, 2, 3]}
DESIGN = get_design(cross(**CHOICES))
N = len(DESIGN["metric"])
QUIET = np.zeros((30, N))


def get_rows(design, estimates):
    return pd.DataFrame(tabulate_choices(design, estimates, seed=0)).set_index("choice")


def test_shares_without_noise_are_those_of_a_textbook():
    """Sums of squares of a balanced design: the mean of each value less the mean of all."""
    values = np.random.default_rng(0).uniform(0.5, 0.8, N)
    rows = get_rows(DESIGN, make_estimates(values, QUIET))
    total = np.sum((values - values.mean()) ** 2)
    for key, column in DESIGN.items():
        means = pd.Series(values).groupby(column).transform("mean")
        assert rows.loc[key, "share"] == pytest.approx(np.sum((means - values.mean()) ** 2) / total)
        assert rows.loc[key, "n_values"] == len(CHOICES[key])
    assert rows["share"].sum() == pytest.approx(1)
    assert list(rows.index) == [*DESIGN, INTERACTIONS] and rows.loc[INTERACTIONS, "n_values"] == 0
    np.testing.assert_allclose(rows[["low", "high"]].to_numpy(), rows[["share", "share"]].to_numpy(), atol=1e-9)


def test_shares_of_a_part_of_all_combinations_are_those_of_least_squares():
    """The loss of fit without a choice; a part whose values are unequally frequent is not balanced."""
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(N)[:15])
    design = {key: column[chosen] for key, column in DESIGN.items()}
    values = rng.uniform(0.5, 0.8, len(chosen))
    shares = measure_shares(design, make_estimates(values, QUIET[:, chosen]), 0)
    total = _fit(values, {})
    for key in design:
        others = {name: column for name, column in design.items() if name != key}
        assert shares[key].share == pytest.approx((_fit(values, others) - _fit(values, design)) / total)
    assert shares[INTERACTIONS].share == pytest.approx(_fit(values, design) / total)


def _fit(values, design):
    """The sum of squares that a regression on indicators of values leaves."""
    columns = [column == value for column in design.values() for value in np.unique(column)]
    x = np.column_stack([np.ones(len(values)), *columns]).astype(float)
    return np.sum((values - x @ np.linalg.lstsq(x, values)[0]) ** 2)


def test_a_choice_that_goes_with_another_has_no_share():
    design = DESIGN | {"mask": np.where(DESIGN["metric"] == "cosine", "area", "nearest").astype(object)}
    values = np.random.default_rng(0).uniform(0.5, 0.8, N)
    rows = get_rows(design, make_estimates(values, QUIET))
    assert rows.loc[["metric", "mask"], "share"].isna().all()
    assert rows.loc[["layers", "seed", INTERACTIONS], "share"].notna().all()
    assert rows.loc["mask", "spread"] == pytest.approx(rows.loc["metric", "spread"])


def test_a_choice_of_one_value_moves_nothing_and_a_single_choice_all():
    values = np.array([0.5, 0.6, 0.8])
    design = {"layers": np.array(["a", "b", "c"], object), "metric": np.full(3, "cosine", object)}
    rows = get_rows(design, make_estimates(values, np.zeros((20, 3))))
    assert rows.loc["layers", ["share", "low", "high"]].tolist() == pytest.approx([1, 1, 1])
    assert rows.loc["metric", ["share", "low", "high", "spread"]].tolist() == [0, 0, 0, 0]
    assert np.isnan(rows.loc[INTERACTIONS, "share"])


def test_an_error_that_all_specifications_share_is_in_no_share():
    rng = np.random.default_rng(0)
    values, _ = plant(DESIGN, rng, metric=0.3, layers=0.2)
    errors = draw_errors(rng, 60, N)
    before = measure_shares(DESIGN, make_estimates(values, errors), 0)
    after = measure_shares(DESIGN, make_estimates(values, errors + 50 * rng.standard_normal((60, 1))), 0)
    np.testing.assert_allclose(list(after.values()), list(before.values()), atol=1e-9)


def test_specifications_without_a_value_or_an_error_are_left_out():
    values = np.random.default_rng(0).uniform(0.5, 0.8, N)
    estimates = make_estimates(values, QUIET)
    estimates.values[3], estimates.n_units[7] = np.nan, 0
    kept = np.delete(np.arange(len(values)), [3, 7])
    left = {key: column[kept] for key, column in DESIGN.items()}
    expected = get_rows(left, make_estimates(values[kept], QUIET[:, kept]))
    pd.testing.assert_frame_equal(get_rows(DESIGN, estimates), expected)


def test_without_any_value_all_is_empty():
    estimates = make_estimates(np.full(N, np.nan), QUIET)
    rows = get_rows(DESIGN, estimates)
    assert rows["share"].isna().all() and rows["n_values"].tolist() == [2, 3, 4, 0]


def test_a_spread_is_the_difference_of_two_means_paired_by_unit():
    rng = np.random.default_rng(0)
    values, errors = 0.3 * (DESIGN["metric"] == "euclidean"), draw_errors(rng, 60, N)
    row = get_rows(DESIGN, make_estimates(values, errors)).loc["metric"]
    assert (row["highest"], row["lowest"]) == ("euclidean", "cosine")
    per_unit = [(values + errors)[:, DESIGN["metric"] == name].mean(axis=1) for name in CHOICES["metric"]]
    difference = per_unit[1] - per_unit[0]
    reach = stats.t.ppf(0.975, 59) * difference.std(ddof=1) / np.sqrt(60)
    assert row["spread"] == pytest.approx(difference.mean())
    ends = difference.mean() - reach, difference.mean() + reach
    assert (row["spread_low"], row["spread_high"]) == pytest.approx(ends)


@pytest.mark.slow
def test_values_that_do_nothing_spread_no_more_than_their_interval_says(monkeypatch):
    """The largest of four less the smallest: their own interval, as if they had not been picked, excludes 0 often."""
    monkeypatch.setattr("semlens.statistics.intervals.N_DRAWS", 1_000)
    runs, apart, apart_if_given = 150, 0, 0
    for run in range(runs):
        estimates = make_estimates(np.zeros(N), draw_errors(np.random.default_rng(run), 60, N))
        found = measure_spreads({"seed": DESIGN["seed"]}, estimates, run)["seed"]
        apart += found["spread_low"] > 0
        picked = [DESIGN["seed"] == found[end] for end in ("highest", "lowest")]
        influence = np.subtract(*(estimates.influence[one].mean(axis=0) for one in picked))
        apart_if_given += found["spread"] > stats.t.ppf(0.975, 59) * compute_se(influence, 60)
    assert apart <= stats.binom.ppf(0.9995, runs, 0.05)
    assert apart_if_given > stats.binom.ppf(0.9995, runs, 0.05)


def simulate(runs, sizes, n_units=60, own=1.0):
    """True shares, and those found in runs that have any, (runs, choices, share and ends)."""
    values, true = plant(DESIGN, np.random.default_rng(0), **sizes)
    found = []
    for run in range(runs):
        errors = draw_errors(np.random.default_rng(run), n_units, N, own)
        shares = measure_shares(DESIGN, make_estimates(values, errors), run)
        found += [[shares[key] for key in (*DESIGN, INTERACTIONS)]] if shares else []
    return np.array([true.get(key, 0) for key in (*DESIGN, INTERACTIONS)]), np.array(found)


def is_within(count, n, share):
    """Whether a count may come from this share of n, or from a larger one."""
    return count >= stats.binom.ppf(0.0005, n, share)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "own"),
    [
        ({"metric": 1.0, "layers": 0.5, "seed": 0.25, "interactions": 0.2}, 1.0),
        ({"metric": 1.0, "layers": 0.0, "seed": 0.0}, 1.0),
        ({"metric": 1.0, "layers": 0.1, "seed": 0.0, "interactions": 0.1}, 3.0),
    ],
    ids=["all choices matter", "one choice matters", "little more than chance"],
)
def test_intervals_hold_planted_shares_and_shares_are_not_off(sizes, own, monkeypatch):
    monkeypatch.setattr("semlens.statistics.intervals.N_DRAWS", 1_000)
    true, found = simulate(100, sizes, own=own)
    assert len(found) == 100
    for truth, (share, low, high) in zip(true, found.transpose(1, 2, 0), strict=True):
        assert is_within(np.count_nonzero((low <= truth + 1e-9) & (high >= truth - 1e-9)), 100, 0.95)
        # at 0, shares that would be negative are 0
        assert np.mean(share) == pytest.approx(truth, abs=0.02 + 4 * np.std(share) / 10)


@pytest.mark.slow
def test_chance_alone_has_no_share(monkeypatch):
    monkeypatch.setattr("semlens.statistics.intervals.N_DRAWS", 1_000)
    _, found = simulate(100, {"metric": 0.0})
    assert len(found) <= stats.binom.ppf(0.9995, 100, 0.05)


@pytest.mark.slow
def test_chance_would_be_in_shares_if_it_were_not_taken_away(monkeypatch):
    """Errors as large as the effect: of the sum of squares of the seed, which does nothing, all is chance."""
    monkeypatch.setattr("semlens.statistics.intervals.N_DRAWS", 1_000)
    sizes = {"metric": 1.0, "layers": 0.0, "seed": 0.0}
    values, _ = plant(DESIGN, np.random.default_rng(0), **sizes)
    raw = []
    for run in range(50):
        estimates = make_estimates(values, draw_errors(np.random.default_rng(run), 20, N, own=3.0))
        deviations = pd.Series(estimates.values - estimates.values.mean())
        means = deviations.groupby(DESIGN["seed"]).transform("mean")
        raw.append(np.sum(means**2) / np.sum(deviations**2))
    _, found = simulate(50, sizes, 20, own=3.0)
    corrected = found[:, 2, 0]
    assert np.mean(corrected) < np.mean(raw) / 2
