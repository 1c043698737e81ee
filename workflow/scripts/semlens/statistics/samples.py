"""A distance set as statistics read it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from semlens.compare.running_statistics import RunningStatistics
from semlens.statistics.means import SetMeans, leave_out_units


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


def gather_samples(
    stored: Mapping[str, np.ndarray], running: Mapping[str, RunningStatistics], totals: pd.DataFrame
) -> tuple[dict[str, DistanceSample], pd.Index]:
    """Return the distance sets of a condition, and the units whose leaving out their means tell of, in this order.

    Parameters
    ----------
    stored
        By set, its stored distances, float64.
    running
        By set, the statistics of all its distances; of none where it has no pairs.
    totals
        Of all sets by unit, as :data:`semlens.compare.unit_totals.UNIT_TOTALS` has them.
    """
    units, samples = pd.Index(totals["unit"].unique()), {}
    for name, values in stored.items():
        known = running.get(name, RunningStatistics())
        of_set = totals[totals["set"] == name].set_index("unit")
        means = leave_out_units(of_set, units, known.n, known.mean, known.sum_of_squares)
        samples[name] = DistanceSample(np.sort(values), known, means)
    return samples, units
