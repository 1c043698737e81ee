"""Which objects of other images lie nearest to an object, and which pairs lie where none should."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from semlens.compare.metrics import iterate_distance_blocks, pair_distances
from semlens.compare.pairs import get_units

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
    units, found = get_units(rows).to_numpy(), []
    names, classes = rows["instance_id"].to_numpy(), rows["class_name"].to_numpy()
    for anchor in anchors:
        others = np.flatnonzero(units != units[anchor])
        distances = pair_distances(vectors, np.full(len(others), anchor), others, metric, device=device)
        for rank, place in enumerate(np.argsort(distances, kind="stable")[:n], start=1):
            other = others[place]
            found.append((names[anchor], classes[anchor], rank, names[other], classes[other], distances[place]))
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
    best = {kind: np.full(len(rows), np.inf) for kind in SURPRISING}
    partner = {kind: np.zeros(len(rows), int) for kind in SURPRISING}
    for start, block in iterate_distance_blocks(vectors, metric, device=device):
        i, j = place[start : start + len(block), None], place[None, start:]
        apart, alike = (j > i) & (units[i] != units[j]), classes[i] == classes[j]
        for kind, (one_class, farthest) in SURPRISING.items():
            values = np.where(apart & (alike == one_class), -block if farthest else block, np.inf)
            partner[kind][i[:, 0]], best[kind][i[:, 0]] = start + values.argmin(axis=1), values.min(axis=1)

    found = []
    for kind, (one_class, farthest) in SURPRISING.items():
        free, rank, sign = np.ones(len(rows), bool), 0, -1 if farthest else 1
        while rank < n and np.isfinite(best[kind].min(initial=np.inf)):
            i = int(best[kind].argmin())
            j = int(partner[kind][i])
            if free[j]:
                rank += 1
                found.append((kind, rank, i, j, sign * best[kind][i]))
                free[[i, j]] = False
                best[kind][[i, j]] = np.inf
                continue
            others = np.flatnonzero(free & (place > i) & (units != units[i]) & ((classes == classes[i]) == one_class))
            distances = sign * pair_distances(vectors, np.full(len(others), i), others, metric, device=device)
            best[kind][i] = distances.min(initial=np.inf)
            partner[kind][i] = others[distances.argmin()] if len(others) else 0
    table = pd.DataFrame(found, columns=["kind", "rank", "a", "b", "distance"])
    for side in ("a", "b"):
        those = rows.iloc[table.pop(side).to_numpy(int)]
        table[f"instance_{side}"] = those["instance_id"].to_numpy()
        table[f"class_{side}"] = those["class_name"].to_numpy()
    return table[["kind", "rank", "instance_a", "class_a", "instance_b", "class_b", "distance"]]
