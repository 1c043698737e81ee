"""Totals of distances by image (or video): what a set's mean would be without one of them follows from these."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.compare.pairs import SETS

UNIT_TOTALS = pa.DataFrameSchema(
    {
        "condition": pa.Column(str, description="Condition of the experiment, as text."),
        "set": pa.Column(str, pa.Check.isin(SETS), description="Distance set (Eqs. 11 to 15)."),
        "unit": pa.Column(str, description="Image, or video where images are frames."),
        "n": pa.Column("int64", pa.Check.gt(0), description="Number of the set's pairs with an object in the unit."),
        "sum": pa.Column("float64", pa.Check.ge(0), description="Sum of their distances."),
        "sum_of_squares": pa.Column("float64", pa.Check.ge(0), description="Sum of the squares of their distances."),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


class UnitTotals:
    """Number, sum and sum of squares of the distances of each set, by the unit that an object of the pair is in.

    A pair counts in both its units, and once where they are one.
    """

    def __init__(self, units: pd.Series, sets: Sequence[str]) -> None:
        """Take the unit of each instance."""
        self._codes, self._names = pd.factorize(units)
        self._totals = {name: np.zeros((3, len(self._names))) for name in sets}

    def add(self, name: str, i: np.ndarray, j: np.ndarray, distances: np.ndarray) -> None:
        """Add pairs of instances ``i`` and ``j`` to a set."""
        a, b = self._codes[i], self._codes[j]
        apart = a != b
        distances = distances.astype(np.float64)
        for units, values in ((a, distances), (b[apart], distances[apart])):
            for total, weights in zip(self._totals[name], (None, values, values**2), strict=True):
                total += np.bincount(units, weights, minlength=len(total))

    def tabulate(self) -> pd.DataFrame:
        """Return a row per set and unit that has pairs, with the columns of ``UNIT_TOTALS`` but ``condition``."""
        tables = []
        for name, (n, total, squares) in self._totals.items():
            has = n > 0
            values = {"unit": self._names[has], "n": n[has].astype(np.int64), "sum": total[has]}
            tables.append(pd.DataFrame({"set": name, **values, "sum_of_squares": squares[has]}))
        return pd.concat(tables, ignore_index=True)
