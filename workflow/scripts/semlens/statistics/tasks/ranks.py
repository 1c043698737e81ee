"""Where what is sought stands in a query's gallery: every row of distances is sorted once, then labels may change."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import hypergeom

from semlens.statistics.neighbours import BATCH_SIZE
from semlens.statistics.ranking import sort_rows
from semlens.statistics.separation import map_by_threads

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class Ranks(NamedTuple):
    """Galleries in the order of their distances, (queries, gallery).

    Attributes
    ----------
    order
        Columns by rising distance; those that do not count stand last.
    first, last
        By column, the places, from 1 on, of the first and the last of those that are as near; 0 where it does not
        count. One array where there are no ties.
    valid
        Which columns count.
    """

    order: np.ndarray
    first: np.ndarray
    last: np.ndarray
    valid: np.ndarray

    def count_kept(self, kept: np.ndarray) -> np.ndarray:
        """Return, by query and place from 0 on, how many of the columns up to there are kept, (queries, gallery + 1).

        Parameters
        ----------
        kept
            (gallery,) bool.
        """
        counts = np.zeros((len(self.order), self.order.shape[1] + 1), self.last.dtype)
        here = kept[self.order]
        here &= np.arange(self.order.shape[1]) < np.count_nonzero(self.valid, axis=1)[:, None]
        np.cumsum(here, axis=1, dtype=counts.dtype, out=counts[:, 1:])
        return counts


def rank_gallery(distances: np.ndarray, valid: np.ndarray) -> Ranks:
    """Return the ranks of galleries.

    Parameters
    ----------
    distances
        (queries, gallery) float32, not negative.
    valid
        (queries, gallery) bool.
    """
    kind = np.int16 if distances.shape[1] < np.iinfo(np.int16).max else np.int32
    order = np.empty(distances.shape, np.int32)
    first, last = np.zeros(distances.shape, kind), np.zeros(distances.shape, kind)
    step = max(1, BATCH_SIZE // max(1, distances.shape[1]))

    def sort(start: int) -> None:
        rows = slice(start, start + step)
        order[rows], *places = sort_rows(distances[rows], valid[rows])
        for out, place in zip((first, last), places, strict=True):
            np.put_along_axis(out[rows], order[rows].astype(np.int64), (place + 1).astype(kind), axis=1)
            out[rows][~valid[rows]] = 0

    for _ in map_by_threads(sort, range(0, len(distances), step)):
        pass
    return Ranks(order, last if (first == last).all() else first, last, valid)


def score_likes(
    ranks: Ranks,
    of_queries: np.ndarray,
    of_gallery: np.ndarray,
    codes: np.ndarray,
    measures: Mapping[str, Measure],
    kept: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Return what measures say of each query, (measures, queries); NaN unless its gallery has likes and others.

    Parameters
    ----------
    of_queries, of_gallery
        (queries,) and (gallery,) Classes: like a query are those of its class.
    codes
        Of the classes whose queries are asked for.
    kept
        Which queries and which of the gallery are there, (queries,) and (gallery,) bool; all if left out.
    """
    scores = np.full((len(measures), len(of_queries)), np.nan)
    counts = None if kept is None else ranks.count_kept(kept[1])
    n_gallery = np.count_nonzero(ranks.valid, axis=1) if counts is None else counts[:, -1]
    for code in codes:
        rows, columns = of_queries == code, of_gallery == code
        if kept is not None:
            rows, columns = rows & kept[0], columns & kept[1]
        rows, columns = np.flatnonzero(rows), np.flatnonzero(columns)
        n_like = np.count_nonzero(ranks.valid[np.ix_(rows, columns)], axis=1)
        rows = rows[(n_like > 0) & (n_like < n_gallery[rows])]
        if len(rows):
            likes = gather_places(ranks, rows[:, None], columns[None], counts)
            scores[:, rows] = [measure(*likes) for measure in measures.values()]
    return scores


def gather_places(
    ranks: Ranks, rows: np.ndarray, columns: np.ndarray, counts: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``first``, ``last`` and ``valid`` of some rows and columns, which broadcast.

    Parameters
    ----------
    counts
        See :meth:`Ranks.count_kept`: places are then those among what is kept.
    """
    last, valid = ranks.last[rows, columns], ranks.valid[rows, columns]
    first = last if ranks.first is ranks.last else ranks.first[rows, columns]
    if counts is None:
        return first, last, valid
    return counts[rows, np.maximum(first, 1) - 1] + 1, counts[rows, last], valid


def compute_average_precision(first: np.ndarray, last: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return the mean over likes of the share of likes among all as near or nearer, (queries,), as scikit-learn does.

    Parameters
    ----------
    first, last, like
        (queries, n) See :class:`Ranks`; what is not like does not count.
    """
    places = np.where(like, last, np.iinfo(last.dtype).max)
    places.sort(axis=1)
    n_like = np.count_nonzero(like, axis=1)
    until = np.arange(1, places.shape[1] + 1)
    shares = until / np.maximum(places, 1)
    tied = np.flatnonzero((places[:, 1:] == places[:, :-1]).any(axis=1))
    if len(tied):  # among likes, or only among what stands behind them
        ends = np.where(places[tied, 1:] != places[tied, :-1], until[:-1], len(until))
        ends = np.minimum.accumulate(np.hstack([ends, np.full((len(tied), 1), len(until))])[:, ::-1], axis=1)
        shares[tied] = ends[:, ::-1] / places[tied]
    shares[until > n_like[:, None]] = 0
    return shares.sum(axis=1) / n_like


def compute_r_precision(first: np.ndarray, last: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return the share of likes among as many nearest as there are likes, (queries,); those in a tie share its places.

    Parameters are those of :func:`compute_average_precision`.
    """
    n_like = np.count_nonzero(like, axis=1)
    return share_places(first, last, like, n_like[:, None]).sum(axis=1) / n_like


def share_places(first: np.ndarray, last: np.ndarray, like: np.ndarray, k: int | np.ndarray) -> np.ndarray:
    """Return how likely each is among the ``k`` nearest if ties are broken at random, (queries, n); else 0."""
    before = first.astype(np.float32) - 1
    return np.where(like, np.clip((k - before) / np.maximum(last - before, 1), 0, 1), 0)


def compute_hit(k: int) -> Measure:
    """Return the measure: how likely a like one is among the ``k`` nearest if ties are broken at random."""

    def measure(first: np.ndarray, last: np.ndarray, like: np.ndarray) -> np.ndarray:
        far = np.iinfo(last.dtype).max
        nearest = np.where(like, last, far).argmin(axis=1)[:, None]
        begin, end = (np.take_along_axis(places, nearest, axis=1)[:, 0].astype(int) for places in (first, last))
        tied, size = np.count_nonzero(like & (last == end[:, None]), axis=1), end - begin + 1
        drawn = np.clip(k - begin + 1, 0, size)
        hit = drawn.astype(float)
        several = size > 1
        hit[several] = 1 - hypergeom.pmf(0, size[several], tied[several], drawn[several])
        return hit

    return measure
