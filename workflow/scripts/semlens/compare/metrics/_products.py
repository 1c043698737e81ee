"""Metrics that are a squared distance between normalised prototypes: computed by matrix products."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from semlens.compare.metrics import Metric
from semlens.compare.metrics._blocks import (
    CACHE_SIZE,
    CANCELLATION_THRESHOLD,
    CENTRING_SAMPLE,
    iterate_row_blocks,
    pair_in_chunks,
    square_rows,
)

Normalize = Callable[[np.ndarray], np.ndarray]


def make_product_metric(label: str, normalize: Normalize, *, root: bool = False, **options: Any) -> Metric:
    """Return the metric |x - y|, with ``root``, or |x - y|^2 / 2 of normalised prototypes.

    Parameters
    ----------
    normalize
        Of prototypes (n, dimensions): a copy in float64.
    options
        What else a :class:`Metric` has.
    """

    def iterate(x: np.ndarray, _: Any) -> Iterator[tuple[int, np.ndarray]]:
        return iterate_row_blocks(len(x), _measure_by_products(x, normalize, root=root))

    def pair(x: np.ndarray, i: np.ndarray, j: np.ndarray, _: Any) -> np.ndarray:
        def reduce(differences: np.ndarray) -> np.ndarray:
            square = square_rows(differences)
            return np.sqrt(square) if root else square / 2

        return pair_in_chunks(normalize(x), i, j, reduce)

    return Metric(label, iterate, pair, normalize, **options)


def normalize_length(x: np.ndarray) -> np.ndarray:
    """Return x / |x|, row by row, in float64."""
    y = x.astype(np.float64)
    y /= np.sqrt(square_rows(y))[:, None]
    return y


def _measure_by_products(x: np.ndarray, normalize: Normalize, *, root: bool) -> Callable[[slice, slice], np.ndarray]:
    """Distances of some to others by one matrix product, |x - y|^2 / 2 = |x|^2 / 2 + |y|^2 / 2 - x . y.

    Centred on the mean of some, prototypes lose what they share, and the product, in float32, keeps the digits of what
    they do not. What lies near each other even so is multiplied again in float64.
    """
    n, dimensions = x.shape
    middle = normalize(x[:: -(-n // CENTRING_SAMPLE) or 1]).mean(axis=0)

    def centred(rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = normalize(x[rows]) - middle
        return y, square_rows(y) / 2

    single, square = np.empty((n, dimensions), np.float32), np.empty(n, np.float32)
    few = max(1, CACHE_SIZE // dimensions)
    for start in range(0, n, few):
        rows = slice(start, start + few)
        single[rows], square[rows] = centred(rows)

    def between(rows: slice, columns: slice) -> np.ndarray:
        half = single[rows] @ single[columns].T
        np.subtract(square[columns], half, out=half)
        half += square[rows, None]
        near = half < 2 * CANCELLATION_THRESHOLD * square[rows, None]  # which have much the same norm
        near[:, : len(near)][np.tri(len(near), dtype=bool)] = False
        if near.any():
            i, j = (np.flatnonzero(near.any(axis=axis)) for axis in (1, 0))
            (a, a_square), (b, b_square) = centred(rows.start + i), centred(columns.start + j)
            half[np.ix_(i, j)] = a_square[:, None] + b_square - a @ b.T
        np.maximum(half, 0, out=half)
        if root:
            half *= 2
            np.sqrt(half, out=half)
        return half

    return between
