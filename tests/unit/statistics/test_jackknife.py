"""Errors by leaving out images: of a mean they are the known ones, and a measure that jumps does not blow them up."""

import numpy as np
import pytest

from semlens.statistics.intervals import compute_se
from semlens.statistics.jackknife import N_DRAWS, deal_units, leave_out_groups, leave_out_thirds

VALUES = np.random.default_rng(0).standard_normal(60)


def mean(kept):
    return np.array([VALUES[kept].mean()])


def test_groups_of_one_give_the_error_of_a_mean():
    value, influence = leave_out_groups(mean, deal_units(np.arange(60), 0, 60))
    assert value == pytest.approx(VALUES.mean())
    assert compute_se(influence, np.array([60])) == pytest.approx(VALUES.std(ddof=1) / np.sqrt(60))


def test_thirds_give_the_error_of_a_mean_but_for_the_draws():
    found = [leave_out_thirds(mean, np.arange(60), seed)[1] for seed in range(40)]
    errors = [compute_se(influence, np.array([N_DRAWS])) for influence in found]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(VALUES.std(ddof=1) / np.sqrt(60), rel=0.05)


def test_objects_of_an_image_are_left_out_together():
    units, seen = np.repeat(np.arange(9), 3), []
    leave_out_thirds(lambda kept: seen.append(kept) or np.zeros(1), units, 0)
    assert seen[0].all() and len(seen) == 1 + N_DRAWS
    for kept in seen[1:]:
        assert len(np.unique(units[~kept])) == 3 and not set(units[kept]) & set(units[~kept])


def test_a_measure_that_jumps_has_a_smaller_error_by_thirds():
    def count_wins(kept):
        return np.array([float(VALUES[kept].sum() > VALUES.sum())])

    by_one = leave_out_groups(count_wins, deal_units(np.arange(60), 0, 60))[1]
    by_thirds = leave_out_thirds(count_wins, np.arange(60), 0)[1]
    assert compute_se(by_thirds, np.array([N_DRAWS])) < 1 < compute_se(by_one, np.array([60]))


def test_one_image_has_no_error():
    value, influence = leave_out_thirds(lambda kept: np.ones(2), np.zeros(5, int), 0)
    assert value.tolist() == [1, 1] and influence.tolist() == [[0], [0]]
    assert np.isnan(compute_se(influence, np.array([1, 1]))).all()
