"""What a claim asks, as numbers that must be positive, and how sure it is that they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from semlens.statistics.means import stack_estimates
from semlens.statistics.order import judge_signs


@dataclass(frozen=True)
class Replicates:
    """A number from all pairs, then without one unit (image, or video) after another; of the same units, it adds up.

    Attributes
    ----------
    values
        (1 + units,).
    n_units
        How many units have pairs, at least, of all sets that take part.
    """

    values: np.ndarray
    n_units: int

    @property
    def value(self) -> float:
        """The number from all pairs."""
        return float(self.values[0])

    def __add__(self, other: Self | float) -> Self:
        if isinstance(other, Replicates):
            return type(self)(self.values + other.values, min(self.n_units, other.n_units))
        return type(self)(self.values + other, self.n_units)

    def __neg__(self) -> Self:
        return type(self)(-self.values, self.n_units)

    def __sub__(self, other: Self | float) -> Self:
        return self + -other

    def __rsub__(self, other: float) -> Self:
        return -self + other

    def __rmul__(self, factor: float) -> Self:
        return type(self)(factor * self.values, self.n_units)

    def __abs__(self) -> Self:
        """Return the number without its sign; without a unit it is negative where the sign changes."""
        return -self if self.value < 0 else self


@dataclass(frozen=True)
class Statement:
    """What a claim asks: of every row of margins, at least ``enough`` are positive.

    Margins from all pairs say whether it is so, and margins without one unit after another how sure it is. As long as
    all margins lie in their simultaneous intervals, the k-th largest of a row lies between the k-th largest of the
    lower ends and the k-th largest of the upper ends. It has no interval of its own by leaving out units: the largest
    of several margins that are alike is too large by chance.

    Attributes
    ----------
    rows
        (rows, margins in a row); none where nothing says how sure it is.
    ties
        Whether 0 is enough.
    two_sided
        Whether margins have whatever sign makes them positive (or negative), so that their signs say nothing yet.
    """

    rows: Sequence[Sequence[Replicates]]
    enough: int = 1
    ties: bool = False
    two_sided: bool = False

    def is_met(self) -> bool:
        """Return whether enough margins are positive."""
        positive = ([margin.value > 0 or (self.ties and margin.value == 0) for margin in row] for row in self.rows)
        return all(sum(row) >= self.enough for row in positive)

    def judge_support(self, seed: int) -> str:
        """Return how sure the statement is, one of ``semlens.statistics.order.VERDICTS``; nothing without margins."""
        margins = [margin for row in self.rows for margin in row]
        if not margins:
            return ""
        values, n_units = np.stack([margin.values for margin in margins]), [margin.n_units for margin in margins]
        estimates = stack_estimates([""] * len(margins), values, np.array(n_units))
        low, high = estimates.compute_band(seed)
        ends = estimates.values, np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
        decisive, *band = (np.sort(end.reshape(len(self.rows), -1), axis=1)[:, -self.enough] for end in ends)
        support = judge_signs(decisive, np.stack(band))
        return "undecided" if self.two_sided and support == "observed" else support


def require_all(margins: Sequence[Replicates], *, ties: bool = False, two_sided: bool = False) -> Statement:
    """Return the statement that all margins are positive."""
    return Statement([[margin] for margin in margins], ties=ties, two_sided=two_sided)
