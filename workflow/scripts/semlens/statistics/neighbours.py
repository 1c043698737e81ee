"""Whose distances are compared: the neighbours of every object between images, inside images, and for identity."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from semlens.compare.metrics import iterate_distance_blocks
from semlens.statistics.labels import Labels

BATCH_SIZE = 1 << 18  # distances in a batch: its working arrays fit the cache


class Neighbours(NamedTuple):
    """Some anchors and their neighbours. Both are rows of prototypes; those of a view follow the originals.

    Attributes
    ----------
    anchors
        (anchors,).
    others
        (anchors, neighbours), or (1, neighbours) where all anchors have the same.
    distances
        (anchors, neighbours) float32.
    valid
        (anchors, neighbours) bool: which neighbours count.
    """

    anchors: np.ndarray
    others: np.ndarray
    distances: np.ndarray
    valid: np.ndarray


def fill_distances(vectors: np.ndarray, metric: str, *, device: str = "cpu") -> np.ndarray:
    """Return the distances of all pairs, (n, n) float32; by :mod:`semlens.compare.metrics`."""
    n = len(vectors)
    distances = np.zeros((n, n), np.float32)
    for start, block in iterate_distance_blocks(vectors, metric, device=device):
        stop = start + len(block)
        block[:, : len(block)] = np.triu(block[:, : len(block)], 1)
        distances[start:stop, start:] = block
        distances[stop:, start:stop] = block[:, len(block) :].T
        distances[start:stop, start:stop] += block[:, : len(block)].T
    return distances


def iterate_between(distances: np.ndarray, labels: Labels) -> Iterator[Neighbours]:
    """Yield all objects, with those of other images (videos) as neighbours."""
    everyone = np.arange(len(labels))
    for anchors in _split(everyone, len(labels)):
        valid = labels.units[anchors, None] != labels.units
        yield Neighbours(anchors, everyone[None], distances[anchors], valid)


def gather_inside(distances: np.ndarray, labels: Labels) -> Neighbours:
    """Return all objects, with the others of their image as neighbours."""
    rows = pd.DataFrame({"image": labels.images, "row": np.arange(len(labels))})
    pairs = rows.merge(rows, on="image", suffixes=("", "_other"))
    i, j = (pairs[side].to_numpy() for side in ("row", "row_other"))
    apart = i != j
    return gather_pairs(i[apart], j[apart], distances[i[apart], j[apart]])


def iterate_views(distances: np.ndarray, labels: Labels, i: np.ndarray, to_itself: np.ndarray) -> Iterator[Neighbours]:
    """Yield objects, with themselves under a view and the other originals of their class as neighbours.

    Parameters
    ----------
    distances
        Of the n originals, (n, n).
    labels
        Of the originals, and of what there is under the view behind them.
    i
        (m,) Which original row n + p is, for p from 0 to m.
    to_itself
        (m,) Their distances.
    """
    n = len(distances)
    classes, objects = labels.classes[:n], labels.objects[:n]
    for code in np.unique(classes[i]):
        members = np.flatnonzero(classes == code)
        for chosen in _split(np.flatnonzero(classes[i] == code), len(members) + 1):
            anchors = i[chosen]
            valid = objects[anchors, None] != objects[members]
            yield Neighbours(
                anchors,
                np.hstack([n + chosen[:, None], np.broadcast_to(members, valid.shape)]),
                np.hstack([to_itself[chosen, None], distances[np.ix_(anchors, members)]]),
                np.hstack([np.ones((len(anchors), 1), bool), valid]),
            )


def gather_pairs(i: np.ndarray, j: np.ndarray, distances: np.ndarray) -> Neighbours:
    """Return the neighbours ``j`` of each anchor in ``i``, from pairs in any order."""
    order = np.argsort(i, kind="stable")
    i, j, distances = i[order], j[order], distances[order]
    anchors, first, counts = np.unique(i, return_index=True, return_counts=True)
    column = np.arange(len(i)) - np.repeat(first, counts)
    row = np.repeat(np.arange(len(anchors)), counts)
    shape = (len(anchors), counts.max(initial=0))
    others, padded, valid = np.zeros(shape, np.int64), np.zeros(shape, np.float32), np.zeros(shape, bool)
    others[row, column], padded[row, column], valid[row, column] = j, distances, True
    return Neighbours(anchors, others, padded, valid)


def _split(rows: np.ndarray, n_columns: int) -> Iterator[np.ndarray]:
    size = max(1, BATCH_SIZE // max(n_columns, 1))
    return (rows[start : start + size] for start in range(0, len(rows), size))
