"""Which subsets are tried, and that a beam finds what was planted."""

from itertools import pairwise

import numpy as np
import pytest

from semlens.statistics.subsets import list_subsets, rank, try_subsets

BEST = {2, 5, 11, 16}


def score_overlap(subsets):
    """Best is one subset; each layer of it helps by itself, each other one hurts."""
    return np.array([len(BEST & set(one)) - 0.5 * len(set(one) - BEST) for one in subsets], float)


def test_every_subset_is_listed_once_and_begins_as_the_one_before_where_it_can():
    subsets = list_subsets(5)
    assert len(set(subsets)) == 31 and all(subset == tuple(sorted(set(subset))) for subset in subsets)
    assert all(subset[:-1] in ((), *subsets[:place]) for place, subset in enumerate(subsets))
    added = [len(b) - sum(x == y for x, y in zip(a, b, strict=False)) for a, b in pairwise(subsets)]
    assert set(added) == {1}


@pytest.mark.parametrize("beam", [1, 3])
def test_a_beam_finds_what_all_subsets_would_show(beam):
    tried, scores = try_subsets(score_overlap, 18, beam)
    assert set(tried[int(rank(tried, scores)[0])]) == BEST
    assert len(tried) == len(set(tried)) < 18 * 18 * beam
    assert {len(subset) for subset in tried} == set(range(1, 19))
    assert all((layer,) in tried for layer in range(18))


def test_up_to_fourteen_layers_all_subsets_are_tried():
    tried, _ = try_subsets(lambda subsets: np.zeros(len(subsets)), 14, 1)
    assert len(tried) == 2**14 - 1


def test_where_subsets_are_as_good_fewer_layers_come_first_and_undefined_ones_last():
    subsets = [(0, 1), (0,), (1,), (0, 1, 2), (2,)]
    assert list(rank(subsets, [0.7, np.nan, 0.7, 0.9, 0.7])) == [3, 2, 4, 0, 1]
