"""Distance sets as statistics read them, from arrays."""

import numpy as np
import pandas as pd

from semlens.compare.running_statistics import RunningStatistics
from semlens.statistics.means import leave_out_units
from semlens.statistics.samples import DistanceSample


def make_samples(sets, units=None):
    """Sets of which every distance has a row.

    ``units`` are the units of the distances of each set, one of each distance; an array stands for all sets. Without,
    there are none.
    """
    by_set = units if isinstance(units, dict) else dict.fromkeys(sets, units)
    known = [] if units is None else np.unique(np.concatenate(list(by_set.values())))
    return {name: _make_sample(x, by_set[name], pd.Index(known)) for name, x in sets.items()}


def _make_sample(x, units, known):
    running = RunningStatistics.from_values(x)
    rows = pd.DataFrame({"unit": [] if units is None else units, "x": x if units is not None else []})
    groups = rows.groupby("unit")["x"]
    totals = pd.DataFrame(
        {"n": groups.size(), "sum": groups.sum(), "sum_of_squares": groups.apply(lambda x: (x**2).sum())}
    )
    means = leave_out_units(totals, known, running.n, running.mean, running.sum_of_squares)
    return DistanceSample(np.sort(x), running, means)
