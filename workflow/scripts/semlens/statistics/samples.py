"""A distance set as statistics read it."""

from dataclasses import dataclass

import numpy as np

from semlens.compare.running_statistics import RunningStatistics


@dataclass(frozen=True)
class DistanceSample:
    """A distance set: its stored distances, sorted, and the running statistics of all of them, which may be more."""

    values: np.ndarray
    running: RunningStatistics
