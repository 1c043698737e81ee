"""Means of feature maps over objects: products of the maps with how much each cell counts."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, pairwise
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from semlens.runtime.threads import count_threads


class Pooling(Protocol):
    """Where means are computed."""

    def place(self, shares: np.ndarray) -> Any:
        """Return shares, (instances, cells) float32, where maps are."""

    def average(self, shares: Sequence[Any], ends: Sequence[int], maps: Any) -> Any:
        """Begin the means of a layer: for each of ``shares`` (instances, channels) float32, sample after sample.

        Parameters
        ----------
        shares, ends
            Of ``BatchWeights``; shares as they were placed, of each grid at which the layer is pooled.
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

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(count_threads())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def place(self, shares: np.ndarray) -> np.ndarray:
        """Return shares as they are."""
        return shares

    def average(self, shares: Sequence[np.ndarray], ends: Sequence[int], maps: Sequence[np.ndarray]) -> list[Future]:
        """Return means that are being computed, of each sample; see :class:`Pooling`."""
        return [
            self._pool.submit(_multiply, [of_grid[start:stop] for of_grid in shares], maps, sample)
            for sample, (start, stop) in zip(range(len(maps)), pairwise(ends), strict=True)
        ]

    def fetch(self, means: Sequence[list[Future]]) -> list[np.ndarray]:
        """Return means once they are computed."""
        found = ([of_sample.result() for of_sample in of_layer] for of_layer in means)
        return [np.concatenate(of_grid) for of_grid in chain.from_iterable(zip(*one, strict=True) for one in found)]


def _multiply(shares: Sequence[np.ndarray], maps: Sequence[np.ndarray], sample: int) -> list[np.ndarray]:
    features = maps[sample]
    cells = features.astype(np.float32, copy=False).reshape(len(features), -1)
    return [(cells @ share.T).T for share in shares]
