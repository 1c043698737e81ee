"""A metric made of one function of two prototypes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from semlens.compare.metrics import Metric
from semlens.compare.metrics._blocks import iterate_row_blocks, measure_in_chunks
from semlens.runtime.threads import count_threads

Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]

_COLUMNS = 64  # prototypes that a thread measures at a time: they fit the cache of a processor core


def make_pairwise_metric(label: str, measure: Measure, measure_all: Measure | None = None, **options: Any) -> Metric:
    """Return a metric that is computed pair by pair, in float64 and by all threads.

    The whole of ``metrics/chebyshev.py`` could be::

        METRIC = make_pairwise_metric("Chebyshev", lambda x, y: np.abs(x - y).max(axis=-1))

    Parameters
    ----------
    measure
        Takes x (..., dimensions) and y (..., dimensions), which broadcast, and returns their distances (...).
    measure_all
        Takes x (rows, dimensions) and y (columns, dimensions) and returns the distances of all pairs, (rows, columns):
        a faster way where there is one, such as scipy's ``cdist``.
    options
        The other fields of :class:`semlens.compare.metrics.Metric`.
    """

    def measure_by_row(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.stack([measure(row, y) for row in x])

    def iterate_blocks(x: np.ndarray, device: None) -> Iterator[tuple[int, np.ndarray]]:
        return iterate_row_blocks(len(x), _measure_by_threads(x.astype(np.float64), measure_all or measure_by_row))

    def pair_distances(x: np.ndarray, i: np.ndarray, j: np.ndarray, device: None) -> np.ndarray:
        return measure_in_chunks(x.astype(np.float64), i, j, measure)

    return Metric(label, iterate_blocks, pair_distances, **options)


def _measure_by_threads(x: np.ndarray, measure_all: Measure) -> Callable[[slice, slice], np.ndarray]:
    """Return a function of slices of rows and columns, which gives their distances in float32."""
    threads = count_threads()

    def measure(rows: slice, columns: slice) -> np.ndarray:
        parts = [x[start : start + _COLUMNS] for start in range(columns.start, columns.stop, _COLUMNS)]
        with ThreadPoolExecutor(threads) as pool:
            distances = list(pool.map(lambda part: measure_all(x[rows], part), parts))
        return np.hstack(distances, dtype=np.float32)

    return measure
