"""Intervals, bands and what cannot be told from the best, where the answers are known."""

import numpy as np
import pytest
from scipy import stats

from semlens.statistics.intervals import Estimates, compute_bands, compute_se


def make(values, influence, n_units=None):
    influence = np.asarray(influence, float)
    influence = influence - influence.mean(axis=1, keepdims=True)
    n_units = np.full(len(values), influence.shape[1]) if n_units is None else np.array(n_units)
    return Estimates([str(number) for number in range(len(values))], np.array(values, float), influence, n_units)


def draw(n_conditions, n_units=50, *, scale=1.0, seed=0, shared=0.0):
    """Influences of estimates whose standard errors are about ``scale``."""
    rng = np.random.default_rng(seed)
    own, common = rng.normal(size=(n_conditions, n_units)), rng.normal(size=n_units)
    return scale * (np.sqrt(1 - shared) * own + np.sqrt(shared) * common) / np.sqrt(n_units)


def test_the_error_of_a_mean_is_its_usual_one():
    x = np.random.default_rng(0).normal(size=30)
    assert compute_se((x - x.mean()) / 30, 30) == pytest.approx(x.std(ddof=1) / np.sqrt(30))
    assert np.isnan(compute_se(np.zeros(1), 1))


def test_an_interval_is_students():
    estimates = make([0.7], draw(1, 12, scale=0.05))
    low, high = estimates.compute_interval()
    assert (low[0], high[0]) == pytest.approx(stats.t.interval(0.95, 11, 0.7, estimates.se[0]))


def test_one_unit_gives_no_interval():
    estimates = make([0.7, 0.6], draw(2), n_units=[1, 50])
    assert np.isnan(estimates.compute_interval()[:, 0]).all() and not np.isnan(estimates.compute_interval()[:, 1]).any()
    assert not np.isnan(estimates.compute_band(0)[:, 1]).any()


def test_a_band_of_one_condition_is_its_interval():
    estimates = make([0.7], draw(1, 12))
    assert (estimates.compute_band(0) == estimates.compute_interval()).all()


@pytest.mark.parametrize("n_units", [8, 60])
def test_a_band_of_independent_conditions_is_sidaks(n_units):
    """Independent up to the shared number of units, for which Student's distribution stands."""
    estimates = make(np.zeros(10), draw(10, n_units))
    level = 0.95 ** (1 / 10)
    independent = stats.t.ppf((1 + level) / 2, n_units - 1)
    alone = stats.t.ppf(0.975, n_units - 1)
    assert alone < estimates.compute_critical(0) < 1.1 * independent
    if n_units == 60:
        assert estimates.compute_critical(0) == pytest.approx(independent, rel=0.05)


def test_a_band_of_the_same_condition_again_is_that_of_one():
    influence = np.repeat(draw(1, 40), 5, axis=0)
    assert make(np.zeros(5), influence).compute_critical(0) == pytest.approx(stats.t.ppf(0.975, 39), rel=0.03)


def test_conditions_without_a_value_do_not_disturb():
    estimates = make([0.7, np.nan], draw(2))
    assert np.isnan(estimates.compute_band(0)[:, 1]).all() and not np.isnan(estimates.compute_band(0)[:, 0]).any()
    assert estimates.list_best(0).tolist() == [True, False]


def test_equal_conditions_cannot_be_told_apart_and_a_clear_loser_can():
    estimates = make([0.70, 0.705, 0.5], draw(3, scale=0.02))
    assert estimates.list_best(0).tolist() == [True, True, False]


def test_a_clear_winner_is_best_alone():
    assert make([0.9, 0.7, 0.5], draw(3, scale=0.02)).list_best(0).tolist() == [True, False, False]


def test_what_conditions_share_does_not_blur_their_order():
    """Errors that are nearly the same leave a small difference clear; independent ones of that size do not."""
    for shared, expected in ((0.999, [True, False]), (0.0, [True, True])):
        assert make([0.72, 0.70], draw(2, scale=0.05, shared=shared)).list_best(0).tolist() == expected


def test_the_same_condition_twice_is_best_twice():
    influence = np.repeat(draw(1), 2, axis=0)
    assert make([0.7, 0.7], influence).list_best(0).tolist() == [True, True]


def test_without_intervals_none_is_told_from_another():
    estimates = make([0.7, 0.8, np.nan], np.zeros((3, 1)), n_units=[1, 1, 0])
    assert estimates.list_best(0).tolist() == [True, True, False]


def test_a_condition_without_an_error_is_tied_and_throws_none_out():
    influence = np.vstack([np.zeros(50), draw(3, scale=0.02)])
    for value in (0.99, 0.1):
        estimates = make([value, 0.9, 0.7, np.nan], influence, n_units=[1, 50, 50, 50])
        assert estimates.list_best(0).tolist() == [True, True, False, False]


def test_where_an_error_is_not_known_no_value_is_elsewhere():
    influence = np.vstack([np.zeros(50), draw(2, scale=0.02)])
    estimates = make([0.8, 0.9, np.nan], influence, n_units=[1, 50, 0])
    assert np.isnan(estimates.estimate_elsewhere(0))
    assert estimates.select(["1", "2"]).estimate_elsewhere(0) == pytest.approx(0.9)


def test_nothing_measured_has_no_best():
    estimates = make([np.nan, np.nan], np.zeros((2, 5)), n_units=[0, 0])
    assert estimates.list_best(0).tolist() == [False, False] and np.isnan(estimates.estimate_elsewhere(0))


def test_the_best_of_equal_conditions_is_worth_their_common_value_elsewhere():
    """Twenty conditions of 0.7, each measured with its error: the largest is too large, elsewhere is not."""
    gain, elsewhere = [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        x = rng.normal(0.7, 0.3, (20, 40))
        estimates = make(x.mean(axis=1), (x - x.mean(axis=1, keepdims=True)) / 40)
        gain.append(estimates.values.max() - 0.7)
        elsewhere.append(estimates.estimate_elsewhere(seed) - 0.7)
    assert np.mean(gain) > 0.07
    assert np.mean(elsewhere) == pytest.approx(0, abs=4 * np.std(elsewhere) / 10)


def test_a_clear_best_keeps_its_value_elsewhere():
    estimates = make([0.9, 0.5], draw(2, scale=0.02))
    assert estimates.estimate_elsewhere(0) == pytest.approx(0.9, abs=1e-6)


def test_differences_are_paired_by_unit():
    influence = draw(2, shared=0.9)
    estimates = make([0.7, 0.6], influence)
    (difference,) = estimates.subtract([(0, 1)]).values
    assert difference == pytest.approx(0.1)
    expected = compute_se(estimates.influence[0] - estimates.influence[1], 50)
    assert estimates.subtract([(0, 1)]).se[0] == pytest.approx(expected)
    assert (estimates.select(["0"]) - estimates.select(["1"])).se[0] == pytest.approx(expected)
    assert expected < estimates.se.min()


def test_draws_are_seeded():
    estimates = make([0.7, 0.6, 0.65], draw(3))
    assert (estimates.compute_band(0) == estimates.compute_band(0)).all()
    assert (estimates.compute_band(0) != estimates.compute_band(1)).any()


def test_many_bands_at_once_are_each_by_itself():
    """Of few and of many units, of conditions without an error, of one condition alone, and of none."""
    several = [
        make([0.7, 0.6], draw(2, seed=1)),
        make([0.5, 0.4, np.nan], draw(3, seed=2)),
        make([0.5, 0.4], draw(2, seed=3), n_units=[50, 20]),
        make([0.5, 0.4], draw(2, 12, seed=4)),
        make([0.5, 0.4], np.vstack([draw(1, seed=5), np.zeros((1, 50))])),
        make([0.5, 0.4], np.zeros((2, 50)), n_units=[0, 0]),
    ]
    for one, band in zip(several, compute_bands(several, 0), strict=True):
        np.testing.assert_allclose(band, one.compute_band(0), rtol=1e-12)
