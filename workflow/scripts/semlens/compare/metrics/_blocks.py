"""The sizes of blocks of distances, and loops over blocks and over chunks of pairs."""

from collections.abc import Callable, Iterator

import numpy as np

MIN_BLOCK_ROWS = 64
BLOCK_SIZE = 3 << 19  # distances in a block, unless MIN_BLOCK_ROWS make it larger
CHUNK_SIZE = 1 << 22  # numbers in a working array
CACHE_SIZE = 1 << 17  # numbers that fit the cache of a processor core
CENTRING_SAMPLE = 64  # prototypes, at most, whose mean is subtracted from all
CANCELLATION_THRESHOLD = 1e-2  # of the squared norms: float32 leaves a smaller squared distance few digits


def iterate_row_blocks(n: int, measure: Callable[[slice, slice], np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (start, block): the distances of some rows to all rows from ``start`` on.

    Parameters
    ----------
    n
        Number of prototypes.
    measure
        Takes slices of rows and of columns and returns their distances, (rows, columns) float32.
    """
    rows = max(MIN_BLOCK_ROWS, BLOCK_SIZE // max(n, 1))
    return ((start, measure(slice(start, start + rows), slice(start, n))) for start in range(0, n, rows))


def measure_in_chunks(
    x: np.ndarray, i: np.ndarray, j: np.ndarray, measure: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return ``measure(x[i], x[j])``, (pairs,), for a chunk of pairs at a time.

    Parameters
    ----------
    measure
        Takes two arrays (pairs, dimensions) and returns the distances between their rows, (pairs,).
    """
    size = max(1, CHUNK_SIZE // x.shape[1])
    chunks = [slice(start, start + size) for start in range(0, len(i), size)]
    return np.concatenate([np.empty(0), *(measure(x[i[chunk]], x[j[chunk]]) for chunk in chunks)])


def square_rows(x: np.ndarray) -> np.ndarray:  # (n,)
    """Return |x|^2 of every row."""
    return np.einsum("nd,nd->n", x, x)
