"""Which objects of other images lie nearest to an object."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from semlens.compare.metrics import pair_distances
from semlens.compare.pairs import get_units


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
