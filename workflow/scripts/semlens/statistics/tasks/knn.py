"""k nearest neighbours: objects of other images (videos) vote on an object's class."""

import numpy as np

from semlens.statistics.separation import map_by_threads
from semlens.statistics.tasks.ranks import Ranks, gather_places, share_places
from semlens.statistics.tasks.scores import Objects, Score, average_scores, make_scores

N_VOTES = 20
METRIC = "cosine"  # whatever the condition's metric is; undefined for a prototype of length 0


def measure_knn(objects: Objects, ranks: Ranks) -> list[Score]:
    """Return how often the ``N_VOTES`` nearest neighbours vote for an object's class; all where there are fewer.

    Those that are as near as the last one share the votes that are left. Classes with equally many votes share the win.

    Parameters
    ----------
    ranks
        Of all objects, with those of other units as gallery, by cosine distance.
    """
    labels, codes = objects.labels, objects.codes
    everything, n_classes = np.ones(len(labels), bool), len(labels.class_names)

    def measure(kept: np.ndarray) -> np.ndarray:
        wins = count_wins(*find_voters(ranks, kept), labels.classes, n_classes)[None]
        return average_scores(wins, labels.classes, codes, objects.average, kept)

    nearest = find_voters(ranks, everything)

    def permute(classes: np.ndarray) -> np.ndarray:
        return average_scores(count_wins(*nearest, classes, n_classes)[None], classes, codes, objects.average)

    counted = ranks.valid.any(axis=1) & np.isin(labels.classes, codes)
    null = np.array(list(map_by_threads(permute, objects.shuffled)))
    return make_scores("knn", ["accuracy"], "class", measure, counted, objects, null=null)


def find_voters(ranks: Ranks, kept: np.ndarray, k: int = N_VOTES) -> tuple[np.ndarray, np.ndarray]:
    """Return columns, nearest first, and the weight of each one's vote, (queries, voters).

    Weights of a query add up to ``k``, or to all that are kept of its gallery.

    Parameters
    ----------
    kept
        (gallery,) bool.
    """
    counts, rows = ranks.count_kept(kept), np.arange(len(ranks.order))[:, None]
    depth, n_columns = k, ranks.order.shape[1]
    while True:  # until what comes behind the last column that is looked at has no vote
        columns = ranks.order[:, :depth]
        first, last, valid = gather_places(ranks, rows, columns, counts)
        if depth >= n_columns or (first[:, -1] > k).all(where=valid[:, -1]):
            return columns, share_places(first, last, valid & kept[columns], k)
        depth = min(2 * depth, n_columns)


def count_wins(columns: np.ndarray, weights: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return each query's share of a win for its own class, (queries,); NaN where nobody votes.

    Queries and gallery are the same objects.
    """
    n = len(columns)
    cells = np.arange(n)[:, None] * n_classes + classes[columns]
    votes = np.bincount(cells.ravel(), weights.ravel(), n * n_classes).reshape(n, n_classes)
    wins = votes > votes.max(axis=1, keepdims=True) - 1e-6  # shares of a vote are rounded
    return np.where(votes.any(axis=1), wins[np.arange(n), classes] / np.count_nonzero(wins, axis=1), np.nan)
