"""Manhattan distance (Eq. 8): sum_k |x_k - y_k|."""

import numpy as np

from semlens.compare.metrics._pairwise import make_pairwise_metric


def _measure(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(x - y).sum(axis=-1)


def _measure_all(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(x, y, "cityblock")


METRIC = make_pairwise_metric("Manhattan", _measure, _measure_all)
