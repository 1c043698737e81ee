"""The statistics of one condition, as predicates ask for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semlens.report.claims.statements import Replicates
from semlens.statistics.means import SetMeans, compute_dunn_table1, leave_out_units
from semlens.statistics.p_values import format_p_value
from semlens.storage.csv_tables import read_csv
from semlens.storage.table_reader import read_table


class MissingValue(Exception):
    """A value that a predicate needs does not exist: a set has no pairs."""


@dataclass(frozen=True)
class ConditionStatistics:
    """The statistics of one condition.

    Attributes
    ----------
    sets
        Columns of the sets' table, by set.
    tests
        Columns of the tests' table, by pair of sets.
    totals
        As :data:`semlens.compare.unit_totals.UNIT_TOTALS` has them.
    units
        Those that are left out one after another.
    """

    name: str
    sets: dict[str, dict[str, float]]
    tests: dict[frozenset[str], dict[str, Any]]
    totals: pd.DataFrame
    units: pd.Index

    def get(self, name: str, column: str = "mean") -> float:
        """Return a value of a set.

        Raises
        ------
        MissingValue
            If the set has none.
        """
        value = self.sets.get(name, {}).get(column)
        if pd.isna(value):
            raise MissingValue(f"no {column} of {name} at {self.name}")
        return value

    def get_test(self, a: str, b: str, column: str) -> float:
        """Return a value of a pair of sets; raises as :meth:`get`."""
        value = self.tests.get(frozenset((a, b)), {}).get(column)
        if pd.isna(value):
            raise MissingValue(f"no {column} of {a} vs. {b} at {self.name}")
        return value

    def measure_mean(self, name: str) -> Replicates:
        """Return the mean of a set; raises as :meth:`get`."""
        value, means = self.get(name), self._leave_out_units(name)
        return Replicates(np.append(value, means.mean[1:]), means.n_units)

    def measure_std(self, name: str) -> Replicates:
        """Return the standard deviation of a set; raises as :meth:`get`."""
        value, means = self.get(name, "std"), self._leave_out_units(name)
        return Replicates(np.append(value, means.std[1:]), means.n_units)

    def measure_dunn(self, a: str, b: str) -> Replicates:
        """Return what Table 1 prints as the Dunn index of two sets; raises as :meth:`get`."""
        value, of_a, of_b = self.get_test(a, b, "dunn_table1"), self._leave_out_units(a), self._leave_out_units(b)
        return Replicates(np.append(value, compute_dunn_table1(of_a, of_b)[1:]), min(of_a.n_units, of_b.n_units))

    def measure_steps(self, names: Sequence[str]) -> list[Replicates]:
        """Return the means' differences, each from the one before; raises as :meth:`get`."""
        return [self.measure_mean(b) - self.measure_mean(a) for a, b in pairwise(names)]

    def measure_gap(self, a: str, b: str) -> Replicates:
        """Return the distance of two means; raises as :meth:`get`."""
        return abs(self.measure_mean(b) - self.measure_mean(a))

    def list_pairs(self) -> list[tuple[str, str]]:
        """Return all pairs of sets, as the tests' table has them."""
        return [(row["set_a"], row["set_b"]) for row in self.tests.values()]

    def format_means(self, names: Sequence[str]) -> str:
        """Return the means in the order in which they are."""
        ordered = sorted(names, key=self.get)
        text = f"{ordered[0]} {self.get(ordered[0]):.4g}"
        for a, b in pairwise(ordered):
            text += f" {'<' if self.get(a) < self.get(b) else '='} {b} {self.get(b):.4g}"
        return text

    def format_p(self, a: str, b: str) -> str:
        """Return the p-value of a pair of sets as text."""
        return format_p_value(self.get_test(a, b, "p"), self.get_test(a, b, "log10_p"))

    def _leave_out_units(self, name: str) -> SetMeans:
        row, totals = self.sets[name], self.totals[self.totals["set"] == name].set_index("unit")
        deviations = row["std"] ** 2 * (row["n"] - 1) if row["n"] > 1 else 0.0
        return leave_out_units(totals, self.units, int(row["n"]), row["mean"], deviations)


def read_conditions(sets: str | Path, tests: str | Path, unit_totals: str | Path) -> Iterator[ConditionStatistics]:
    """Yield the statistics of every condition of an experiment with a model on a dataset."""
    sets_table, tests_table = (read_csv(path) for path in (sets, tests))
    totals_table = read_table(unit_totals)
    for condition, rows in sets_table.groupby("condition", sort=False):
        records = tests_table[tests_table["condition"] == condition].to_dict("records")
        totals = totals_table[totals_table["condition"] == condition]
        yield ConditionStatistics(
            str(condition),
            rows.set_index("set").to_dict("index"),
            {frozenset((record["set_a"], record["set_b"])): record for record in records},
            totals,
            pd.Index(totals["unit"].unique()),
        )


def align_units(conditions: Sequence[ConditionStatistics]) -> list[ConditionStatistics]:
    """Return the conditions with the same units, those of any of them: leaving out one that a condition lacks, nothing
    changes there.
    """
    units = pd.Index(dict.fromkeys(unit for condition in conditions for unit in condition.units))
    return [replace(condition, units=units) for condition in conditions]
