"""Re-identification: whether an object is found again under a view or in a later frame, and whether its class is."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from semlens.compare.metrics import iterate_distance_blocks
from semlens.compare.pairs import pair_across_views
from semlens.statistics.labels import Labels
from semlens.statistics.neighbours import fill_distances
from semlens.statistics.separation import map_by_threads
from semlens.statistics.tasks.ranks import (
    compute_average_precision,
    compute_hit,
    gather_places,
    rank_gallery,
    score_likes,
)
from semlens.statistics.tasks.scores import Objects, Score, average_scores, list_counting, make_scores

RANKS = (1, 5, 10)
_MIN_GALLERY = 4  # objects of a gallery for each of the k nearest: with fewer left, rank k is 1 in every draw
_MAX_SMALL = 0.1  # share of queries with fewer
MEASURES = {f"rank_{k}": compute_hit(k) for k in RANKS} | {"average_precision": compute_average_precision}


class Search(NamedTuple):
    """Queries and what they are sought among; both are rows of the same originals.

    Attributes
    ----------
    queries, gallery
        (queries,) and (gallery,) Rows of the originals; of a view, what the gallery shows of them.
    distances
        (queries, gallery).
    valid
        (queries, gallery) Whether it counts for a query at all.
    itself
        (queries,) Where in the gallery the query's object is.
    """

    queries: np.ndarray
    gallery: np.ndarray
    distances: np.ndarray
    valid: np.ndarray
    itself: np.ndarray


def search_view(
    rows: pd.DataFrame, vectors: np.ndarray, shown: pd.DataFrame, shown_vectors: np.ndarray, metric: str, device: str
) -> Search:
    """Return originals as queries, and all that a view shows as gallery.

    Parameters
    ----------
    rows, vectors
        The originals and their prototypes.
    shown, shown_vectors
        Those of them that the view shows, and their prototypes under it.
    """
    n, (i, _) = len(rows), pair_across_views(rows, shown)
    distances = np.empty((n, len(shown)), np.float32)
    for start, block in iterate_distance_blocks(np.vstack([vectors, shown_vectors]), metric, device=device):
        if start >= n:
            break
        distances[start : start + len(block)] = block[: n - start, n - start :]
    return Search(i, i, distances[i], np.ones((len(i), len(i)), bool), np.arange(len(i)))


def search_frames(
    rows: pd.DataFrame, vectors: np.ndarray, metric: str, offset: int, reference: str, device: str
) -> Search:
    """Return objects of reference frames as queries, and as gallery those of the frames ``offset`` later.

    The gallery of a query has one frame of each video: the one that is as far from the video's first as the query's
    later frame is from its own video's. Queries are objects that are there in their later frame.

    Parameters
    ----------
    reference
        ``all``: every frame is a reference; ``first``: the first of each video.
    """
    labels, frames = Labels.from_rows(rows), rows["frame"].astype(int)
    place = (frames - frames.groupby(rows["video"]).transform("min")).to_numpy()
    later = pd.Series(np.arange(len(rows)), pd.MultiIndex.from_arrays([labels.objects, place - offset]))
    itself = later.reindex(pd.MultiIndex.from_arrays([labels.objects, place])).to_numpy()
    queries = np.flatnonzero(~np.isnan(itself) & ((place == 0) | (reference == "all")))
    distances = fill_distances(vectors, metric, device=device)[queries]
    valid = place == place[queries, None] + offset
    return Search(queries, np.arange(len(rows)), distances, valid, itself[queries].astype(int))


def measure_reidentification(objects: Objects, search: Search) -> list[Score]:
    """Return how often the object itself, and how often another of its class, is among the nearest.

    ``identity``: the object itself is sought in the whole gallery; all objects count, since one needs no other of its
    class. There is no test: what images share makes an object like itself, and a permutation that keeps this leaves
    next to nothing to exchange. ``class``: an object of its class is sought in other images (videos); those of its own,
    itself too, are not in the gallery. The error of a rank k is not known where leaving out images leaves more than a
    tenth of the queries with fewer than 4 k objects in their gallery.
    """
    labels, (queries, gallery) = objects.labels, (search.queries, search.gallery)
    every = np.unique(labels.classes[queries])
    codes = list_counting(labels.classes[queries], labels.units[queries]) if len(queries) else every
    of_itself = rank_gallery(search.distances, search.valid)
    apart = search.valid & (labels.units[queries, None] != labels.units[gallery])
    of_others = rank_gallery(search.distances, apart)
    asked = np.arange(len(queries))[:, None]

    def average(
        scores: np.ndarray, classes: np.ndarray, asked_of: np.ndarray, kept: np.ndarray | None = None
    ) -> np.ndarray:
        there = None if kept is None else kept[queries]
        return average_scores(scores, classes[queries], asked_of, objects.average, there)

    def count(scores: np.ndarray, asked_of: np.ndarray) -> np.ndarray:
        counted = np.zeros(len(labels), bool)
        counted[queries] = ~np.isnan(scores[0]) & np.isin(labels.classes[queries], asked_of)
        return counted

    def find_itself(kept: np.ndarray) -> np.ndarray:
        counts = of_itself.count_kept(kept[gallery])
        places = gather_places(of_itself, asked, search.itself[:, None], counts)
        scores = np.stack([measure(*places) for measure in MEASURES.values()])
        return np.where(counts[:, -1] > 1, scores, np.nan)

    def find_class(classes: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
        there = None if kept is None else (kept[queries], kept[gallery])
        return score_likes(of_others, classes[queries], classes[gallery], codes, MEASURES, there)

    def measure(scores: np.ndarray, valid: np.ndarray, asked_of: np.ndarray, kept: np.ndarray) -> np.ndarray:
        sizes = np.count_nonzero(valid & kept[gallery], axis=1)[kept[queries] & ~np.isnan(scores[0])]
        values = average(scores, labels.classes, asked_of, kept)
        return values if kept.all() else np.where(_saturate(sizes), np.nan, values)

    null = map_by_threads(lambda classes: average(find_class(classes), classes, codes), objects.shuffled)
    return make_scores(
        *("reidentification", list(MEASURES), "identity"),
        lambda kept: measure(find_itself(kept), search.valid, every, kept),
        count(find_itself(np.ones(len(labels), bool)), every),
        objects,
        chance=average(_expect(np.count_nonzero(search.valid, axis=1)), labels.classes, every),
    ) + make_scores(
        *("reidentification", list(MEASURES), "class"),
        lambda kept: measure(find_class(labels.classes, kept), apart, codes, kept),
        count(find_class(labels.classes), codes),
        objects,
        null=np.array(list(null)),
    )


def _saturate(sizes: np.ndarray) -> np.ndarray:
    """Return which measures say little of galleries of such sizes, (measures,) bool."""
    small = [np.count_nonzero(sizes < _MIN_GALLERY * k) > _MAX_SMALL * len(sizes) for k in RANKS]
    return np.array([*small, False])


def _expect(sizes: np.ndarray) -> np.ndarray:
    """Return the measures of one object in a gallery in random order, (measures, queries), by the gallery's size."""
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.append(0, np.cumsum(1 / np.arange(1, sizes.max(initial=1) + 1)))[sizes] / sizes
        hits = [np.minimum(k, sizes) / sizes for k in RANKS]
    return np.where(sizes > 1, np.stack([*hits, precision]), np.nan)
