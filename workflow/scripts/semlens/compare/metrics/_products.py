"""Metrics that are |x - y| or |x - y|^2 / 2 of normalized prototypes, computed by matrix products."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from semlens.compare.metrics import Metric
from semlens.compare.metrics._blocks import (
    CACHE_SIZE,
    CANCELLATION_THRESHOLD,
    CENTRING_SAMPLE,
    iterate_row_blocks,
    measure_in_chunks,
    square_rows,
)

Normalize = Callable[[np.ndarray], np.ndarray]


def make_product_metric(label: str, normalize: Normalize, *, root: bool = False, **options: Any) -> Metric:
    """Return the metric |x - y|^2 / 2, or with ``root`` |x - y|, of normalized prototypes x and y.

    Parameters
    ----------
    normalize
        Takes prototypes (n, dimensions) and returns a copy in float64.
    options
        The other fields of :class:`Metric`.
    """

    def measure(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        square = square_rows(x - y)
        return np.sqrt(square) if root else square / 2

    def iterate_blocks(x: np.ndarray, device: None) -> Iterator[tuple[int, np.ndarray]]:
        return iterate_row_blocks(len(x), _measure_by_products(x, normalize, root=root))

    def pair_distances(x: np.ndarray, i: np.ndarray, j: np.ndarray, device: None) -> np.ndarray:
        return measure_in_chunks(normalize(x), i, j, measure)

    return Metric(label, iterate_blocks, pair_distances, normalize, **options)


def normalize_length(prototypes: np.ndarray) -> np.ndarray:
    """Return x / |x| of every row, in float64."""
    x = prototypes.astype(np.float64)
    x /= np.sqrt(square_rows(x))[:, None]
    return x


def _measure_by_products(x: np.ndarray, normalize: Normalize, *, root: bool) -> Callable[[slice, slice], np.ndarray]:
    """Return a function of slices of rows and columns, which gives their distances in float32.

    |x - y|^2 / 2 = |x|^2 / 2 + |y|^2 / 2 - x . y, all products of a block at once. In float32 the difference of nearly
    equal terms loses its digits. Two things prevent that:

    * x and y are x - c and y - c, where c is the mean of a sample: the part that all prototypes share is gone.
    * Where |x - y|^2 / 2 < threshold * |x|^2, the product is computed again in float64.
    """
    n, dimensions = x.shape
    centre = normalize(x[:: -(-n // CENTRING_SAMPLE) or 1]).mean(axis=0)

    def prepare(rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x - c, (rows, dimensions), and |x - c|^2 / 2, (rows,), in float64."""
        vectors = normalize(x[rows]) - centre
        return vectors, square_rows(vectors) / 2

    vectors, half_squares = np.empty((n, dimensions), np.float32), np.empty(n, np.float32)
    size = max(1, CACHE_SIZE // dimensions)
    for start in range(0, n, size):
        chunk = slice(start, start + size)
        vectors[chunk], half_squares[chunk] = prepare(chunk)

    def measure(rows: slice, columns: slice) -> np.ndarray:
        distances = vectors[rows] @ vectors[columns].T
        np.subtract(half_squares[columns], distances, out=distances)
        distances += half_squares[rows, None]
        imprecise = distances < 2 * CANCELLATION_THRESHOLD * half_squares[rows, None]
        imprecise[:, : len(imprecise)][np.tri(len(imprecise), dtype=bool)] = False
        if imprecise.any():
            i, j = (np.flatnonzero(imprecise.any(axis=axis)) for axis in (1, 0))
            (a, a_half_squares), (b, b_half_squares) = prepare(rows.start + i), prepare(columns.start + j)
            distances[np.ix_(i, j)] = a_half_squares[:, None] + b_half_squares - a @ b.T
        np.maximum(distances, 0, out=distances)
        if root:
            distances *= 2
            np.sqrt(distances, out=distances)
        return distances

    return measure
