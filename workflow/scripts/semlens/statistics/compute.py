"""Distances to the statistics of an experiment on one dataset."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow.dataset as arrow_dataset

from semlens.compare.running_statistics import RunningStatistics, read_running_statistics
from semlens.runtime.logs import log, show_progress
from semlens.statistics.order import ORDER_TABLE, judge_order
from semlens.statistics.samples import DistanceSample
from semlens.statistics.sets import SETS_TABLE, describe_sets
from semlens.statistics.tests import TESTS_TABLE, compare_sets
from semlens.storage.tables import write_csv

STATISTICS: dict[str, pa.DataFrameSchema] = {"sets": SETS_TABLE, "tests": TESTS_TABLE, "order": ORDER_TABLE}


def compute_statistics(
    *,
    distances: str | Path,
    conditions: Sequence[str],
    sets: Sequence[str],
    expected_order: Sequence[str],
    seed: int,
    out: dict[str, str],
) -> None:
    """Write the statistics of an experiment on one dataset.

    Parameters
    ----------
    expected_order
        Sets in the order of means that preserved semantics would give (Eq. 16 or 17).
    seed
        Of the distances that the Shapiro-Wilk test is given.
    out
        A path per key of ``STATISTICS``.
    """
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in STATISTICS}
    source, running = arrow_dataset.dataset(distances), read_running_statistics(distances)
    for condition in show_progress(conditions, total=len(conditions), what="statistics", unit="condition"):
        rows = source.to_table(columns=["set", "distance"], filter=arrow_dataset.field("condition") == condition)
        labels, values = rows["set"].to_numpy(), rows["distance"].to_numpy().astype(np.float64)
        samples = {
            name: DistanceSample(np.sort(values[labels == name]), running[condition].get(name, RunningStatistics()))
            for name in sets
        }
        results = {
            "sets": describe_sets(samples, np.random.default_rng(seed)),
            "tests": compare_sets(samples),
            "order": judge_order(samples, expected_order),
        }
        for name, frame in results.items():
            tables[name].append(frame.assign(condition=condition)[list(STATISTICS[name].columns)])
        order = results["order"].iloc[0]
        log.info("%s: %s: %s", condition, order["expected"], order["verdict"])
    for name, frames in tables.items():
        write_csv(pd.concat(frames, ignore_index=True), STATISTICS[name], out[name])
