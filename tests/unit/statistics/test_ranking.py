"""What the order of neighbours says, against loops over all pairs of neighbours."""

import numpy as np
import pytest

from semlens.statistics.ranking import rank_rows


def make_rows(seed, *, ties):
    rng = np.random.default_rng(seed)
    distances = rng.gamma(2, 0.3, (12, 25))
    return (
        (np.round(distances, 1) if ties else distances).astype(np.float32),
        rng.random((12, 25)) < 0.3,
        rng.random((12, 25)) < 0.8,
    )


def compare(near, far):
    """1 where far is farther, 1/2 where both are as far, for all pairs: (near, far)."""
    return (far[None] > near[:, None]) + 0.5 * (far[None] == near[:, None])


@pytest.fixture(params=[False, True], ids=["no ties", "ties"])
def rows(request):
    return make_rows(0, ties=request.param)


def test_separation_is_how_often_an_unlike_neighbour_is_farther(rows):
    distances, like, valid = rows
    found = rank_rows(distances, like, valid).separation
    for row, a in zip(range(len(distances)), found, strict=True):
        near, far = distances[row][like[row] & valid[row]], distances[row][~like[row] & valid[row]]
        assert a == pytest.approx(compare(near, far).mean(), abs=1e-12)


def test_influence_is_what_a_neighbours_weight_changes(rows):
    """By hand, and by the derivative: one neighbour more of the same place moves the mean towards its own share."""
    distances, like, valid = rows
    ranking = rank_rows(distances, like, valid)
    influence = np.zeros_like(ranking.influence)
    np.put_along_axis(influence, ranking.order, ranking.influence, axis=1)
    for row in range(len(distances)):
        near, far = np.flatnonzero(like[row] & valid[row]), np.flatnonzero(~like[row] & valid[row])
        shares = compare(distances[row][near], distances[row][far])
        a = shares.mean()
        np.testing.assert_allclose(influence[row][near], (shares.mean(axis=1) - a) / len(near), atol=1e-12)
        np.testing.assert_allclose(influence[row][far], (shares.mean(axis=0) - a) / len(far), atol=1e-12)
        assert not influence[row][~valid[row]].any()


def test_midranks_are_scipys(rows):
    from scipy.stats import rankdata

    distances, like, valid = rows
    ranking = rank_rows(distances, like, valid)
    midranks = np.empty(distances.shape)
    np.put_along_axis(midranks, ranking.order, ranking.midranks, axis=1)
    for row in range(len(distances)):
        assert midranks[row][valid[row]].tolist() == rankdata(distances[row][valid[row]]).tolist()
        assert not midranks[row][~valid[row]].any()


def test_an_anchor_without_one_kind_of_neighbour_says_nothing():
    distances = np.full((3, 2), 0.5, np.float32)
    like, valid = (
        np.array([[True, True], [False, False], [True, False]]),
        np.array([[True, True], [True, True], [False, True]]),
    )
    ranking = rank_rows(distances, like, valid)
    assert np.isnan(ranking.separation).all()
    assert not ranking.influence.any()


def test_negative_zero_is_zero():
    distances = np.array([[-0.0, 0.0, 1.0]], np.float32)
    ranking = rank_rows(distances, np.array([[True, False, False]]), np.ones((1, 3), bool))
    assert ranking.separation.tolist() == [0.75]


def test_distances_a_rounding_apart_are_not_ties():
    near = np.float32(0.5)
    distances = np.array([[near, np.nextafter(near, np.float32(1))]])
    assert rank_rows(distances, np.array([[True, False]]), np.ones((1, 2), bool)).separation.tolist() == [1]
