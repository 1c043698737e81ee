"""Manhattan distance (Eq. 8): the sum of |x_k - y_k|."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from semlens.compare.metrics import Metric
from semlens.compare.metrics._blocks import iterate_row_blocks, pair_in_chunks

_THREAD_CHUNK = 64  # prototypes that a thread is given at a time: they fit a processor's own cache


def _iterate(x: np.ndarray, _: Any) -> Iterator[tuple[int, np.ndarray]]:
    return iterate_row_blocks(len(x), _measure(x))


def _pair(x: np.ndarray, i: np.ndarray, j: np.ndarray, _: Any) -> np.ndarray:
    return pair_in_chunks(x.astype(np.float64), i, j, lambda differences: np.abs(differences).sum(axis=1))


def _measure(x: np.ndarray) -> Callable[[slice, slice], np.ndarray]:
    """Return what measures slices of rows and columns, by all threads."""
    x = x.astype(np.float64)
    threads = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))

    def between(rows: slice, columns: slice) -> np.ndarray:
        with ThreadPoolExecutor(threads) as pool:
            parts = [x[start : start + _THREAD_CHUNK] for start in range(columns.start, columns.stop, _THREAD_CHUNK)]
            found = list(pool.map(lambda part: cdist(x[rows], part, "cityblock"), parts))
        return np.hstack(found, dtype=np.float32)

    return between


METRIC = Metric("Manhattan", _iterate, _pair)
