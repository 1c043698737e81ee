"""Distances and prototypes to the statistics of an experiment on one dataset."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pyarrow.dataset import field

from semlens.compare.prototypes import open_prototypes
from semlens.compare.running_statistics import read_running_statistics
from semlens.runtime.logs import log, show_progress
from semlens.statistics.artefacts import ARTEFACTS_TABLE, measure_artefacts
from semlens.statistics.measure import Options, measure_condition
from semlens.statistics.order import ORDER_TABLE, judge_order
from semlens.statistics.places import read_places
from semlens.statistics.samples import DistanceSample, gather_samples
from semlens.statistics.separation_tables import (
    CLASS_SEPARATION_TABLE,
    CONTRASTS_TABLE,
    INFLUENCE,
    SEPARATION_TABLE,
    tabulate_separation,
)
from semlens.statistics.sets import SETS_TABLE, describe_sets
from semlens.statistics.tests import TESTS_TABLE, compare_sets
from semlens.storage.table_reader import read_arrow, read_table
from semlens.storage.tables import write_csv, write_parquet

STATISTICS: dict[str, pa.DataFrameSchema] = {
    "sets": SETS_TABLE,
    "tests": TESTS_TABLE,
    "order": ORDER_TABLE,
    "separation": SEPARATION_TABLE,
    "class_separation": CLASS_SEPARATION_TABLE,
    "contrasts": CONTRASTS_TABLE,
    "artefacts": ARTEFACTS_TABLE,
}


def compute_statistics(
    *,
    distances: str | Path,
    unit_totals: str | Path,
    prototypes: Sequence[str | Path],
    manifests: Sequence[str | Path],
    conditions: Sequence[dict[str, Any]],
    sets: Sequence[str],
    reference: str,
    expected_order: Sequence[str],
    options: Options,
    out: dict[str, str],
    out_influence: str | Path,
) -> None:
    """Write the statistics of an experiment on one dataset.

    Parameters
    ----------
    conditions, sets, reference, prototypes
        As :func:`semlens.compare.distances.compare_prototypes` takes them.
    manifests
        Of all shards of the dataset: they say how large objects are and where they lie.
    expected_order
        Sets in the order of means that preserved semantics would give (Eq. 16 or 17).
    options
        Its seed decides, too, which distances the Shapiro-Wilk test is given.
    out
        A path per key of ``STATISTICS``.
    """
    tables: dict[str, list[pd.DataFrame]] = {"sets": [], "tests": [], "order": []}
    names = [condition["name"] for condition in conditions]
    read = show_progress(
        read_samples(distances, unit_totals, names, sets), total=len(names), what="statistics", unit="condition"
    )
    for condition, samples in read:
        results = {
            "sets": describe_sets(samples, np.random.default_rng(options.seed)),
            "tests": compare_sets(samples),
            "order": judge_order(samples, expected_order, options.seed),
        }
        for name, frame in results.items():
            tables[name].append(frame.assign(condition=condition))
        order = results["order"].iloc[0]
        log.info("%s: %s: %s", condition, order["expected"], order["verdict"])
    shards, places, measured = open_prototypes(prototypes), read_places(manifests), []
    for condition in show_progress(conditions, total=len(conditions), what="separation", unit="condition"):
        measured += measure_condition(shards, condition, reference, options, places)
    separation = tabulate_separation(measured, options)
    tables["artefacts"] = [measure_artefacts(shards, conditions, places, options.seed)]
    joined = {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()} | separation
    for name, schema in STATISTICS.items():
        write_csv(joined[name][list(schema.columns)], schema, out[name])
    write_parquet(separation["influence"][list(INFLUENCE.columns)], INFLUENCE, out_influence)


def read_samples(
    distances: str | Path, unit_totals: str | Path, conditions: Sequence[str], sets: Sequence[str]
) -> Iterator[tuple[str, dict[str, DistanceSample]]]:
    """Yield every condition with its distance sets."""
    running, totals = read_running_statistics(distances), read_table(unit_totals)
    for condition in conditions:
        rows = read_arrow(distances, ["set", "distance"], where=field("condition") == condition)
        labels, values = rows["set"].to_numpy(), rows["distance"].to_numpy().astype(np.float64)
        of_condition = totals[totals["condition"] == condition]
        stored = {name: values[labels == name] for name in sets}
        yield condition, gather_samples(stored, running[condition], of_condition)[0]
