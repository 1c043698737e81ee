"""How near an object's likes lie among its neighbours: every row of distances is sorted once."""

from typing import NamedTuple

import numpy as np

_POSITION = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


class Ranking(NamedTuple):
    """What the order of the neighbours of some anchors says.

    All but ``separation`` are (anchors, neighbours), by rising distance; those that do not count stand last.

    Attributes
    ----------
    separation
        (anchors,) A: how often an unlike neighbour is farther than a like one; ties count half. NaN where an anchor
        lacks one kind of neighbour.
    order
        The neighbours' columns.
    midranks
        Their ranks from 1 on, the mean of those that they share in a tie.
    influence
        (V - A) / m of each of the m like neighbours and (W - A) / n of the n unlike ones, where V is the share of
        unlike neighbours that are farther, and W the share of like neighbours that are nearer; ties count half. It is
        what a neighbour's weight changes A by.
    """

    separation: np.ndarray
    order: np.ndarray
    midranks: np.ndarray
    influence: np.ndarray


def rank_rows(distances: np.ndarray, like: np.ndarray, valid: np.ndarray) -> Ranking:
    """Return what the order of each row's neighbours says.

    Parameters
    ----------
    distances
        (anchors, neighbours) float32, not negative.
    like, valid
        (anchors, neighbours) bool: which neighbours should be near, and which count at all.
    """
    order, first, last = sort_rows(distances, valid)
    likes = np.take_along_axis(like & valid, order, axis=1)
    unlikes = np.take_along_axis(~like & valid, order, axis=1)
    n_like, n_unlike = (np.count_nonzero(kind, axis=1)[:, None] for kind in (likes, unlikes))
    like_before, like_until = _count_nearer(likes, first, last)
    unlike_before, unlike_until = _count_nearer(unlikes, first, last)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(
            likes, 1 - (unlike_before + unlike_until) / (2 * n_unlike), (like_before + like_until) / (2 * n_like)
        )
        a = np.where((n_like > 0) & (n_unlike > 0), _add_up(shares, likes) / n_like, np.nan)
        influence = np.where(likes, (shares - a) / n_like, (shares - a) / n_unlike)
    influence[~(likes | unlikes) | np.isnan(a)] = 0
    return Ranking(a[:, 0], order, np.where(likes | unlikes, (first + last) / 2 + 1, 0), influence)


def sort_rows(distances: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns by rising distance, and the first and last place of each one's tie; invalid ones stand last.

    A distance that is not negative has the order of its bits: with the column below them, one sort of integers orders
    both, several times faster than an argsort.
    """
    bits = (distances + np.float32(0)).view(np.uint32).astype(np.uint64)  # + 0 makes zeros positive
    bits[~valid] = _POSITION
    keys = bits << _SHIFT
    keys |= np.arange(keys.shape[1], dtype=np.uint64)
    keys.sort(axis=1)
    order = (keys & _POSITION).astype(np.int64)
    keys >>= _SHIFT
    places = np.broadcast_to(np.arange(keys.shape[1], dtype=np.int32), keys.shape)
    differs = keys[:, 1:] != keys[:, :-1]
    if differs.all():
        return order, places, places
    first, last = np.zeros(keys.shape, np.int32), np.full(keys.shape, keys.shape[1] - 1, np.int32)
    np.copyto(first[:, 1:], places[:, 1:], where=differs)
    np.copyto(last[:, :-1], places[:, :-1], where=differs)
    first = np.maximum.accumulate(first, axis=1)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    return order, first, last


def _count_nearer(kind: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many neighbours of a kind are nearer than each neighbour, and how many nearer or as near."""
    counts = np.cumsum(kind, axis=1, dtype=np.int32)
    if first is last:  # no ties
        return counts - kind, counts
    return np.take_along_axis(counts - kind, first, axis=1), np.take_along_axis(counts, last, axis=1)


def _add_up(values: np.ndarray, where: np.ndarray) -> np.ndarray:  # (rows, 1)
    return np.sum(values, axis=1, where=where, keepdims=True)
