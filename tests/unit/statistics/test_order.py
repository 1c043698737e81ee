"""Five verdicts on the expected order, from simultaneous intervals of the gaps between means."""

import numpy as np
import pytest
from distance_samples import make_samples

from semlens.statistics.order import VERDICTS, estimate_gaps, judge_order, judge_signs

NAMES = ["scsi", "scdi", "dcdi"]


def judge(means, *, n_units=20, spread=0.05):
    """Each image has one distance of each set, with errors of its own; None is an empty set."""
    rng, sets = np.random.default_rng(0), {}
    for name, mean in zip(NAMES, means, strict=True):
        errors = rng.normal(0, spread, n_units)
        sets[name] = np.array([]) if mean is None else mean + errors - errors.mean()
    units = {name: np.arange(len(x)) for name, x in sets.items()}
    return judge_order(make_samples(sets, units), NAMES, seed=0).iloc[0]


@pytest.mark.parametrize(
    ("means", "observed", "verdict"),
    [
        ((0.1, 0.3, 0.5), "scsi < scdi < dcdi", "established"),
        ((0.1, 0.101, 0.5), "scsi < scdi < dcdi", "observed"),
        ((0.101, 0.1, 0.5), "scdi < scsi < dcdi", "undecided"),
        ((0.3, 0.1, 0.5), "scdi < scsi < dcdi", "violated"),
        ((0.5, 0.3, 0.1), "dcdi < scdi < scsi", "violated"),
        ((0.2, None, 0.1), "dcdi < scsi", "empty"),
        ((None, None, None), "", "empty"),
    ],
)
def test_the_verdict_follows_from_the_intervals_of_the_gaps(means, observed, verdict):
    row = judge(means)
    assert (row["expected"], row["observed"], row["verdict"]) == ("scsi < scdi < dcdi", observed, verdict)


def test_gaps_are_told_with_their_intervals():
    row = judge((0.1, 0.3, 0.5))
    first, second = row["gaps"].split("; ")
    assert first.startswith("scsi < scdi by 0.2 (0.1") and second.startswith("scdi < dcdi by 0.2 (")
    assert judge((0.2, None, 0.1))["gaps"] == ""


def test_fewer_than_five_images_never_establish_an_order():
    row = judge((0.1, 0.3, 0.5), n_units=4, spread=1e-6)
    assert (row["verdict"], row["n_units"]) == ("observed", 4)
    assert "no interval" in row["gaps"]


def test_the_set_in_fewest_images_counts():
    """One image holds all pairs of a set: nothing says how it would be in another."""
    rng = np.random.default_rng(0)
    sets = {"scsi": np.full(3, 0.1), "scdi": rng.normal(0.3, 0.01, 20), "dcdi": rng.normal(0.5, 0.01, 20)}
    units = {"scsi": np.zeros(3, int), "scdi": np.arange(20), "dcdi": np.arange(20)}
    row = judge_order(make_samples(sets, units), NAMES, seed=0).iloc[0]
    assert (row["verdict"], row["n_units"]) == ("observed", 1)


def test_intervals_hold_for_all_gaps_at_once():
    rng = np.random.default_rng(0)
    sets = {name: rng.normal(place, 0.1, 30) for place, name in enumerate(NAMES)}
    gaps = estimate_gaps(make_samples(sets, np.arange(30)), NAMES)
    (low, high), (band_low, band_high) = gaps.compute_interval(), gaps.compute_band(0)
    assert (band_low < low).all() and (band_high > high).all()


@pytest.mark.parametrize(
    ("values", "low", "high", "verdict"),
    [
        ([1, 1], [0.5, 0.5], [2, 2], "established"),
        ([1, 1], [0.5, -0.5], [2, 2], "observed"),
        ([1, 1], [0.5, np.nan], [2, np.nan], "observed"),
        ([1, 0], [0.5, -1], [2, 1], "undecided"),
        ([1, -1], [0.5, -2], [2, 0.5], "undecided"),
        ([1, -1], [0.5, -2], [2, -0.5], "violated"),
    ],
)
def test_signs(values, low, high, verdict):
    assert judge_signs(np.array(values, float), np.array([low, high], float)) == verdict


def test_every_verdict_has_a_meaning():
    assert all(VERDICTS.values()) and len(VERDICTS) == 5
