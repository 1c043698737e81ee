"""Clustering: whether k-means finds the classes by itself."""

from collections.abc import Callable

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score

from semlens.statistics.separation import map_by_threads
from semlens.statistics.tasks.scores import Objects, Score, make_scores, say_nothing

N_STARTS = 10


def measure_clustering(
    objects: Objects, vectors: np.ndarray, normalize: Callable[[np.ndarray], np.ndarray]
) -> list[Score]:
    """Return the adjusted mutual information of clusters with classes: 0 by chance, 1 where they agree.

    All objects are clustered, into as many clusters as classes count; the measure is of the objects of these classes,
    all of which weigh the same. Neither leaving out images nor shuffling classes clusters again.

    Parameters
    ----------
    vectors
        (n, dimensions).
    normalize
        Returns the vectors whose Euclidean geometry comes closest to the condition's metric.
    """
    labels, codes = objects.labels, objects.codes
    counted = np.isin(labels.classes, codes)
    if len(codes) < 2:
        return say_nothing("clustering", "ami", objects)
    clusters = find_clusters(normalize(vectors), len(codes), objects.seed)

    def compute(classes: np.ndarray, kept: np.ndarray) -> np.ndarray:
        chosen = np.isin(classes, codes) & kept
        return np.array([adjusted_mutual_info_score(classes[chosen], clusters[chosen])])

    everything = np.ones(len(labels), bool)
    null = np.array(list(map_by_threads(lambda classes: compute(classes, everything), objects.shuffled)))
    return make_scores(
        "clustering", ["ami"], "class", lambda kept: compute(labels.classes, kept), counted, objects, null=null
    )


def find_clusters(vectors: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Return the cluster of each vector, (n,), by k-means from ``N_STARTS`` starts."""
    centred = (vectors - vectors.mean(axis=0)).astype(np.float32)
    return KMeans(k, n_init=N_STARTS, random_state=seed).fit_predict(centred)
