"""The statistics of one condition, as predicates ask for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semlens.statistics.means import SetMeans, compute_dunn_table1, leave_out_units
from semlens.statistics.p_values import format_p_value


class MissingValue(Exception):
    """A value that a predicate needs does not exist: a set has no pairs."""


@dataclass(frozen=True)
class ConditionStatistics:
    """The statistics of one condition.

    What ``measure_*`` returns is (1 + units,): the value, then what it is without one unit after another.

    Attributes
    ----------
    sets
        Columns of the sets' table, by set.
    tests
        Columns of the tests' table, by pair of sets.
    means
        By set, of all units of the dataset.
    """

    name: str
    sets: dict[str, dict[str, float]]
    tests: dict[frozenset[str], dict[str, Any]]
    means: dict[str, SetMeans]

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

    def count_units(self, names: Sequence[str]) -> int:
        """Return how many units each of these sets has pairs in, at least."""
        return min((self.means[name].n_units for name in names if name in self.means), default=0)

    def measure_mean(self, name: str) -> np.ndarray:
        """Return the mean of a set; raises as :meth:`get`."""
        return np.append(self.get(name), self.means[name].mean[1:])

    def measure_std(self, name: str) -> np.ndarray:
        """Return the standard deviation of a set; raises as :meth:`get`."""
        return np.append(self.get(name, "std"), self.means[name].std[1:])

    def measure_steps(self, names: Sequence[str]) -> np.ndarray:  # (names - 1, 1 + units)
        """Return the means' differences, each from the one before; raises as :meth:`get`."""
        return np.diff([self.measure_mean(name) for name in names], axis=0)

    def measure_gap(self, a: str, b: str) -> np.ndarray:
        """Return the distance of two means; raises as :meth:`get`."""
        return np.abs(self.measure_mean(a) - self.measure_mean(b))

    def measure_difference(self, a: str, b: str) -> np.ndarray:  # (1, 1 + units)
        """Return the difference of two means, whose sign is such that it is positive; raises as :meth:`get`."""
        difference = self.measure_mean(a) - self.measure_mean(b)
        return np.where(difference[0] < 0, -difference, difference)[None]

    def measure_dunn(self, a: str, b: str) -> np.ndarray:
        """Return what Table 1 prints as the Dunn index of two sets; raises as :meth:`get`."""
        return np.append(self.get_test(a, b, "dunn_table1"), compute_dunn_table1(self.means[a], self.means[b])[1:])

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


def read_conditions(
    sets: str | Path, tests: str | Path, totals: pd.DataFrame, units: pd.Index
) -> Iterator[ConditionStatistics]:
    """Yield the statistics of every condition of an experiment with a model on a dataset.

    Parameters
    ----------
    totals
        As :data:`semlens.compare.unit_totals.UNIT_TOTALS` has them.
    units
        All units of the dataset, in an order that all its experiments share.
    """
    sets_table, tests_table = (pd.read_csv(path, dtype={"condition": str}) for path in (sets, tests))
    by_set = dict(list(totals.groupby(["condition", "set"])))
    for condition, rows in sets_table.groupby("condition", sort=False):
        records = tests_table[tests_table["condition"] == condition].to_dict("records")
        by_name = rows.set_index("set").to_dict("index")
        yield ConditionStatistics(
            str(condition),
            by_name,
            {frozenset((record["set_a"], record["set_b"])): record for record in records},
            {
                name: _read_means(row, by_set.get((condition, name), totals.iloc[:0]), units)
                for name, row in by_name.items()
            },
        )


def _read_means(row: dict[str, float], totals: pd.DataFrame, units: pd.Index) -> SetMeans:
    deviations = row["std"] ** 2 * (row["n"] - 1) if row["n"] > 1 else 0.0
    return leave_out_units(totals.set_index("unit"), units, int(row["n"]), row["mean"], deviations)
