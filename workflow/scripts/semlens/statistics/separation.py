"""Separation: how often an object of another kind is farther than one of the same kind.

For object i, A_i = P(d(i, k) > d(i, j)), where j is like i and k is not; ties count half. Separation is the mean over
classes of the mean over their objects, or the mean over objects. 0.5 says nothing, 1 is perfect.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from semlens.runtime.threads import count_threads
from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.labels import Labels
from semlens.statistics.neighbours import Neighbours
from semlens.statistics.ranking import rank_rows


class Average(NamedTuple):
    """A mean over objects or classes, and what each image (video) adds to it.

    Attributes
    ----------
    influence
        (units,): the mean changes by so much when a unit's weight rises by one.
    n_units
        Units with objects that count.
    """

    value: float
    influence: np.ndarray
    n_units: int


@dataclass(frozen=True)
class Separation:
    """How near the likes of every object lie; NaN for an object that lacks one kind of neighbour.

    Attributes
    ----------
    values
        (n,) A_i.
    neighbour_influence
        (classes, units): what units add to the sum of A_i over a class by the neighbours in them.
    """

    labels: Labels
    values: np.ndarray
    neighbour_influence: np.ndarray

    def count_units(self) -> np.ndarray:
        """Return in how many units each class has objects with a value, (classes,)."""
        pairs = np.unique(np.stack([self.labels.classes, self.labels.units])[:, self._defined()], axis=1)
        return np.bincount(pairs[0], minlength=len(self.labels.class_names))

    def count_objects(self) -> np.ndarray:
        """Return how many objects with a value each class has, (classes,)."""
        return np.bincount(self.labels.classes[self._defined()], minlength=len(self.labels.class_names))

    def list_classes(self) -> np.ndarray:
        """Return the codes of the classes that count: those with objects in at least ``MIN_UNITS`` units."""
        return np.flatnonzero(self.count_units() >= MIN_UNITS)

    def average_class(self, code: int) -> Average:
        """Return the mean over the objects of a class, with its influence."""
        chosen = self._defined() & (self.labels.classes == code)
        values, units = self.values[chosen], self.labels.units[chosen]
        mean = values.mean()
        own = np.bincount(units, values - mean, minlength=len(self.labels.unit_names))
        return Average(mean, (own + self.neighbour_influence[code]) / len(values), len(np.unique(units)))

    def average(self, by: str, codes: np.ndarray | None = None) -> Average:
        """Return the mean over the classes that count, or over their objects, with its influence.

        Parameters
        ----------
        by
            ``classes`` or ``objects``.
        codes
            The classes that count, where others say so, such as all images of which these are a part. Of these, classes
            without a value are left out.
        """
        n_objects = self.count_objects()
        codes = self.list_classes() if codes is None else codes[n_objects[codes] > 0]
        chosen = self._select(codes)
        n_units = len(np.unique(self.labels.units[chosen]))
        if not len(codes):
            return Average(np.nan, np.zeros(len(self.labels.unit_names)), 0)
        parts = [self.average_class(code) for code in codes]
        weights = n_objects[codes] / n_objects[codes].sum() if by == "objects" else np.full(len(codes), 1 / len(codes))
        value = sum(weight * part.value for weight, part in zip(weights, parts, strict=True))
        influence = sum(weight * part.influence for weight, part in zip(weights, parts, strict=True))
        if by == "objects":  # a unit's objects change the classes' shares too
            means = np.zeros(len(n_objects))
            means[codes] = [part.value for part in parts]
            shifts = means[self.labels.classes[chosen]] - value
            influence += np.bincount(self.labels.units[chosen], shifts, len(influence)) / np.count_nonzero(chosen)
        return Average(float(value), influence, n_units)

    def _defined(self) -> np.ndarray:
        return ~np.isnan(self.values)

    def _select(self, codes: Iterable[int]) -> np.ndarray:
        return self._defined() & np.isin(self.labels.classes, list(codes))


def measure_separation(
    batches: Iterable[Neighbours], labels: Labels, kinds: np.ndarray, out_midranks: np.ndarray | None = None
) -> Separation:
    """Return the separation of the anchors of all batches.

    Parameters
    ----------
    labels
        Of the rows that anchors and neighbours are.
    kinds
        (n,): a neighbour is like an anchor if their kinds are equal: their classes, or for identity their objects.
    out_midranks
        Where given, (n, n) float32: gets the ranks of the neighbours in every row, 0 for those that do not count. It
        may be what the distances were read from.
    """
    n, n_classes, n_units = len(labels), len(labels.class_names), len(labels.unit_names)
    values = np.full(n, np.nan)
    influence = np.zeros((n_classes, n_units))

    def measure(batch: Neighbours) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        others = np.broadcast_to(batch.others, batch.distances.shape)
        ranking = rank_rows(batch.distances, kinds[others] == kinds[batch.anchors, None], batch.valid)
        units = labels.units[np.take_along_axis(others, ranking.order, axis=1)]
        cells = labels.classes[batch.anchors, None] * n_units + units
        if out_midranks is not None:
            ranks = np.empty(ranking.order.shape, np.float32)
            np.put_along_axis(ranks, ranking.order, ranking.midranks.astype(np.float32), axis=1)
            out_midranks[batch.anchors] = ranks
        terms = np.bincount(cells.ravel(), ranking.influence.ravel(), n_classes * n_units)
        return batch.anchors, ranking.separation, terms.reshape(n_classes, n_units)

    for anchors, per_anchor, terms in map_by_threads(measure, (batch for batch in batches if batch.distances.size)):
        values[anchors] = per_anchor
        influence += terms
    return Separation(labels, values, influence)


def map_by_threads(function, batches: Iterable) -> Iterator:
    """Yield the function's results in order, from as many threads as there are cores, some batches ahead."""
    threads = count_threads()
    with ThreadPoolExecutor(threads) as pool:
        waiting = []
        for batch in batches:
            waiting.append(pool.submit(function, batch))
            if len(waiting) > 2 * threads:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
