"""Means of feature maps over objects: products of the maps with how much each cell counts."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from semlens.runtime.threads import count_threads


class Pooling(Protocol):
    """Where means are computed."""

    def place(self, shares: np.ndarray) -> Any:
        """Return shares, (instances, cells) float32, where maps are."""

    def average(self, shares: Any, ends: Sequence[int], maps: Any) -> Any:
        """Return the means of a batch, (instances, channels) float32, one sample after the other.

        Parameters
        ----------
        shares, ends
            Of ``BatchWeights``; shares as they were placed.
        maps
            (samples, channels, height, width).
        """

    def fetch(self, means: Sequence[Any]) -> Sequence[np.ndarray]:
        """Return such means on the host."""


class HostPooling:
    """Means of arrays, several samples at once.

    numpy multiplies: torch's threads would wait for those of the network, or of the reader, at each product.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(count_threads())

    def place(self, shares: np.ndarray) -> np.ndarray:
        """Return shares as they are."""
        return shares

    def average(self, shares: np.ndarray, ends: Sequence[int], maps: np.ndarray) -> list[Future]:
        """Return means that are being computed, of each sample; see :class:`Pooling`."""
        pairs = [(shares[start:stop], of_sample) for (start, stop), of_sample in zip(pairwise(ends), maps, strict=True)]
        return [self._pool.submit(_multiply, *pair) for pair in pairs]

    def fetch(self, means: Sequence[list[Future]]) -> list[np.ndarray]:
        """Return means once they are computed."""
        return [np.concatenate([of_sample.result() for of_sample in of_column]) for of_column in means]


def _multiply(share: np.ndarray, features: np.ndarray) -> np.ndarray:
    return (features.astype(np.float32, copy=False).reshape(len(features), -1) @ share.T).T
