"""Measures of a query's gallery, against scikit-learn and loops over the gallery in every order of its ties."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from semlens.statistics.tasks.ranks import (
    compute_average_precision,
    compute_hit,
    compute_r_precision,
    gather_places,
    rank_gallery,
    score_likes,
)

MEASURES = {
    "average_precision": compute_average_precision,
    "r_precision": compute_r_precision,
    **{f"rank_{k}": compute_hit(k) for k in (1, 2, 5)},
}


@pytest.fixture(params=[False, True], ids=["no ties", "ties"])
def made(request):
    """Distances, classes of queries and gallery, and what counts."""
    rng = np.random.default_rng(0)
    distances = rng.gamma(2, 0.3, (20, 30))
    distances = (np.round(distances, 1) if request.param else distances).astype(np.float32)
    return distances, rng.integers(0, 3, 20), rng.integers(0, 3, 30), rng.random((20, 30)) < 0.8


def score_by_hand(distances, like):
    """All measures of one query: the mean over orders of its ties; average precision is scikit-learn's."""
    order = np.argsort(distances, kind="stable")
    d, kind = distances[order], like[order].astype(float)
    expected = np.array([kind[d == own].mean() for own in d])  # of a tie, every place has its mean
    m = int(like.sum())
    found = [average_precision_score(like, -distances), expected[:m].mean()]
    for k in (1, 2, 5):
        nearer = kind[d < d[k - 1]].any()
        tied, drawn = kind[d == d[k - 1]], k - np.count_nonzero(d < d[k - 1])
        some = [any(one[:drawn]) for one in permutations(tied)]
        found.append(1.0 if nearer else np.mean(some))
    return found


def test_measures_are_those_of_every_order_of_ties(made):
    distances, queries, gallery, valid = made
    found = score_likes(rank_gallery(distances, valid), queries, gallery, np.arange(3), MEASURES)
    for row in range(len(queries)):
        here = valid[row]
        expected = score_by_hand(distances[row][here], gallery[here] == queries[row])
        np.testing.assert_allclose(found[:, row], expected, atol=1e-6)


def test_what_is_left_out_is_as_if_it_had_never_been_there(made):
    distances, queries, gallery, valid = made
    kept_queries, kept = np.arange(20) % 3 > 0, np.arange(30) % 4 > 0
    ranks = rank_gallery(distances, valid)
    found = score_likes(ranks, queries, gallery, np.arange(3), MEASURES, (kept_queries, kept))
    fewer = rank_gallery(distances[kept_queries][:, kept], valid[kept_queries][:, kept])
    expected = score_likes(fewer, queries[kept_queries], gallery[kept], np.arange(3), MEASURES)
    np.testing.assert_allclose(found[:, kept_queries], expected, atol=1e-12)
    assert np.isnan(found[:, ~kept_queries]).all()


def test_a_query_without_likes_or_without_others_has_no_score():
    ranks = rank_gallery(np.ones((3, 2), np.float32), np.array([[True, True], [True, True], [True, False]]))
    found = score_likes(ranks, np.array([0, 1, 0]), np.array([0, 0]), np.arange(2), MEASURES)
    assert np.isnan(found).all()


def test_places_are_those_of_ties_among_what_counts():
    distances = np.array([[0.3, 0.1, 0.1, 0.2]], np.float32)
    ranks = rank_gallery(distances, np.array([[True, True, True, False]]))
    first, last, valid = gather_places(ranks, np.array([[0]]), np.arange(4)[None])
    assert (first.tolist(), last.tolist(), valid.tolist()) == (
        [[3, 1, 1, 0]],
        [[3, 2, 2, 0]],
        [[True, True, True, False]],
    )


def test_one_of_everything_as_near_is_chance():
    """Of 3 likes among 10 that are all as near: a tie of all."""
    ranks = rank_gallery(np.zeros((1, 10), np.float32), np.ones((1, 10), bool))
    found = score_likes(ranks, np.array([1]), np.arange(10) // 7, np.array([1]), MEASURES)[:, 0]
    assert found.tolist() == pytest.approx(
        [0.3, 0.3, 0.3, 1 - 7 / 10 * 6 / 9, 1 - (7 * 6 * 5 * 4 * 3) / (10 * 9 * 8 * 7 * 6)]
    )
