"""Number, mean, spread and extremes of values that come piece by piece."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf, nan, sqrt
from pathlib import Path
from typing import Self

import numpy as np

from semlens.storage.table_reader import read_schema

RUNNING_STATISTICS = b"running_statistics"  # key of the metadata


@dataclass(frozen=True)
class RunningStatistics:
    """Statistics of all values so far; ``+`` joins those of two pieces (Chan et al., 1979).

    Attributes
    ----------
    sum_of_squares
        sum (x - mean)^2.
    """

    n: int = 0
    mean: float = nan
    sum_of_squares: float = 0.0
    min: float = inf
    max: float = -inf

    @classmethod
    def from_values(cls, values: np.ndarray) -> Self:
        """Return the statistics of an array, computed in float64 whatever its type is."""
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
        n, difference = self.n + other.n, other.mean - self.mean
        return type(self)(
            n,
            self.mean + difference * other.n / n,
            self.sum_of_squares + other.sum_of_squares + difference**2 * self.n * other.n / n,
            min(self.min, other.min),
            max(self.max, other.max),
        )

    @property
    def std(self) -> float:
        """The sample standard deviation (n - 1), NaN for fewer than two values."""
        return sqrt(self.sum_of_squares / (self.n - 1)) if self.n > 1 else nan


def encode_running_statistics(statistics: Mapping[str, Mapping[str, RunningStatistics]]) -> dict[bytes, bytes]:
    """Return the statistics by condition and set as metadata of a distances table; empty sets are left out."""
    encoded = {
        condition: {name: asdict(running) for name, running in by_set.items() if running.n}
        for condition, by_set in statistics.items()
    }
    return {RUNNING_STATISTICS: json.dumps(encoded).encode()}


def read_running_statistics(distances: str | Path) -> dict[str, dict[str, RunningStatistics]]:
    """Return the statistics by condition and set of a distances table, see :func:`encode_running_statistics`."""
    encoded = json.loads(read_schema(distances).metadata[RUNNING_STATISTICS])
    return {
        condition: {name: RunningStatistics(**running) for name, running in by_set.items()}
        for condition, by_set in encoded.items()
    }
