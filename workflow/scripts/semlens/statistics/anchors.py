"""Separation from a sample of anchors, for as many subsets of layers as there are.

It ranks as :mod:`semlens.statistics.ranking` does and says nothing but how often an unlike neighbour is farther than a
like one. Nothing is tested with it, so that anchors may be drawn class by class.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.gram import LayerProducts, Subset
from semlens.statistics.labels import Labels
from semlens.statistics.separation import map_by_threads

N_ANCHORS = 400  # of all classes together
_BATCH_SIZE = 1 << 15  # distances in a batch: the sums of its layers fit the cache
_UNCOUNTED = np.uint32(0xFFFFFFFE)  # as a key: behind all others, and not like the anchor


class Anchors(NamedTuple):
    """Objects that stand for all: their positions, (anchors,), and what each counts, of 1 in all."""

    rows: np.ndarray
    weights: np.ndarray


def find_measured(labels: Labels) -> np.ndarray:
    """Return which objects have neighbours of both kinds in other images (videos), and so a separation, (n,) bool."""
    n_classes, n_units = len(labels.class_names), len(labels.unit_names)
    cells = np.bincount(labels.classes * n_units + labels.units, minlength=n_classes * n_units)
    own = cells.reshape(n_classes, n_units)[labels.classes, labels.units]
    of_class = np.bincount(labels.classes, minlength=n_classes)[labels.classes]
    of_unit = np.bincount(labels.units, minlength=n_units)[labels.units]
    n_like = of_class - own
    return (n_like > 0) & (len(labels) - of_unit > n_like)


def list_classes(labels: Labels) -> np.ndarray:
    """Return the codes of the classes that count: those with such objects in at least ``MIN_UNITS`` images (videos)."""
    pairs = np.unique(np.stack([labels.classes, labels.units])[:, find_measured(labels)], axis=1)
    return np.flatnonzero(np.bincount(pairs[0], minlength=len(labels.class_names)) >= MIN_UNITS)


def sample_anchors(labels: Labels, classes: np.ndarray, by: str, seed: int, n_anchors: int = N_ANCHORS) -> Anchors:
    """Return anchors, as many of each class; all of a class that has fewer.

    Parameters
    ----------
    classes
        Codes of the classes that count.
    by
        ``classes``: they count the same. ``objects``: they count by their objects.
    """
    measured = find_measured(labels) & np.isin(labels.classes, classes)
    codes, counts = np.unique(labels.classes[measured], return_counts=True)
    rows, weights = [np.empty(0, int)], [np.empty(0)]
    for code, count in zip(codes, counts, strict=True):
        members = np.flatnonzero(measured & (labels.classes == code))
        share = count / counts.sum() if by == "objects" else 1 / len(codes)
        wanted = min(count, max(1, n_anchors // len(codes)))
        rows.append(np.sort(np.random.default_rng([seed, code]).choice(members, wanted, replace=False)))
        weights.append(np.full(wanted, share / wanted))
    return Anchors(np.concatenate(rows), np.concatenate(weights))


def measure_anchors(
    products: LayerProducts,
    metric: str,
    subsets: Sequence[Subset],
    members: np.ndarray,
    labels: Labels,
    anchors: Anchors,
) -> np.ndarray:
    """Return the separation between images of each subset of layers, from anchors alone, (subsets,).

    It is NaN where the metric is undefined for an object, and without anchors.

    Parameters
    ----------
    members
        (n,) Positions in ``products`` of the objects that take part: all are neighbours.
    labels
        Of these objects.
    anchors
        Positions among them.
    """
    defined = np.array([products.is_defined(subset, metric) for subset in subsets], bool)
    chosen = [subset for subset, is_defined in zip(subsets, defined, strict=True) if is_defined]
    found = np.full(len(subsets), np.nan)
    if not len(anchors.rows) or not chosen:
        return found

    def measure(part: slice) -> np.ndarray:
        rows = anchors.rows[part]
        marks = mark_neighbours(labels, rows)
        distances = products.iterate_distances(chosen, metric, members[rows], members)
        return np.array([anchors.weights[part] @ compute_shares(one, marks) for one in distances])

    size = max(1, _BATCH_SIZE // len(members))
    parts = [slice(start, start + size) for start in range(0, len(anchors.rows), size)]
    found[defined] = np.sum(list(map_by_threads(measure, parts)), axis=0)
    return found


def mark_neighbours(labels: Labels, rows: np.ndarray) -> np.ndarray:
    """Return what is said of each neighbour of some anchors beside its distance, (anchors, n) uint32.

    1: it is like the anchor. 0: it is not. ``_UNCOUNTED``: it is in the anchor's image (video).
    """
    like = (labels.classes[rows, None] == labels.classes).astype(np.uint32)
    return np.where(labels.units[rows, None] != labels.units, like, _UNCOUNTED)


def compute_shares(distances: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Return how often an unlike neighbour is farther than a like one, (anchors,); ties count half.

    A distance that is not negative has the order of its bits, and its first bit is free: shifted by one, it has room
    for the mark, and one sort of integers orders both. Within a tie like neighbours then stand last, which counts
    ties as lost. Rows that have such ties are sorted once more with like ones first, and the mean is taken.

    Parameters
    ----------
    distances
        (anchors, n) float32, not negative.
    marks
        See :func:`mark_neighbours`. Every anchor has both kinds of neighbours.
    """
    n = distances.shape[1]
    n_like = np.count_nonzero(marks == 1, axis=1)
    n_unlike = np.count_nonzero(marks == 0, axis=1)
    keys = (distances + np.float32(0)).view(np.uint32)  # + 0 makes zeros positive
    keys <<= np.uint32(1)
    keys |= marks
    keys.sort(axis=1)
    places = _add_places(keys)
    tied = np.flatnonzero(((keys[:, 1:] ^ keys[:, :-1]) == 1).any(axis=1))
    if len(tied):
        flipped = keys[tied] ^ np.uint32(1)
        flipped.sort(axis=1)
        places[tied] = (places[tied] + n * (n - 1) / 2 - _add_places(flipped)) / 2
    return 1 - (places - n_like * (n_like - 1) / 2) / (n_like * n_unlike)


def _add_places(keys: np.ndarray) -> np.ndarray:
    """Return the sum of the places, from 0 on, of the keys with a mark, (rows,) float64."""
    return (keys & np.uint32(1)).astype(np.float64) @ np.arange(keys.shape[1], dtype=np.float64)
