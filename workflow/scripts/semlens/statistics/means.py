"""Means of distance sets, with the influence of every image (video): from totals, without visiting pairs again."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.intervals import Estimates


@dataclass(frozen=True)
class SetMeans:
    """Mean and standard deviation of a distance set: first of all its pairs, then without one unit after another.

    Attributes
    ----------
    mean, std
        (1 + units,); NaN where no pairs are left, and for std where one is.
    n_units
        How many units have pairs of the set.
    """

    mean: np.ndarray
    std: np.ndarray
    n_units: int


def leave_out_units(totals: pd.DataFrame, units: pd.Index, n: int, mean: float, sum_of_squares: float) -> SetMeans:
    """Return a set's means: without unit J, (S - T_J) / (M - n_J).

    Parameters
    ----------
    totals
        Of one set and condition, as :data:`semlens.compare.unit_totals.UNIT_TOTALS` has them, indexed by unit.
    units
        All units of the comparison.
    n, mean, sum_of_squares
        Of all pairs; deviations from the mean are squared.
    """
    by_unit = totals[["n", "sum", "sum_of_squares"]].reindex(units, fill_value=0)
    left = n - np.concatenate([[0], by_unit["n"].to_numpy()])
    # deviations from the mean, so that no digits are lost where it is large
    shifted = by_unit["sum"].to_numpy() - by_unit["n"].to_numpy() * mean
    squares = by_unit["sum_of_squares"].to_numpy() - 2 * mean * by_unit["sum"] + by_unit["n"].to_numpy() * mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(left > 0, -np.concatenate([[0], shifted]) / left, np.nan)
        rest = sum_of_squares - np.concatenate([[0], squares]) - left * shift**2
        std = np.where(left > 1, np.sqrt(np.maximum(rest, 0) / (left - 1)), np.nan)
    return SetMeans(mean + shift, std, len(totals))


def estimate(name: str, values: np.ndarray, n_units: int) -> Estimates:
    """Return an estimate from its value and its values without one unit after another, by the jackknife.

    The influence of unit J is (I - 1) / I * (value - value without J). There is no interval where fewer than
    ``MIN_UNITS`` units have pairs, or where no pairs are left without one of them.

    Parameters
    ----------
    values
        (1 + units,), as of :class:`SetMeans`.
    n_units
        How many units have pairs, at least, of all sets that take part.
    """
    return stack_estimates([name], values[None], np.array([n_units]))


def stack_estimates(names: list[str], values: np.ndarray, n_units: np.ndarray) -> Estimates:
    """Return several estimates at once, see :func:`estimate`; ``values`` is (estimates, 1 + units)."""
    enough = (n_units >= MIN_UNITS) & ~np.isnan(values).any(axis=1)
    shares = (n_units - 1) / np.maximum(n_units, 1)
    influence = shares[:, None] * (values[:, :1] - values[:, 1:])
    return Estimates(names, values[:, 0], np.where(enough[:, None], influence, 0.0), np.where(enough, n_units, 0))


def subtract(a: SetMeans, b: SetMeans) -> np.ndarray:
    """Return mean(b) - mean(a), (1 + units,)."""
    return b.mean - a.mean


def compute_dunn_table1(a: SetMeans, b: SetMeans) -> np.ndarray:
    """Return ``|mean(a) - mean(b)| / max(std(a), std(b))``, (1 + units,): what Table 1 prints as the Dunn index."""
    spread = np.fmax(a.std, b.std)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, np.abs(a.mean - b.mean) / spread, np.nan)
