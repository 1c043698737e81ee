"""Distance metrics (section 3.2), one file per metric, found by its name.

A metric's file is a code input only of the jobs that name it: nothing imports it but :func:`load_metric`. A file whose
name begins with an underscore holds what several metrics share.
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
class Metric:
    """One metric; its file defines one as ``METRIC``.

    Attributes
    ----------
    label
        What figures and tables call it.
    iterate_blocks
        Of prototypes (n, dimensions) and a device: the distances of all pairs, see :func:`iterate_distance_blocks`.
    pair
        Of prototypes, two arrays of their places (pairs,), and a device: the distances of those pairs, (pairs,).
    normalize
        Of prototypes: a copy in float64 whose Euclidean geometry is the metric's, as far as it has one; what principal
        components are taken of.
    find_undefined
        Of prototypes: for which the metric is undefined, (n,) bool.
    why_undefined
        The reason, as an error says it.
    needs_gpu
        Whether its distances are worth a GPU.
    """

    label: str
    iterate_blocks: Callable[[np.ndarray, "torch.device"], Blocks]
    pair: Callable[[np.ndarray, np.ndarray, np.ndarray, "torch.device"], np.ndarray]
    normalize: Callable[[np.ndarray], np.ndarray] = lambda prototypes: prototypes.astype(np.float64)
    find_undefined: Callable[[np.ndarray], np.ndarray] = lambda prototypes: np.zeros(len(prototypes), bool)
    why_undefined: str = ""
    needs_gpu: bool = False


def list_metrics() -> list[str]:
    """Return the names of all metrics, without importing them."""
    return sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))


@cache
def load_metric(name: str) -> Metric:
    """Return a metric.

    Raises
    ------
    ValueError
        If there is none of this name, naming those that there are.
    """
    if name not in list_metrics():
        raise ValueError(f"unknown metric {name!r}; there are {', '.join(list_metrics())}")
    return import_module(f"{__name__}.{name}").METRIC


def iterate_distance_blocks(prototypes: np.ndarray, metric: str, *, device: str = "cpu") -> Blocks:
    """Yield the distances of all pairs as (start, block), in memory that does not grow with their number.

    ``block[r, c]`` is the distance of prototypes ``start + r`` and ``start + c``; blocks follow each other. Only what is
    above the diagonal, c > r, is meant to be read: every pair once, by rising row.

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
    """Return the distances of prototypes ``i`` and ``j``, (pairs,) float32; see :func:`iterate_distance_blocks`."""
    return load_metric(metric).pair(_check(prototypes, metric), i, j, _resolve(metric, device)).astype(np.float32)


def _check(prototypes: np.ndarray, metric: str) -> np.ndarray:
    chosen, x = load_metric(metric), np.asarray(prototypes)
    undefined = chosen.find_undefined(x)
    if undefined.any():
        raise ValueError(f"{metric} is undefined for prototype {int(np.argmax(undefined))}: {chosen.why_undefined}")
    return x


def _resolve(metric: str, device: str) -> "torch.device | None":
    from semlens.runtime.devices import resolve_device

    return resolve_device(device) if load_metric(metric).needs_gpu else None
