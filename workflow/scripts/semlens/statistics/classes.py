"""How far apart classes lie: the mean distance between any two of them, and a plane in which their objects are seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from scipy.sparse.linalg import svds

from semlens.compare.metrics import iterate_distance_blocks, load_metric
from semlens.compare.pairs import SETS, DistanceSets
from semlens.compare.prototypes import load_prototypes, open_prototypes
from semlens.runtime.logs import log
from semlens.storage.tables import write_csv

MAX_PER_CLASS = 200  # objects, at most, that stand for a class; the report says so


_APART = [SETS.index(name) for name in ("scdi", "dcdi")]


CLASS_DISTANCES = pa.DataFrameSchema(
    {
        "condition": pa.Column(str),
        "class_a": pa.Column(str),
        "class_b": pa.Column(str),
        "n": pa.Column("int64", pa.Check.ge(0)),
        "mean": pa.Column("float64", pa.Check.ge(0), nullable=True),
    },
    strict=True,
    coerce=True,
)


PCA = pa.DataFrameSchema(
    {
        "condition": pa.Column(str),
        "instance_id": pa.Column(str),
        "class_name": pa.Column(str),
        "x": pa.Column("float64"),
        "y": pa.Column("float64"),
        "explained": pa.Column("float64", pa.Check.in_range(0, 1 + 1e-9)),
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
) -> None:
    """Write, by condition, the mean distance of each pair of classes, and the two principal components of its objects.

    Of a class with more objects than ``OF_A_CLASS``, a random part is taken, the same under every condition.

    Parameters
    ----------
    prototypes
        Shards of one dataset and model.
    conditions
        Each names a ``view``, ``timestep``, feature set and ``metric``.
    """
    parts, means, projections = open_prototypes(prototypes), [], []
    for condition in conditions:
        rows, vectors = load_prototypes(parts, condition, lambda rows: _sample_classes(rows, seed))
        means.append(
            average_class_distances(rows, vectors, condition["metric"], device=device).assign(
                condition=condition["name"]
            )
        )
        projections.append(project_pca(rows, vectors, condition["metric"]).assign(condition=condition["name"]))
        log.info("%s: %d objects of %d classes", condition["name"], len(rows), rows["class_name"].nunique())
    write_csv(pd.concat(means, ignore_index=True)[list(CLASS_DISTANCES.columns)], CLASS_DISTANCES, out_class_distances)
    write_csv(pd.concat(projections, ignore_index=True)[list(PCA.columns)], PCA, out_pca)


def average_class_distances(
    rows: pd.DataFrame, vectors: np.ndarray, metric: str, *, device: str = "cpu"
) -> pd.DataFrame:
    """Return the mean distance of every pair of classes, over their objects in different images.

    These are the pairs of ``scdi`` and ``dcdi``: objects of one image share the scene, and appearances of one object
    in several are no two objects. Where two classes never meet in two images, ``n`` is 0.

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
    totals, numbers = np.zeros(count**2), np.zeros(count**2, np.int64)
    place = np.arange(len(rows))
    for start, distances in iterate_distance_blocks(vectors, metric, device=device):
        i, j = place[start : start + len(distances), None], place[None, start:]
        apart = (j > i) & np.isin(distance_sets.label(i, j), _APART)
        pair = (code[i] * count + code[j])[apart]
        totals += np.bincount(pair, distances[apart], count**2)
        numbers += np.bincount(pair, minlength=count**2)
    total, number = (both + both.T - np.diag(both.diagonal()) for both in (_square(totals), _square(numbers)))
    means = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    pairs = pd.MultiIndex.from_product([names, names], names=["class_a", "class_b"])
    return pd.DataFrame({"n": number.ravel(), "mean": means.ravel()}, pairs).reset_index()


def _square(values: np.ndarray) -> np.ndarray:
    side = int(np.sqrt(len(values)))
    return values.reshape(side, side)


def project_pca(rows: pd.DataFrame, vectors: np.ndarray, metric: str) -> pd.DataFrame:
    """Return every object's place on the first two principal components of what the metric compares.

    For cosine and correlation these are unit vectors, centred for the latter. A component points where its largest
    weight is positive. ``explained`` is the share of the variance that both components have.

    Returns
    -------
    DataFrame
        With ``instance_id``, ``class_name``, ``x``, ``y`` and ``explained``.
    """
    compared = load_metric(metric).normalize(vectors)
    compared -= compared.mean(axis=0)
    places, variance = np.zeros((len(rows), 2)), np.vdot(compared, compared)
    components = min(2, min(compared.shape) - 1)
    if components and variance:
        left, spread, weights = svds(compared, k=components, rng=np.random.default_rng(0))
        signs = np.sign(np.take_along_axis(weights, np.abs(weights).argmax(axis=1)[:, None], axis=1))[:, 0]
        places[:, :components] = (left * spread * signs)[:, ::-1]  # largest first
    return pd.DataFrame(
        {
            "instance_id": rows["instance_id"].to_numpy(),
            "class_name": rows["class_name"].to_numpy(),
            "x": places[:, 0],
            "y": places[:, 1],
            "explained": np.vdot(places, places) / variance if variance else 0.0,
        }
    )


def _sample_classes(rows: pd.DataFrame, seed: int) -> np.ndarray:
    """Places of the objects that stand for their classes, in order."""
    kept = []
    for number, places in enumerate(rows.groupby("class_name").indices.values()):
        if len(places) > MAX_PER_CLASS:
            places = np.random.default_rng([seed, number]).choice(places, MAX_PER_CLASS, replace=False)
        kept.append(places)
    return np.sort(np.concatenate(kept))
