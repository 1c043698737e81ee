"""Means of feature maps over objects: products of the maps with how much each cell counts."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
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
        How many further passes may be begun while the means of one are fetched.
    """

    depth: int

    def place(self, shares: np.ndarray, ends: Sequence[int]) -> Any:
        """Return shares, (instances, cells) float32, of ``BatchWeights`` where maps are, as means need them."""

    def average(self, shares: Mapping[str, Sequence[Any]], ends: Sequence[int], maps: Mapping[str, Any]) -> Any:
        """Begin the means of a pass.

        Parameters
        ----------
        shares, ends
            Shares as they were placed, by layer of each grid at which it is pooled.
        maps
            By layer, of each sample (channels, height, width).
        """

    def fetch(self, means: Any) -> Sequence[np.ndarray]:
        """Return such means (instances, channels) float32 on the host: layer by layer, of each grid."""


class CellShares(NamedTuple):
    """How much cells of a sample count for its instances.

    ``values`` (instances, cells) are of all cells. ``used`` says which runs of cells count for any instance, and
    ``of_used`` (instances, cells of these runs) how much; both are None where most cells count.
    """

    values: np.ndarray
    used: np.ndarray | None
    of_used: np.ndarray | None


class HostPooling:
    """Means of arrays, several samples at once, each of which is looked up by the thread that multiplies it.

    numpy multiplies: torch's threads would wait for those of the network at each product. Most cells count for no
    instance; those that do are copied first, in short runs, which is faster than to multiply all. As a context it ends
    once no sample is being used any more.
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

    def place(self, shares: np.ndarray, ends: Sequence[int]) -> list[CellShares]:
        """Return shares of each sample."""
        return [_choose_cells(shares[start:stop]) for start, stop in pairwise(ends)]

    def average(
        self,
        shares: Mapping[str, Sequence[list[CellShares]]],
        ends: Sequence[int],
        maps: Mapping[str, Sequence[np.ndarray]],
    ) -> tuple[list[Future], list[np.ndarray]]:
        """Begin the means of a pass, see :class:`Pooling`; return what computes them and where they will be."""
        layers = [
            (maps[layer], grids, [np.empty((ends[-1], maps[layer].shape[1]), np.float32) for _ in grids])
            for layer, grids in shares.items()
        ]
        begun = [
            self._pool.submit(_average_sample, layers, sample, slice(*rows))
            for sample, rows in enumerate(pairwise(ends))
        ]
        return begun, [means for _, _, of_layer in layers for means in of_layer]

    def fetch(self, means: tuple[list[Future], list[np.ndarray]]) -> list[np.ndarray]:
        """Return means once they are computed."""
        begun, found = means
        for one in begun:
            one.result()
        return found


def _choose_cells(shares: np.ndarray) -> CellShares:
    runs = _split_cells(shares)
    used = np.flatnonzero(runs.any(axis=(0, 2)))
    if len(used) > _MOST * runs.shape[1]:
        return CellShares(shares, None, None)
    return CellShares(shares, used, runs[:, used].reshape(len(shares), len(used) * runs.shape[2]))


def _average_sample(
    layers: Sequence[tuple[Sequence[np.ndarray], Sequence[list[CellShares]], Sequence[np.ndarray]]],
    sample: int,
    rows: slice,
) -> None:
    for maps, shares, means in layers:
        features = maps[sample].astype(np.float32, copy=False)
        for of_grid, out in zip(shares, means, strict=True):
            values, used, of_used = of_grid[sample]
            cells = features.reshape(len(features), values.shape[1])
            if used is not None and cells.flags.c_contiguous:  # else numpy would first copy all of them
                cells = _split_cells(cells).take(used, axis=1).reshape(len(cells), of_used.shape[1])
                values = of_used
            out[rows] = (cells @ values.T).T


def _split_cells(values: np.ndarray) -> np.ndarray:  # (rows, runs, cells of a run), of (rows, cells)
    cells = values.shape[1]
    length = gcd(cells, _RUN)
    return values.reshape(len(values), cells // length, length)
