"""Intervals and tests of tasks hold what they promise, in a few simulations; ``benchmarks/tasks.py`` does many."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from scipy import stats
from tasks import NULL, SCENARIOS, cover, reject

pytestmark = pytest.mark.slow
RUNS = 30


def test_intervals_hold_what_is_expected_of_as_many_images():
    with ThreadPoolExecutor(1) as pool:
        covered = cover(SCENARIOS["60 images"], RUNS, pool)
    assert len(covered) == 14 and (covered * RUNS >= stats.binom.ppf(0.0005, RUNS, 0.95)).all()


def test_permutations_reject_at_their_level():
    with ThreadPoolExecutor(1) as pool:
        rejected = reject(NULL["clustered, strong images"], RUNS, pool)
    assert len(rejected) == 10 and (rejected * RUNS <= stats.binom.ppf(0.9995, RUNS, 0.05)).all()
