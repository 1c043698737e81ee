"""Count, mean, spread and extremes of numbers that come piece by piece."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf, nan, sqrt
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow.parquet as parquet

from semlens.runtime.files import quarantine_if_corrupt

_KEY = b"moments"


@dataclass(frozen=True)
class RunningStatistics:
    """What is known exactly of all numbers seen; pieces are joined by ``+`` (Chan et al., 1979).

    ``squares`` is the sum of squared deviations from the mean.
    """

    n: int = 0
    mean: float = nan
    squares: float = 0.0
    min: float = inf
    max: float = -inf

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        """Return the moments of some numbers, in float64 whatever they are in."""
        if not values.size:
            return cls()
        values = values.astype(np.float64)
        mean = values.mean()
        low, high = values.min(), values.max()
        values -= mean
        return cls(values.size, float(mean), float(np.vdot(values, values)), float(low), float(high))

    def __add__(self, other: Self) -> Self:
        if not self.n or not other.n:
            return self if self.n else other
        n, apart = self.n + other.n, other.mean - self.mean
        return type(self)(
            n,
            self.mean + apart * other.n / n,
            self.squares + other.squares + apart**2 * self.n * other.n / n,
            min(self.min, other.min),
            max(self.max, other.max),
        )

    @property
    def std(self) -> float:
        """The sample standard deviation (n - 1), NaN below two numbers."""
        return sqrt(self.squares / (self.n - 1)) if self.n > 1 else nan


def encode_statistics(moments: Mapping[str, Mapping[str, RunningStatistics]]) -> dict[bytes, bytes]:
    """Return what a table of distances says of all distances, by condition and set; empty sets are left out."""
    held = {name: {key: asdict(one) for key, one in of_sets.items() if one.n} for name, of_sets in moments.items()}
    return {_KEY: json.dumps(held).encode()}


def read_running_statistics(distances: str | Path) -> dict[str, dict[str, RunningStatistics]]:
    """Return what :func:`to_metadata` made."""
    with quarantine_if_corrupt(distances):
        held = json.loads(parquet.read_metadata(distances).metadata[_KEY])
    return {name: {key: RunningStatistics(**one) for key, one in of_sets.items()} for name, of_sets in held.items()}
