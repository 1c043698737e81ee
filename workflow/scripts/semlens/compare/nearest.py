"""Which objects of other images lie nearest to an object, and which pairs lie where none should."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from semlens.compare.metrics import iterate_distance_blocks, pair_distances
from semlens.compare.pairs import get_units

_ANCHORS = 64  # whose distances are in memory at once
# Kinds of pairs: whether both objects are of one class, and whether the farthest are sought.
SURPRISING = {"different classes, nearest": (False, False), "same class, farthest": (True, True)}


def find_nearest(
    rows: pd.DataFrame, vectors: np.ndarray, anchors: Sequence[int], metric: str, *, n: int = 8, device: str = "cpu"
) -> pd.DataFrame:
    """Return the ``n`` nearest objects of each anchor in other images (videos), nearest first.

    Of objects that are as near, the first in the rows comes first.

    Parameters
    ----------
    rows, vectors
        Instances, with ``instance_id``, ``class_name``, ``image_id`` and ``video``, and their prototypes (instances,
        dimensions).
    anchors
        Positions of rows.
    metric
        One of :func:`semlens.compare.metrics.list_metrics`.

    Returns
    -------
    DataFrame
        ``instance_a`` and ``class_a`` of the anchor, ``rank`` from 1 on, ``instance_b``, ``class_b``, ``distance``.
    """
    units = pd.factorize(get_units(rows))[0]
    names, classes = rows["instance_id"].to_numpy(), rows["class_name"].to_numpy()
    found = []
    for start in range(0, len(anchors), _ANCHORS):
        some = anchors[start : start + _ANCHORS]
        others = [np.flatnonzero(units != units[anchor]) for anchor in some]
        counts = [len(of_anchor) for of_anchor in others]
        pairs = np.repeat(some, counts), np.concatenate(others)
        distances = np.split(pair_distances(vectors, *pairs, metric, device=device), np.cumsum(counts)[:-1])
        for anchor, of_anchor, to_others in zip(some, others, distances, strict=True):
            for rank, place in enumerate(np.argsort(to_others, kind="stable")[:n], start=1):
                other = of_anchor[place]
                found.append((names[anchor], classes[anchor], rank, names[other], classes[other], to_others[place]))
    return pd.DataFrame(found, columns=["instance_a", "class_a", "rank", "instance_b", "class_b", "distance"])


def find_surprising_pairs(
    rows: pd.DataFrame, vectors: np.ndarray, metric: str, *, n: int = 6, device: str = "cpu"
) -> pd.DataFrame:
    """Return the nearest pairs of different classes and the farthest pairs of one class, most surprising first.

    Both objects are in different images (videos). A kind has no object twice: the most surprising pair comes first,
    then that of the remaining objects, and so on.

    Parameters
    ----------
    rows, vectors, metric
        See :func:`find_nearest`.
    n
        Pairs of each kind, if there are as many.

    Returns
    -------
    DataFrame
        ``kind``, a key of ``SURPRISING``; ``rank`` from 1 on; ``instance_a``, ``class_a``, ``instance_b``,
        ``class_b``, ``distance``.
    """
    units, classes = (pd.factorize(values)[0] for values in (get_units(rows), rows["class_name"]))
    place = np.arange(len(rows))
    most = max(1, min(2 * n - 1, len(rows)))  # partners of an object: when the last pair is taken, 2 n - 2 are gone
    best = {kind: np.full((len(rows), most), np.inf) for kind in SURPRISING}
    partners = {kind: np.zeros((len(rows), most), int) for kind in SURPRISING}
    for start, block in iterate_distance_blocks(vectors, metric, device=device):
        i, j = place[start : start + len(block), None], place[None, start:]
        apart, alike = (j > i) & (units[i] != units[j]), classes[i] == classes[j]
        for kind, (one_class, farthest) in SURPRISING.items():
            values = np.where(apart & (alike == one_class), -block if farthest else block, np.inf)
            kept = min(most, values.shape[1])
            chosen = np.argpartition(values, kept - 1, axis=1)[:, :kept]
            best[kind][i, place[:kept]] = np.take_along_axis(values, chosen, axis=1)
            partners[kind][i, place[:kept]] = start + chosen

    found = []
    for kind, (_, farthest) in SURPRISING.items():
        free = np.ones(len(rows), bool)
        for rank in range(1, n + 1):
            left = np.where(free[:, None] & free[partners[kind]], best[kind], np.inf)
            if not np.isfinite(left.min(initial=np.inf)):
                break
            i, column = np.unravel_index(left.argmin(), left.shape)
            j = partners[kind][i, column]
            found.append((kind, rank, i, j, -left[i, column] if farthest else left[i, column]))
            free[[i, j]] = False
    table = pd.DataFrame(found, columns=["kind", "rank", "a", "b", "distance"])
    for side in ("a", "b"):
        those = rows.iloc[table.pop(side).to_numpy(int)]
        table[f"instance_{side}"] = those["instance_id"].to_numpy()
        table[f"class_{side}"] = those["class_name"].to_numpy()
    return table[["kind", "rank", "instance_a", "class_a", "instance_b", "class_b", "distance"]]
