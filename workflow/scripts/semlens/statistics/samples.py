"""A distance set as statistics read it."""

from dataclasses import dataclass

import numpy as np

from semlens.compare.running_statistics import RunningStatistics
from semlens.statistics.means import SetMeans


@dataclass(frozen=True)
class DistanceSample:
    """A distance set.

    Attributes
    ----------
    values
        The stored distances, sorted.
    running
        Statistics of all its distances, which may be more.
    means
        Of all its distances, with and without each unit.
    """

    values: np.ndarray
    running: RunningStatistics
    means: SetMeans
