"""Block permutation: how large separation gets if classes say nothing.

Between images, whole images (videos) with equally many objects exchange the classes of their objects; inside images,
the objects of one image do. What objects of an image share stays as it is, so that the test holds its level.
"""

from collections.abc import Callable

import numpy as np

from semlens.statistics.labels import Labels
from semlens.statistics.neighbours import Neighbours
from semlens.statistics.ranking import rank_rows

TOLERANCE = 1e-6  # of a separation that is computed from ranks in float32
_CHUNK_SIZE = 1 << 24  # numbers in a working array


class Shuffler:
    """Permutations of classes; the same seed gives the same ones for the same labels."""

    def __init__(self, labels: Labels, seed: int) -> None:
        self._labels, self._rng = labels, np.random.default_rng(seed)
        first = np.unique(labels.objects, return_index=True)[1]
        units, self._classes = labels.units[first], labels.classes[first]
        self._by_unit = np.argsort(units, kind="stable")  # objects, unit by unit
        self._place = np.argsort(self._by_unit)
        self._sizes = np.bincount(units, minlength=len(labels.unit_names))
        self._starts = np.cumsum(self._sizes) - self._sizes

    def shuffle_between(self, number: int) -> np.ndarray:
        """Return classes of all rows, (number, n), where units with equally many objects exchanged their classes."""
        return self._shuffle(number, self._draw_between)

    def shuffle_inside(self, number: int) -> np.ndarray:
        """Return classes of all rows, (number, n), where the objects of each unit exchanged theirs."""
        return self._shuffle(number, self._draw_inside)

    def count_exchangeable_units(self) -> int:
        """Return how many units have another with equally many objects."""
        counts = np.bincount(self._sizes[self._sizes > 0])
        return int(counts[counts > 1].sum())

    def _shuffle(self, number: int, draw: Callable[[], np.ndarray]) -> np.ndarray:
        shuffled = np.empty((number, len(self._labels)), np.int32)
        for row in shuffled:
            classes = self._classes[self._by_unit][draw()]
            row[:] = classes[self._place][self._labels.objects]
        return shuffled

    def _draw_between(self) -> np.ndarray:
        """Return, for objects unit by unit, the place of the object whose class each takes."""
        source = _permute_groups(self._sizes, self._rng)
        within = np.arange(len(self._by_unit)) - np.repeat(self._starts, self._sizes)
        return np.repeat(self._starts[source], self._sizes) + within

    def _draw_inside(self) -> np.ndarray:
        return _permute_groups(np.repeat(np.arange(len(self._sizes)), self._sizes), self._rng)


def permute_between(
    midranks: np.ndarray, labels: Labels, codes: np.ndarray, shuffled: np.ndarray, by: str
) -> np.ndarray:
    """Return the separation between images under shuffled classes, (number,).

    A = 1 - (R / m - (m + 1) / 2) / n, where R is the sum of the ranks of an object's m likes among all its neighbours,
    n of which are not like it (Mann and Whitney). R for all classes at once is a product of matrices.

    Parameters
    ----------
    midranks
        (n, n) float32: in each row the ranks of the objects of other units, 0 for the others.
    codes
        Of the classes that count.
    shuffled
        (number, n), see :meth:`Shuffler.shuffle_between`.
    by
        As :meth:`semlens.statistics.separation.Separation.average` takes it.
    """
    n, n_units = len(labels), len(labels.unit_names)
    n_neighbours = n - np.bincount(labels.units, minlength=n_units)[labels.units]
    step = max(1, _CHUNK_SIZE // (n * len(codes)))
    averages = []
    for start in range(0, len(shuffled), step):
        classes = shuffled[start : start + step]
        member = classes[:, None] == codes[:, None]  # (step, codes, n)
        sums = (midranks @ member.reshape(-1, n).T.astype(np.float32)).T.reshape(member.shape)
        for one, has, ranks in zip(classes, member, sums, strict=True):
            cells = np.bincount(one * n_units + labels.units, minlength=len(labels.class_names) * n_units)
            n_like = np.bincount(one, minlength=len(labels.class_names))[one] - cells[one * n_units + labels.units]
            averages.append(_average(one, np.where(has, ranks, 0).sum(axis=0), n_like, n_neighbours, codes, by))
    return np.array(averages)


def permute_inside(
    neighbours: Neighbours, labels: Labels, codes: np.ndarray, shuffled: np.ndarray, by: str
) -> np.ndarray:
    """Return the separation inside images under shuffled classes, (number,); see :func:`permute_between`."""
    anchors, others, valid = neighbours.anchors, neighbours.others, neighbours.valid
    ranking = rank_rows(neighbours.distances, valid, valid)
    midranks = np.zeros(valid.shape)
    np.put_along_axis(midranks, ranking.order, ranking.midranks, axis=1)
    averages = []
    for classes in shuffled:
        like = (classes[others] == classes[anchors, None]) & valid
        sums, n_like = np.where(like, midranks, 0).sum(axis=1), np.count_nonzero(like, axis=1)
        averages.append(_average(classes[anchors], sums, n_like, np.count_nonzero(valid, axis=1), codes, by))
    return np.array(averages)


def compute_p(observed: float, null: np.ndarray) -> float:
    """Return (1 + number of permutations with as much separation) / (1 + number of permutations)."""
    return float((1 + np.count_nonzero(null >= observed - TOLERANCE)) / (1 + len(null)))


def adjust_p(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return p-values, (conditions,), adjusted for taking the largest of all conditions (Westfall and Young).

    Parameters
    ----------
    observed
        (conditions,).
    null
        (conditions, permutations), each permutation the same in all conditions.
    """
    mean, spread = null.mean(axis=1, keepdims=True), null.std(axis=1, keepdims=True)
    spread[spread == 0] = 1
    largest = ((null - mean) / spread).max(axis=0)
    return np.array([compute_p(t, largest) for t in ((observed[:, None] - mean) / spread)[:, 0]])


def _average(
    classes: np.ndarray, rank_sums: np.ndarray, n_like: np.ndarray, n_neighbours: np.ndarray, codes: np.ndarray, by: str
) -> float:
    """Return the mean, over classes that count or over their objects, of what follows from the objects' ranks."""
    n_unlike = n_neighbours - n_like
    chosen = (n_like > 0) & (n_unlike > 0) & np.isin(classes, codes)
    m, n = n_like[chosen], n_unlike[chosen]
    values = 1 - (rank_sums[chosen] / m - (m + 1) / 2) / n
    if by == "objects":
        return float(values.mean())
    n_objects = np.bincount(classes[chosen])
    with np.errstate(invalid="ignore"):
        return float(np.nanmean(np.bincount(classes[chosen], values) / n_objects))


def _permute_groups(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random permutation that keeps every element in its group."""
    order = np.argsort(groups, kind="stable")
    drawn = np.lexsort((rng.random(len(groups)), groups))
    source = np.empty(len(groups), np.int64)
    source[order] = drawn
    return source
