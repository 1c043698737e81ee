"""Prototypes to the distances between classes, and to the principal components of their objects."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.compare.metrics import iterate_distance_blocks
from semlens.compare.nearest import SURPRISING, find_nearest, find_surprising_pairs
from semlens.compare.pairs import SETS, DistanceSets, get_units
from semlens.compare.prototypes import load_prototypes, open_prototypes
from semlens.runtime.logs import log
from semlens.statistics.components import project_pca
from semlens.storage.tables import write_csv

MAX_PER_CLASS = 200  # objects, at most, that represent a class; the caption in draw/kinds says so
_BETWEEN_IMAGES = [SETS.index(name) for name in ("scdi", "dcdi")]

CLASS_DISTANCES = pa.DataFrameSchema(
    {
        "condition": pa.Column(str, description="Condition of the experiment, as text."),
        "class_a": pa.Column(str, description="Class of one object of a pair."),
        "class_b": pa.Column(str, description="Class of the other, which may be the same."),
        "n": pa.Column("int64", pa.Check.ge(0), description="Number of pairs of objects, each in another image."),
        "mean": pa.Column("float64", pa.Check.ge(0), nullable=True, description="Mean distance of these pairs."),
    },
    strict=True,
    coerce=True,
)

PCA = pa.DataFrameSchema(
    {
        "condition": pa.Column(str, description="Condition of the experiment, as text."),
        "instance_id": pa.Column(str, description="Id of the instance."),
        "class_name": pa.Column(str, description="Class of the instance."),
        "x": pa.Column("float64", description="Coordinate on the first principal component."),
        "y": pa.Column("float64", description="Coordinate on the second principal component."),
        "explained": pa.Column(
            "float64",
            pa.Check.in_range(0, 1 + 1e-9),
            description="Share of the variance that both components have, the same in every row of a condition.",
        ),
    },
    strict=True,
    coerce=True,
)


NEIGHBOURS = pa.DataFrameSchema(
    {
        "condition": pa.Column(str, description="Condition of the experiment, as text."),
        "instance_a": pa.Column(
            str, description="Id of an instance: one of each class that is in several images (videos), drawn at random."
        ),
        "class_a": pa.Column(str, description="Its class."),
        "rank": pa.Column(
            "int64", pa.Check.ge(1), description="Place of the other among its neighbours, nearest first."
        ),
        "instance_b": pa.Column(str, description="Id of the neighbour, which is in another image (video)."),
        "class_b": pa.Column(str, description="Its class."),
        "distance": pa.Column("float64", pa.Check.ge(0), description="Distance of their prototypes."),
    },
    strict=True,
    coerce=True,
)

PAIRS = pa.DataFrameSchema(
    {
        "condition": pa.Column(str, description="Condition of the experiment, as text."),
        "kind": pa.Column(str, pa.Check.isin(list(SURPRISING)), description="What is surprising about the pair."),
        "rank": pa.Column("int64", pa.Check.ge(1), description="Its place, most surprising first."),
        "instance_a": pa.Column(str, description="Id of one instance; a kind has no instance twice."),
        "class_a": pa.Column(str, description="Its class."),
        "instance_b": pa.Column(str, description="Id of the other, which is in another image (video)."),
        "class_b": pa.Column(str, description="Its class."),
        "distance": pa.Column("float64", pa.Check.ge(0), description="Distance of their prototypes."),
    },
    strict=True,
    coerce=True,
)


def compare_classes(
    *,
    prototypes: Sequence[str | Path],
    conditions: Sequence[dict[str, Any]],
    seed: int,
    device: str,
    out_class_distances: str | Path,
    out_pca: str | Path,
    out_neighbours: str | Path,
    out_pairs: str | Path,
) -> None:
    """Write, by condition, mean distances of classes, components of objects, neighbours of some, and surprising pairs.

    A class with more than ``MAX_PER_CLASS`` objects is represented by a random part of them, the same in every
    condition of the same rows.

    Parameters
    ----------
    prototypes
        Shards of one dataset and model.
    conditions
        Each names a ``view``, ``timestep``, layer set (``layers``) and ``metric``.
    """
    shards, means, projections, neighbours, pairs = open_prototypes(prototypes), [], [], [], []
    for condition in conditions:
        name, metric = condition["name"], condition["metric"]
        rows, vectors = load_prototypes(shards, condition, lambda rows: _sample_classes(rows, seed))
        means.append(average_class_distances(rows, vectors, metric, device=device).assign(condition=name))
        projections.append(project_pca(rows, vectors, metric).assign(condition=name))
        anchors = draw_anchors(rows, seed)
        neighbours.append(find_nearest(rows, vectors, anchors, metric, device=device).assign(condition=name))
        pairs.append(find_surprising_pairs(rows, vectors, metric, device=device).assign(condition=name))
        log.info("%s: %d objects of %d classes", name, len(rows), rows["class_name"].nunique())
    write_csv(pd.concat(means, ignore_index=True)[list(CLASS_DISTANCES.columns)], CLASS_DISTANCES, out_class_distances)
    write_csv(pd.concat(projections, ignore_index=True)[list(PCA.columns)], PCA, out_pca)
    write_csv(pd.concat(neighbours, ignore_index=True)[list(NEIGHBOURS.columns)], NEIGHBOURS, out_neighbours)
    write_csv(pd.concat(pairs, ignore_index=True)[list(PAIRS.columns)], PAIRS, out_pairs)


def average_class_distances(
    rows: pd.DataFrame, vectors: np.ndarray, metric: str, *, device: str = "cpu"
) -> pd.DataFrame:
    """Return the mean distance of every pair of classes, over the pairs of ``scdi`` and ``dcdi``.

    Other pairs are left out: objects of one image share the scene, and ``sidi`` pairs an object with itself. If two
    classes have no such pair, ``n`` is 0 and ``mean`` is NaN.

    Parameters
    ----------
    rows
        With columns ``class_name``, ``image_id`` and ``identity``.
    vectors
        (rows, dimensions).

    Returns
    -------
    DataFrame
        A row per ordered pair ``class_a``, ``class_b``, with ``n`` pairs of objects and their ``mean`` distance.
    """
    code, names = pd.factorize(rows["class_name"], sort=True)
    distance_sets, count = DistanceSets(rows), len(names)
    sums, numbers = np.zeros(count**2), np.zeros(count**2, np.int64)
    position = np.arange(len(rows))
    for start, distances in iterate_distance_blocks(vectors, metric, device=device):
        i, j = position[start : start + len(distances), None], position[None, start:]
        chosen = (j > i) & np.isin(distance_sets.label(i, j), _BETWEEN_IMAGES)
        pair = (code[i] * count + code[j])[chosen]
        sums += np.bincount(pair, distances[chosen], count**2)
        numbers += np.bincount(pair, minlength=count**2)
    total, number = (_add_mirrored(values.reshape(count, count)) for values in (sums, numbers))
    means = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    pairs = pd.MultiIndex.from_product([names, names], names=["class_a", "class_b"])
    return pd.DataFrame({"n": number.ravel(), "mean": means.ravel()}, pairs).reset_index()


def _add_mirrored(matrix: np.ndarray) -> np.ndarray:
    """Return the symmetric matrix of pairs in either order, from pairs in one order."""
    return matrix + matrix.T - np.diag(matrix.diagonal())


def draw_anchors(rows: pd.DataFrame, seed: int) -> list[int]:
    """Return the position of one object of each class, the class that is in most images (videos) first.

    A class that is in a single image is left out: none of its objects can be a neighbour.
    """
    members = rows.groupby("class_name").indices
    counts = get_units(rows).groupby(rows["class_name"]).nunique()
    common = counts[counts > 1].sort_values(ascending=False, kind="stable").index
    drawn = {
        name: int(np.random.default_rng([seed, number]).choice(those))
        for number, (name, those) in enumerate(members.items())
    }
    return [drawn[name] for name in common]


def _sample_classes(rows: pd.DataFrame, seed: int) -> np.ndarray:
    """Return the positions of the objects that represent their classes, in rising order."""
    positions = []
    for number, members in enumerate(rows.groupby("class_name").indices.values()):
        if len(members) > MAX_PER_CLASS:
            members = np.random.default_rng([seed, number]).choice(members, MAX_PER_CLASS, replace=False)
        positions.append(members)
    return np.sort(np.concatenate(positions))
