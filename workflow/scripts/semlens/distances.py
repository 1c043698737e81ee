"""Distances between prototypes, all pairs at once (section 3.2)."""

from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist

_BLOCK = 1 << 22  # elements of a working block: 32 MB in float64


def pairwise(prototypes: np.ndarray, metric: str) -> np.ndarray:  # (n, n) float64, symmetric
    """Return the distance between every two prototypes.

    Parameters
    ----------
    prototypes
        (n, dimensions), finite.
    metric
        A key of :data:`METRICS`. Computed in float64, from Gram matrices where that is faster than pair by pair: the
        absolute error of a squared distance is about 1e-16 of the squared norms, far below float32's resolution.

    Raises
    ------
    ValueError
        If the metric is unknown, or a prototype is constant (or zero) and the metric is undefined for it.
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; there are {', '.join(METRICS)}")
    return METRICS[metric](np.asarray(prototypes, dtype=np.float64))


def euclidean(x: np.ndarray) -> np.ndarray:
    """Eq. 4, from the Gram matrix of the centred prototypes."""
    x = x - x.mean(axis=0)
    gram = x @ x.T
    square = np.diag(gram)
    return np.sqrt(np.clip(square[:, None] + square[None, :] - 2 * gram, 0, None))


def cosine(x: np.ndarray) -> np.ndarray:
    """Eq. 9, as half the squared distance between unit vectors."""
    return euclidean(_unit(x, "cosine")) ** 2 / 2


def correlation(x: np.ndarray) -> np.ndarray:
    """1 - Pearson's correlation of the two vectors' components."""
    _require_variation(x, "correlation")
    return euclidean(_unit(x - x.mean(axis=1, keepdims=True), "correlation")) ** 2 / 2


def cityblock(x: np.ndarray) -> np.ndarray:
    """Eq. 8."""
    return cdist(x, x, "cityblock")


def distance_correlation(x: np.ndarray) -> np.ndarray:
    """1 - distance correlation (Eqs. 5 to 7) of the two vectors' components, biased V-statistic.

    A prototype's centred distance matrix a_kl = |x_k - x_l| - r_k - r_l + g is never stored: Eq. 7 is a Gram
    matrix over all (k, l), summed over blocks of rows k, each doubled for l > k, with the diagonal once.
    """
    _require_variation(x, "distance_correlation")
    n, dimensions = x.shape
    row_means, grand_mean = _mean_distances(x)
    gram = np.zeros((n, n))
    rows = max(1, _BLOCK // (n * dimensions))
    for start in range(0, dimensions, rows):
        stop = min(start + rows, dimensions)
        centred = np.abs(x[:, start:stop, None] - x[:, None, start:])
        centred -= row_means[:, start:stop, None]
        centred -= row_means[:, None, start:]
        centred += grand_mean[:, None, None]
        centred[:, :, stop - start :] *= np.sqrt(2)
        flat = centred.reshape(n, -1)
        gram += flat @ flat.T
    variance = np.sqrt(np.diag(gram))
    return 1 - np.sqrt(np.clip(gram / np.outer(variance, variance), 0, 1))


def _require_variation(x: np.ndarray, metric: str) -> None:
    constant = x.min(axis=1) == x.max(axis=1)
    if constant.any():
        raise ValueError(f"{metric} is undefined for prototype {int(np.argmax(constant))}: it is constant")


def _unit(x: np.ndarray, metric: str) -> np.ndarray:
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    if not norm.all():
        raise ValueError(f"{metric} is undefined for prototype {int(np.argmin(norm))}: it has no direction")
    return x / norm


def _mean_distances(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (n, dimensions), (n,)
    """Mean of |x_k - x_l| over l for each k, and over both, by sorting rather than by all pairs."""
    dimensions = x.shape[1]
    order = np.argsort(x, axis=1)
    ranked = np.take_along_axis(x, order, axis=1)
    below = np.cumsum(ranked, axis=1)
    rank = np.arange(1, dimensions + 1)
    sums = (2 * rank - dimensions) * ranked + below[:, -1:] - 2 * below
    means = np.empty_like(x)
    np.put_along_axis(means, order, sums / dimensions, axis=1)
    return means, means.mean(axis=1)


METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "euclidean": euclidean,
    "correlation": correlation,
    "cityblock": cityblock,
    "cosine": cosine,
    "distance_correlation": distance_correlation,
}
