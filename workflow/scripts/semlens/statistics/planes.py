"""Prototypes to what the explorer shows: where objects lie in the plane, and what lies nearest to each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semlens.compare.pairs import get_units
from semlens.compare.prototypes import load_prototypes, open_prototypes
from semlens.images.original import ORIGINAL
from semlens.runtime.logs import log
from semlens.statistics.components import project_pca
from semlens.statistics.neighbours import fill_distances
from semlens.storage.planes import MAX_OBJECTS, NEIGHBOURS, PLANES
from semlens.storage.tables import write_parquet


def project_objects(
    *, prototypes: Sequence[str | Path], planes: Sequence[dict[str, Any]], seed: int, device: str, out: str | Path
) -> None:
    """Write the places and neighbours of the objects of an extraction, as they are without a view.

    Of more than ``MAX_OBJECTS``, a random part is taken: the same under every layer set and timestep.

    Parameters
    ----------
    prototypes
        Shards of one extraction, model and dataset.
    planes
        Records of ``layers``, ``timestep`` and ``metric``.
    """
    shards, tables = open_prototypes(prototypes), []
    for plane in planes:
        condition = {**plane, "name": plane["layers"], "view": ORIGINAL}
        rows, vectors = load_prototypes(shards, condition, lambda rows: _sample(len(rows), seed))
        places = project_pca(rows, vectors, plane["metric"]).drop(columns="class_name")
        neighbours = find_neighbours(rows, vectors, plane["metric"], device=device)
        tables.append(pd.concat([places, neighbours], axis=1).assign(**plane))
        log.info("%s, t = %d: %d objects", plane["layers"], plane["timestep"], len(rows))
    write_parquet(pd.concat(tables, ignore_index=True)[list(PLANES.columns)], PLANES, out)


def find_neighbours(rows: pd.DataFrame, vectors: np.ndarray, metric: str, *, device: str = "cpu") -> pd.DataFrame:
    """Return the ids of the nearest objects in other images (videos) of every object, a column per rank.

    Of objects that are as near, the first comes first. Where there are fewer, ids are missing.
    """
    units, names = pd.factorize(get_units(rows))[0], rows["instance_id"].to_numpy(object)
    distances = fill_distances(vectors, metric, device=device)
    distances[units[:, None] == units] = np.inf
    columns = {name: np.full(len(rows), None, object) for name in NEIGHBOURS}
    for i, line in enumerate(distances):
        nearest = np.argsort(line, kind="stable")[: len(NEIGHBOURS)]
        for name, j in zip(NEIGHBOURS, nearest[np.isfinite(line[nearest])], strict=False):
            columns[name][i] = names[j]
    return pd.DataFrame(columns)


def _sample(count: int, seed: int) -> np.ndarray:
    """Return the positions of the objects that are shown, in rising order."""
    if count <= MAX_OBJECTS:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MAX_OBJECTS, replace=False))
