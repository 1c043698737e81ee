"""Means of feature maps over objects: products of the maps with how much each cell counts."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, pairwise
from math import gcd
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from semlens.runtime.threads import count_threads

_RUN = 8  # cells that are copied together
_MOST = 2 / 3  # of all cells: if more count, copying them takes longer than it saves


class Pooling(Protocol):
    """Where means are computed.

    Attributes
    ----------
    depth
        How many passes may be begun before the means of one are fetched.
    """

    depth: int

    def place(self, shares: np.ndarray, ends: Sequence[int]) -> Any:
        """Return shares, (instances, cells) float32, of ``BatchWeights`` where maps are, as means need them."""

    def average(self, shares: Sequence[Any], ends: Sequence[int], maps: Any) -> Any:
        """Begin the means of a layer: for each of ``shares`` (instances, channels) float32, sample after sample.

        Parameters
        ----------
        shares, ends
            Shares as they were placed, of each grid at which the layer is pooled.
        maps
            Of each sample (channels, height, width).
        """

    def fetch(self, means: Sequence[Any]) -> Sequence[np.ndarray]:
        """Return such means of several layers on the host, one layer after the other."""


class HostPooling:
    """Means of arrays, several samples at once, each of which is looked up by the thread that multiplies it.

    numpy multiplies: torch's threads would wait for those of the network at each product. As a context it ends once no
    sample is being used any more.
    """

    depth = 1

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(count_threads())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def place(self, shares: np.ndarray, ends: Sequence[int]) -> list["_Shares"]:
        """Return shares of each sample."""
        return [_choose_cells(shares[start:stop]) for start, stop in pairwise(ends)]

    def average(
        self, shares: Sequence[list["_Shares"]], ends: Sequence[int], maps: Sequence[np.ndarray]
    ) -> tuple[list[Future], list[np.ndarray]]:
        """Begin the means of a layer, see :class:`Pooling`; return what computes them and where they will be."""
        means = [np.empty((ends[-1], maps.shape[1]), np.float32) for _ in shares]
        begun = [
            self._pool.submit(_average_sample, of_sample, maps, sample, [of_grid[slice(*rows)] for of_grid in means])
            for sample, (of_sample, rows) in enumerate(zip(zip(*shares, strict=True), pairwise(ends), strict=True))
        ]
        return begun, means

    def fetch(self, means: Sequence[tuple[list[Future], list[np.ndarray]]]) -> list[np.ndarray]:
        """Return means once they are computed."""
        for one in chain.from_iterable(begun for begun, _ in means):
            one.result()
        return list(chain.from_iterable(found for _, found in means))


class _Shares(NamedTuple):
    """How much cells of a sample count for its instances.

    Most cells count for none. So those that do are copied, in short runs, which is faster than to multiply all.
    """

    runs: np.ndarray | None  # which runs of cells are meant; None for all
    values: np.ndarray  # (instances, cells that are meant)


def _choose_cells(shares: np.ndarray) -> _Shares:
    runs = _split_cells(shares)
    used = np.flatnonzero(runs.any(axis=(0, 2)))
    if len(used) > _MOST * runs.shape[1]:
        return _Shares(None, shares)
    return _Shares(used, runs[:, used].reshape(len(shares), len(used) * runs.shape[2]))


def _average_sample(
    shares: Sequence[_Shares], maps: Sequence[np.ndarray], sample: int, means: Sequence[np.ndarray]
) -> None:
    features = maps[sample]
    cells = features.astype(np.float32, copy=False).reshape(len(features), -1)
    for (used, values), out in zip(shares, means, strict=True):
        meant = cells if used is None else _split_cells(cells).take(used, axis=1).reshape(len(cells), values.shape[1])
        out[...] = (meant @ values.T).T


def _split_cells(values: np.ndarray) -> np.ndarray:  # (..., runs, cells of a run), of (..., cells)
    cells = values.shape[1]
    length = gcd(cells, _RUN)
    return values.reshape(len(values), cells // length, length)
