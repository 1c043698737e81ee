"""Prototypes to what they are good for: the tasks of an experiment on one dataset."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semlens.compare.metrics import load_metric
from semlens.compare.pairs import get_units
from semlens.compare.prototypes import PrototypeShard, open_prototypes
from semlens.images.original import ORIGINAL
from semlens.runtime.logs import log, show_progress
from semlens.statistics.measure import Options, load_originals, load_view_of, sample_units
from semlens.statistics.neighbours import fill_distances
from semlens.statistics.places import read_places
from semlens.statistics.tasks import knn
from semlens.statistics.tasks.clustering import measure_clustering
from semlens.statistics.tasks.probe import MAX_PERMUTATIONS as MAX_PROBE_PERMUTATIONS
from semlens.statistics.tasks.probe import MAX_PROBED, measure_probe
from semlens.statistics.tasks.ranks import Ranks, rank_gallery
from semlens.statistics.tasks.reidentification import measure_reidentification, search_frames, search_view
from semlens.statistics.tasks.retrieval import measure_retrieval
from semlens.statistics.tasks.scores import Objects, Score, say_nothing
from semlens.statistics.tasks.tables import TASKS_INFLUENCE, TASKS_TABLE, tabulate_tasks
from semlens.storage.tables import write_csv, write_parquet

MAX_OBJECTS = 5_000  # of a condition, of whole images (videos); fewer where ``max_objects`` says so
MAX_PERMUTATIONS = 199  # fewer where ``permutations`` says so


def measure_tasks(
    *,
    prototypes: Sequence[str | Path],
    manifests: Sequence[str | Path],
    conditions: Sequence[dict[str, Any]],
    tasks: Sequence[str],
    reference: str,
    options: Options,
    out: str | Path,
    out_influence: str | Path,
) -> None:
    """Write what the tasks of an experiment measure under each condition that they apply to.

    Parameters
    ----------
    prototypes, manifests, conditions, reference
        As :func:`semlens.statistics.compute.compute_statistics` takes them.
    tasks
        Of :data:`semlens.statistics.tasks.tables.TASKS`.
    options
        Of more than ``MAX_OBJECTS`` objects, those of a random part of the images are measured; there are
        ``MAX_PERMUTATIONS`` permutations at most.
    """
    shards, places = open_prototypes(prototypes), read_places(manifests)
    fewer = replace(
        options,
        max_objects=min(options.max_objects, MAX_OBJECTS),
        permutations=min(options.permutations, MAX_PERMUTATIONS),
    )
    measured = []
    for condition in show_progress(conditions, total=len(conditions), what="tasks", unit="condition"):
        measured.append((condition["name"], *measure_condition(shards, condition, tasks, reference, fewer, places)))
        shown = "; ".join(f"{one.task} {one.target} {one.measure} {one.value:.3f}" for one in measured[-1][-1])
        log.info("%s: %s", condition["name"], shown or "no task applies")
    table, influence = tabulate_tasks(measured, options.seed)
    write_csv(table, TASKS_TABLE, out)
    write_parquet(influence, TASKS_INFLUENCE, out_influence)


def measure_condition(
    shards: Sequence[PrototypeShard],
    condition: dict[str, Any],
    tasks: Sequence[str],
    reference: str,
    options: Options,
    places: pd.DataFrame,
) -> tuple[int, list[Score]]:
    """Return how many objects a condition has, and the scores of the tasks that apply to it.

    ``reidentification`` applies under a view and in later frames, all other tasks where there is neither.
    """
    is_again = condition["view"] != ORIGINAL or condition["offset"] is not None
    applying = [task for task in tasks if (task == "reidentification") == is_again]
    if not applying:
        return 0, []
    rows, vectors, n_all = load_originals(shards, condition, options, places)
    if not is_again:
        return n_all, measure_classes(rows, vectors, applying, condition["metric"], options)
    objects = Objects.from_rows(rows, options)
    how = (condition["metric"], options.device)
    if condition["view"] != ORIGINAL:
        search = search_view(rows, vectors, *load_view_of(rows, shards, condition), *how)
    else:
        search = search_frames(rows, vectors, how[0], condition["offset"], reference, how[1])
    return n_all, measure_reidentification(objects, search)


def measure_classes(
    rows: pd.DataFrame, vectors: np.ndarray, tasks: Sequence[str], metric: str, options: Options
) -> list[Score]:
    """Return the scores of tasks that tell classes, of objects as they are.

    The vote has no value where the prototype of some object has no direction.
    """
    objects, scores = Objects.from_rows(rows, options), []

    def rank(metric: str) -> Ranks:
        distances = fill_distances(vectors, metric, device=options.device)
        return rank_gallery(distances, objects.labels.units[:, None] != objects.labels.units)

    for task in tasks:
        match task:
            case "retrieval":
                scores += measure_retrieval(objects, rank(metric))
            case "knn":
                undirected = np.count_nonzero(load_metric(knn.METRIC).undefined.find(vectors))
                if undirected:
                    log.warning("no vote: %d of %d objects have a prototype of length 0", undirected, len(vectors))
                    scores += say_nothing("knn", "accuracy", objects)
                else:
                    scores += knn.measure_knn(objects, rank(knn.METRIC))
            case "probe":
                probed = sample_units(get_units(rows), MAX_PROBED, options.seed)
                fewer = replace(options, permutations=min(options.permutations, MAX_PROBE_PERMUTATIONS))
                scores += measure_probe(Objects.from_rows(rows.iloc[probed], fewer), vectors[probed])
            case "clustering":
                scores += measure_clustering(objects, vectors, load_metric(metric).normalize)
    return scores
