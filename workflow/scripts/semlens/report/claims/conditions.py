"""The statistics of one condition, as predicates ask for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from semlens.statistics.p_values import format_p_value


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
    """

    name: str
    sets: dict[str, dict[str, float]]
    tests: dict[frozenset[str], dict[str, Any]]

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

    def list_pairs(self) -> list[tuple[str, str]]:
        """Return all pairs of sets, as the tests' table has them."""
        return [(row["set_a"], row["set_b"]) for row in self.tests.values()]

    def get_gap(self, a: str, b: str) -> float:
        """Return the difference of two means."""
        return abs(self.get(a) - self.get(b))

    def rises(self, names: Sequence[str]) -> bool:
        """Return whether the means rise in this order."""
        return all(self.get(a) < self.get(b) for a, b in pairwise(names))

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


def read_conditions(sets: str | Path, tests: str | Path) -> Iterator[ConditionStatistics]:
    """Yield the statistics of every condition of an experiment with a model on a dataset."""
    sets_table, tests_table = (pd.read_csv(path, dtype={"condition": str}) for path in (sets, tests))
    for condition, rows in sets_table.groupby("condition", sort=False):
        records = tests_table[tests_table["condition"] == condition].to_dict("records")
        yield ConditionStatistics(
            str(condition),
            rows.set_index("set").to_dict("index"),
            {frozenset((record["set_a"], record["set_b"])): record for record in records},
        )
