"""The separation of one condition: between and inside images, or for identity under a view or in later frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from semlens.compare.metrics import pair_distances
from semlens.compare.pairs import SETS, DistanceSets, get_units, pair_across_views, pair_at_offset
from semlens.compare.prototypes import PrototypeShard, load_prototypes
from semlens.images.original import ORIGINAL
from semlens.runtime.logs import log
from semlens.statistics.labels import Labels
from semlens.statistics.neighbours import fill_distances, gather_inside, gather_pairs, iterate_between, iterate_views
from semlens.statistics.permutation import Shuffler, permute_between, permute_inside
from semlens.statistics.places import gather_covariates, take_away
from semlens.statistics.sampling import sample_units
from semlens.statistics.separation import Average, Separation, measure_separation


@dataclass(frozen=True)
class Options:
    """How separation is measured, by the configuration's names.

    Attributes
    ----------
    average
        ``classes`` or ``objects``.
    permutations
        Number of them.
    max_objects
        Of more objects, those of as many whole images (videos) count as have about so many, drawn at random.
    """

    average: str
    permutations: int
    max_objects: int
    seed: int
    device: str


class Measured(NamedTuple):
    """One comparison under one condition; ``null`` holds the separations of permutations, if there are any."""

    condition: str
    comparison: str
    separation: Separation
    average: Average
    null: np.ndarray
    n_all: int


def measure_condition(
    shards: Sequence[PrototypeShard],
    condition: dict[str, Any],
    reference: str,
    options: Options,
    places: pd.DataFrame | None = None,
) -> list[Measured]:
    """Return separation between and inside images; of a view, or of later frames, that of identity.

    Parameters
    ----------
    condition
        See :func:`semlens.compare.prototypes.load_prototypes`. Perhaps with what separation is ``given``: it is then
        that of prototypes from which this was taken away, see :func:`semlens.statistics.places.take_away`.
    places
        See :func:`semlens.statistics.places.read_places`; of no use without ``given``.
    """
    name, metric = condition["name"], condition["metric"]
    rows, vectors, n_all = load_originals(shards, condition, options, places)
    if condition["view"] != ORIGINAL:
        view = load_view_of(rows, shards, condition)
        measured = {"identity": measure_views(rows, vectors, *view, metric, options)}
    elif condition["offset"] is not None:
        measured = {"identity": measure_frames(rows, vectors, metric, condition["offset"], reference, options)}
    else:
        measured = measure_images(rows, vectors, metric, options)
    found = [
        Measured(name, comparison, separation, separation.average(options.average), null, n_all)
        for comparison, (separation, null) in measured.items()
    ]
    log.info("%s: %s", name, "; ".join(f"{one.comparison} {one.average.value:.4f}" for one in found))
    return found


def load_originals(
    shards: Sequence[PrototypeShard], condition: dict[str, Any], options: Options, places: pd.DataFrame | None
) -> tuple[pd.DataFrame, np.ndarray, int]:
    """Return the objects of a condition without its view, their prototypes, and how many there are, sampled or not.

    Parameters are those of :func:`measure_condition`.
    """
    n_all = 0

    def choose(rows: pd.DataFrame) -> np.ndarray:
        nonlocal n_all
        n_all = len(rows)
        return sample_units(get_units(rows), options.max_objects, options.seed)

    rows, vectors = load_prototypes(shards, {**condition, "view": ORIGINAL}, choose)
    if given := condition.get("given"):
        covariates = gather_covariates(places, rows["instance_id"], given)
        vectors = take_away(vectors, covariates, get_units(rows).nunique())
    return rows, vectors, n_all


def load_view_of(
    rows: pd.DataFrame, shards: Sequence[PrototypeShard], condition: dict[str, Any]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return those of some objects that a condition's view shows, and their prototypes under it."""
    return load_prototypes(
        shards, condition, lambda shown: np.flatnonzero(shown["instance_id"].isin(rows["instance_id"]))
    )


Found = tuple[Separation, np.ndarray]


def measure_images(rows: pd.DataFrame, vectors: np.ndarray, metric: str, options: Options) -> dict[str, Found]:
    """Return separation between and inside images, each with those under permuted classes."""
    labels = Labels.from_rows(rows)
    distances = fill_distances(vectors, metric, device=options.device)
    neighbours = gather_inside(distances, labels)
    inside = measure_separation([neighbours], labels, labels.classes)
    between = measure_separation(iterate_between(distances, labels), labels, labels.classes, out_midranks=distances)
    shuffler, null_between, null_inside = Shuffler(labels, options.seed), np.empty(0), np.empty(0)
    if len(codes := between.list_classes()) and shuffler.count_exchangeable_units():
        shuffled = shuffler.shuffle_between(options.permutations)
        null_between = permute_between(distances, labels, codes, shuffled, options.average)
    if len(codes := inside.list_classes()):
        shuffled = shuffler.shuffle_inside(options.permutations)
        null_inside = permute_inside(neighbours, labels, codes, shuffled, options.average)
    return {"between": (between, null_between), "inside": (inside, null_inside)}


def measure_views(
    rows: pd.DataFrame,
    vectors: np.ndarray,
    transformed: pd.DataFrame,
    transformed_vectors: np.ndarray,
    metric: str,
    options: Options,
) -> Found:
    """Return how often another object of its class is farther from an object than itself under a view."""
    labels = Labels.from_rows(pd.concat([rows, transformed]))
    i, p = pair_across_views(rows, transformed)
    both = np.vstack([vectors, transformed_vectors])
    to_itself = pair_distances(both, i, len(rows) + p, metric, device=options.device)
    distances = fill_distances(vectors, metric, device=options.device)
    return measure_separation(iterate_views(distances, labels, i, to_itself), labels, labels.objects), np.empty(0)


def measure_frames(
    rows: pd.DataFrame, vectors: np.ndarray, metric: str, offset: int, reference: str, options: Options
) -> Found:
    """Return how often another object of its class is farther from an object than itself, both in a later frame."""
    labels = Labels.from_rows(rows)
    i, j = pair_at_offset(rows, offset, reference)
    across = np.isin(DistanceSets(rows).label(i, j), [SETS.index("sidi"), SETS.index("scdi")])
    i, j = i[across], j[across]
    neighbours = gather_pairs(i, j, pair_distances(vectors, i, j, metric, device=options.device))
    return measure_separation([neighbours], labels, labels.objects), np.empty(0)
