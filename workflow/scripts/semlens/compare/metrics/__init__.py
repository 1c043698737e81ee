"""Distance metrics (section 3.2), one file per metric, found by its name.

A metric's file is a code input only of the jobs that name it: nothing imports it but :func:`load_metric`. A file whose
name begins with an underscore holds what several metrics share; :mod:`semlens.compare.metrics._pairwise` makes a metric
of one function. The workflow reads ``needs_gpu`` when it is parsed: a metric's file imports scipy and torch inside its
functions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Blocks = Iterator[tuple[int, np.ndarray]]


@dataclass(frozen=True)
class Undefined:
    """Where a metric is undefined.

    Attributes
    ----------
    find
        Takes prototypes (n, dimensions) and returns for which of them the metric is undefined, (n,) bool.
    reason
        Why, as an error says it of one prototype.
    """

    find: Callable[[np.ndarray], np.ndarray]
    reason: str


CONSTANT = Undefined(lambda prototypes: prototypes.min(axis=1) == prototypes.max(axis=1), "it is constant")


@dataclass(frozen=True)
class Metric:
    """One metric; its file defines one as ``METRIC``, and the file's name is the metric's.

    Attributes
    ----------
    label
        What figures and tables call it.
    iterate_blocks
        Takes prototypes and a device and yields the distances of all pairs, see :func:`iterate_distance_blocks`.
    pair_distances
        Takes prototypes, the rows ``i`` and ``j`` of pairs, and a device, and returns their distances, (pairs,).
    normalize
        Takes prototypes and returns the vectors whose Euclidean geometry comes closest to the metric's, a copy in
        float64. Principal components are those of these vectors.
    undefined
        Where the metric is undefined; None if it never is.
    needs_gpu
        Whether its distances are worth a GPU. The device is None where they are not.
    """

    label: str
    iterate_blocks: Callable[[np.ndarray, "torch.device | None"], Blocks]
    pair_distances: Callable[[np.ndarray, np.ndarray, np.ndarray, "torch.device | None"], np.ndarray]
    normalize: Callable[[np.ndarray], np.ndarray] = lambda prototypes: prototypes.astype(np.float64)
    undefined: Undefined | None = None
    needs_gpu: bool = False


def list_metrics() -> list[str]:
    """Return the names of all metrics, without importing them."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


@cache
def load_metric(name: str) -> Metric:
    """Return a metric.

    Raises
    ------
    ValueError
        If there is no such metric, naming those that there are.
    """
    if name not in list_metrics():
        raise ValueError(f"unknown metric {name!r}; there are {', '.join(list_metrics())}")
    return import_module(f"semlens.compare.metrics.{name}").METRIC


def iterate_distance_blocks(prototypes: np.ndarray, metric: str, *, device: str = "cpu") -> Blocks:
    """Yield the distances of all pairs as (start, block), in memory that does not grow with their number.

    ``block[r, c]`` is the distance of prototypes ``start + r`` and ``start + c``, and each block starts where the one
    before ends. Only c > r is meant to be read: every pair once, by rising row.

    Parameters
    ----------
    prototypes
        (n, dimensions), finite.
    metric
        One of :func:`list_metrics`. Errors are below 1e-5 of a metric's mean, and a small distance keeps its digits.
    device
        Where metrics that need a GPU are computed, see :func:`semlens.runtime.devices.resolve_device`.

    Yields
    ------
    int, (rows, n - start) float32

    Raises
    ------
    ValueError
        If the metric is unknown, or undefined for a prototype.
    """
    return load_metric(metric).iterate_blocks(_check(prototypes, metric), _resolve(metric, device))


def pair_distances(
    prototypes: np.ndarray, i: np.ndarray, j: np.ndarray, metric: str, *, device: str = "cpu"
) -> np.ndarray:
    """Return the distances of rows ``i`` and ``j`` of the prototypes, (pairs,) float32.

    Parameters and errors are those of :func:`semlens.compare.metrics.iterate_distance_blocks`.

    Examples
    --------
    >>> pair_distances([[0, 0], [3, 4], [6, 8]], [0, 0], [1, 2], "euclidean")
    array([ 5., 10.], dtype=float32)
    """
    rows, columns = np.asarray(i), np.asarray(j)
    x = _check(prototypes, metric)
    return load_metric(metric).pair_distances(x, rows, columns, _resolve(metric, device)).astype(np.float32)


def _check(prototypes: np.ndarray, metric: str) -> np.ndarray:
    undefined, x = load_metric(metric).undefined, np.asarray(prototypes)
    if undefined and (rows := undefined.find(x)).any():
        raise ValueError(f"{metric} is undefined for prototype {int(np.argmax(rows))}: {undefined.reason}")
    return x


def _resolve(metric: str, device: str) -> "torch.device | None":
    if not load_metric(metric).needs_gpu:
        return None
    from semlens.runtime.devices import resolve_device

    return resolve_device(device)
