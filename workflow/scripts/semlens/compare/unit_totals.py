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

_DENSE = 1 / 8  # of a block: from here on its sums cost less than picking the pairs


class UnitTotals:
    """Number, sum and sum of squares of the distances of each set, by the unit that an object of the pair is in.

    A pair counts in both its units, and once where they are one.
    """

    def __init__(self, units: pd.Series, sets: Sequence[str]) -> None:
        """Take the unit of each instance."""
        self._codes, self._names = pd.factorize(units)
        self._totals = {name: np.zeros((3, len(self._names))) for name in sets}  # n, and those of distances - centre
        self._centres: dict[str, float] = {}

    def add(self, name: str, chosen: np.ndarray, i: np.ndarray, j: np.ndarray, distances: np.ndarray) -> None:
        """Add the chosen pairs of a batch to a set.

        Parameters
        ----------
        chosen, distances
            (pairs,), or (rows, columns) bool and float32.
        i, j
            Rows of instances, which broadcast to their shape.
        """
        n = np.count_nonzero(chosen)
        if not n:
            return
        centre = self._centres.setdefault(name, float(distances[chosen].mean(dtype=np.float64)))
        if chosen.ndim == 2 and n > _DENSE * chosen.size:
            self._add_block(name, chosen, self._codes[i], self._codes[j], distances - np.float32(centre))
            return
        a, b = (self._codes[np.broadcast_to(side, chosen.shape)[chosen]] for side in (i, j))
        values, apart = distances[chosen].astype(np.float64) - centre, a != b
        for units, part in ((a, values), (b[apart], values[apart])):
            self._add_sums(name, units, np.ones(len(part)), part, part**2)

    def tabulate(self) -> pd.DataFrame:
        """Return a row per set and unit that has pairs, with the columns of ``UNIT_TOTALS`` but ``condition``."""
        tables = []
        for name, totals in self._totals.items():
            has, centre = totals[0] > 0, self._centres.get(name, 0.0)
            n, total, squares = totals[:, has]
            values = {"unit": self._names[has], "n": n.astype(np.int64), "sum": total + n * centre}
            values["sum_of_squares"] = squares + 2 * centre * total + n * centre**2
            tables.append(pd.DataFrame({"set": name, **values}))
        return pd.concat(tables, ignore_index=True)

    def _add_block(self, name: str, chosen: np.ndarray, a: np.ndarray, b: np.ndarray, centred: np.ndarray) -> None:
        """Add most of a block, by sums over rows and columns, which are products with ones."""
        weights, apart = chosen.astype(np.float32), a != b
        values = weights * centred
        blocks = (weights, values, values * centred)
        rows, columns = np.ones(len(a), np.float32), np.ones(b.shape[1], np.float32)
        self._add_sums(name, a[:, 0], *(block @ columns for block in blocks))
        self._add_sums(name, b[0], *(rows @ (block * apart) for block in blocks))

    def _add_sums(self, name: str, units: np.ndarray, *sums: np.ndarray) -> None:
        for total, values in zip(self._totals[name], sums, strict=True):
            total += np.bincount(units, values, minlength=len(total))
