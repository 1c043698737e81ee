"""Blocks of distances: their sizes, and how a metric of two prototypes becomes one of all pairs."""

from collections.abc import Callable, Iterator

import numpy as np

MIN_BLOCK_ROWS = 64
BLOCK_SIZE = 3 << 19  # distances of a block, which has MIN_BLOCK_ROWS rows at least
CHUNK_SIZE = 1 << 22  # numbers of a working array
CACHE_SIZE = 1 << 17  # numbers that a processor's own cache holds
CENTRING_SAMPLE = 64  # prototypes, at most, whose mean all are centred on
CANCELLATION_THRESHOLD = 1e-2  # of the squared norms: below, float32 leaves a squared distance few digits


def iterate_row_blocks(n: int, measure: Callable[[slice, slice], np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (start, block), each block the distances of some rows to all from its first on.

    Parameters
    ----------
    measure
        Of slices of rows and columns: their distances (rows, columns) float32.
    """
    rows = max(MIN_BLOCK_ROWS, BLOCK_SIZE // max(n, 1))
    return ((start, measure(slice(start, start + rows), slice(start, n))) for start in range(0, n, rows))


def pair_in_chunks(
    x: np.ndarray, i: np.ndarray, j: np.ndarray, reduce: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return a function of the differences of pairs of rows, (pairs,), a chunk at a time.

    Parameters
    ----------
    reduce
        Of differences (pairs, dimensions): distances (pairs,).
    """
    size = max(1, CHUNK_SIZE // x.shape[1])
    starts = range(0, len(i), size)
    return np.concatenate(
        [np.empty(0), *(reduce(x[i[start : start + size]] - x[j[start : start + size]]) for start in starts)]
    )


def square_rows(x: np.ndarray) -> np.ndarray:  # (n,)
    """Return the squared norm of every row."""
    return np.einsum("nd,nd->n", x, x)
