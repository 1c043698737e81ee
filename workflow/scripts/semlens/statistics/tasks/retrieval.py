"""Retrieval: every object asks for objects of its class, among the objects of all other images (videos)."""

import numpy as np

from semlens.statistics.separation import map_by_threads
from semlens.statistics.tasks.ranks import (
    Ranks,
    compute_average_precision,
    compute_hit,
    compute_r_precision,
    score_likes,
)
from semlens.statistics.tasks.scores import Objects, Score, average_scores, make_scores

MEASURES = {
    "average_precision": compute_average_precision,
    "recall_at_1": compute_hit(1),
    "r_precision": compute_r_precision,
}


def measure_retrieval(objects: Objects, ranks: Ranks) -> list[Score]:
    """Return mean average precision, recall at 1 and R-precision.

    Parameters
    ----------
    ranks
        Of all objects, with those of other units as gallery.
    """
    labels, codes = objects.labels, objects.codes

    def score(classes: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
        return score_likes(ranks, classes, classes, codes, MEASURES, None if kept is None else (kept, kept))

    def measure(kept: np.ndarray) -> np.ndarray:
        return average_scores(score(labels.classes, kept), labels.classes, codes, objects.average)

    def permute(classes: np.ndarray) -> np.ndarray:
        return average_scores(score(classes), classes, codes, objects.average)

    counted = ~np.isnan(score(labels.classes)[0])
    null = np.array(list(map_by_threads(permute, objects.shuffled)))
    return make_scores("retrieval", list(MEASURES), "class", measure, counted, objects, null=null)
