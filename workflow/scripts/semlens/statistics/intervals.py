"""Uncertainty from influence: intervals, simultaneous bands, what cannot be told from the best, and contrasts.

An estimate comes with the influence of every unit on it (an image, or a video), which sums to zero. Units are
independent, what lies within one need not be. All draws are seeded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy import stats

LEVEL = 0.95
N_DRAWS = 10_000  # of multipliers
_CHUNK = 1_000  # of them at a time
N_SPLITS = 200  # of the units into halves


def compute_se(influence: np.ndarray, n_units: np.ndarray) -> np.ndarray:
    """Return sqrt(I / (I - 1) * sum of squares of the influences) for I units; NaN for fewer than two.

    Parameters
    ----------
    influence
        (..., units).
    n_units
        (...) Of units with objects that count.
    """
    n = np.asarray(n_units, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n > 1, np.sqrt(n / (n - 1) * np.sum(influence**2, axis=-1)), np.nan)


@dataclass(frozen=True)
class Estimates:
    """Estimates under several conditions, from the same units.

    Attributes
    ----------
    names
        Of the conditions.
    values
        (conditions,); NaN where there is none.
    influence
        (conditions, units).
    n_units
        (conditions,) Units with objects that count. There are no intervals for fewer than two.
    """

    names: Sequence[str]
    values: np.ndarray
    influence: np.ndarray
    n_units: np.ndarray

    @cached_property
    def se(self) -> np.ndarray:
        """Standard errors, (conditions,)."""
        return np.where(np.isnan(self.values), np.nan, compute_se(self.influence, self.n_units))

    def compute_interval(self, *, share: bool = False) -> np.ndarray:
        """Return t intervals of one condition each, (2, conditions).

        Parameters
        ----------
        share
            Whether the values are shares: see :func:`widen_extremes`.
        """
        reach = stats.t.ppf((1 + LEVEL) / 2, np.maximum(self.n_units - 1, 1)) * self.se
        interval = np.stack([self.values - reach, self.values + reach])
        return widen_extremes(interval, self.values, self.n_units, LEVEL) if share else interval

    def compute_band(self, seed: int, *, share: bool = False) -> np.ndarray:
        """Return intervals that hold for all conditions at once, (2, conditions); ``share`` is as above."""
        band = self._reach(self.compute_critical(seed))
        level = 1 - (1 - LEVEL) / max(1, len(self.values))
        return widen_extremes(band, self.values, self.n_units, level) if share else band

    def compute_critical(self, seed: int) -> float:
        """Return the quantile of the largest ``|t|`` over the conditions; NaN where no condition has an interval.

        Of one condition it is Student's, of several it is that of draws.
        """
        known = self.se > 0
        if not known.any():
            return np.nan
        if np.count_nonzero(known) == 1:
            return float(stats.t.ppf((1 + LEVEL) / 2, self.n_units[known][0] - 1))
        largest = [np.abs(errors / self.se[known]).max(axis=1) for errors in self.draw_errors(seed, known)]
        return float(np.quantile(np.concatenate(largest), LEVEL))

    def list_best(self, seed: int) -> np.ndarray:
        """Return which conditions cannot be told from the best, (conditions,) bool.

        A condition is told from the best if some other lies significantly above it: the largest t of all differences
        exceeds its quantile. The set holds the best condition with a probability of at least ``LEVEL``. A condition
        whose error is not known is neither told from the best nor tells others from it.
        """
        known, best = np.flatnonzero(~np.isnan(self.se)), ~np.isnan(self.values)
        if not len(known):
            return best
        draws = np.concatenate(list(self.draw_errors(seed, known)))
        for place, condition in enumerate(known):
            others = np.delete(np.arange(len(known)), place)
            shift = self.influence[known[others]] - self.influence[condition]
            se = compute_se(shift, np.minimum(self.n_units[known[others]], self.n_units[condition]))
            above = self.values[known[others]] - self.values[condition]
            apart = se > 0
            best[condition] = not (above[~apart] > 0).any()
            if apart.any():
                largest = ((draws[:, others] - draws[:, [place]])[:, apart] / se[apart]).max(axis=1)
                best[condition] &= np.max(above[apart] / se[apart]) <= np.quantile(largest, LEVEL)
        return best

    def estimate_elsewhere(self, seed: int) -> float:
        """Return the value of the best condition on units that did not choose it.

        Half of the units choose the best condition, the other half gives its value, and the other way round; the mean
        over ``N_SPLITS`` such splits. To first order, an estimate from half of the units is off by twice the sum of
        their influences. NaN where the error of some condition with a value is not known, or where there is no value.
        """
        known = np.flatnonzero(~np.isnan(self.values))
        if not len(known) or np.isnan(self.se[known]).any():
            return np.nan
        rng, found = np.random.default_rng(seed), []
        influence, values = self.influence[known], self.values[known]
        for _ in range(N_SPLITS):
            half = rng.permutation(influence.shape[1]) < influence.shape[1] / 2
            shift = 2 * influence[:, half].sum(axis=1)
            for sign in (1, -1):
                best = np.argmax(values + sign * shift)
                found.append(values[best] - sign * shift[best])
        return float(np.mean(found))

    def select(self, names: Sequence[str]) -> Self:
        """Return the estimates of some conditions, in this order."""
        places = [list(self.names).index(name) for name in names]
        return type(self)(list(names), self.values[places], self.influence[places], self.n_units[places])

    def subtract(self, pairs: Sequence[tuple[int, int]]) -> Self:
        """Return the differences, first minus second, of pairs of conditions, which are paired by unit."""
        a, b = np.array(pairs, int).reshape(-1, 2).T
        names = [f"{self.names[i]} - {self.names[j]}" for i, j in zip(a, b, strict=True)]
        values, influence = self.values[a] - self.values[b], self.influence[a] - self.influence[b]
        return type(self)(names, values, influence, np.minimum(self.n_units[a], self.n_units[b]))

    @classmethod
    def average(cls, several: Sequence[Self]) -> Self:
        """Return the means of estimates of the same units, under the conditions that all have."""
        shared = [name for name in several[0].names if all(name in one.names for one in several)]
        chosen = [one.select(shared) for one in several]
        values, influence = (np.mean([getattr(one, key) for one in chosen], axis=0) for key in ("values", "influence"))
        return cls(shared, values, influence, np.min([one.n_units for one in chosen], axis=0))

    def __sub__(self, other: Self) -> Self:
        """Return the differences from other estimates under the same conditions, from the same units."""
        n_units = np.minimum(self.n_units, other.n_units)
        return type(self)(self.names, self.values - other.values, self.influence - other.influence, n_units)

    def draw_errors(self, seed: int, conditions: np.ndarray) -> Iterator[np.ndarray]:
        """Yield ``N_DRAWS`` draws of the errors of some conditions, (some draws, conditions).

        Normal multipliers of influences, divided by the root of chi2 / (I - 1): without, bands are too narrow where
        there are few units. I is that of the condition with the fewest.
        """
        rng, n = np.random.default_rng(seed), float(np.min(self.n_units[conditions]))
        scaled = self.influence[conditions] * np.sqrt(n / (n - 1))
        for _ in range(0, N_DRAWS, _CHUNK):
            errors = rng.standard_normal((_CHUNK, scaled.shape[1])) @ scaled.T
            yield errors / np.sqrt(rng.chisquare(n - 1, (_CHUNK, 1)) / (n - 1))

    def _reach(self, critical: float) -> np.ndarray:
        """Return values less and plus so many errors, (2, conditions)."""
        reach = np.where(self.se == 0, 0.0, critical * self.se)
        return np.stack([self.values - reach, self.values + reach])


def compute_bands(several: Sequence[Estimates], seed: int) -> list[np.ndarray]:
    """Return the band of each of several estimates, as :meth:`Estimates.compute_band` does.

    Those that have as many units share the draws, so that many bands cost little more than one.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    criticals = [np.nan] * len(several)
    for place, one in enumerate(several):
        known = one.se > 0
        if np.count_nonzero(known) > 1:
            groups.setdefault((one.influence.shape[1], one.n_units[known].min()), []).append(place)
        else:
            criticals[place] = one.compute_critical(seed)
    for places in groups.values():
        known = [np.flatnonzero(several[place].se > 0) for place in places]
        starts = np.cumsum([0, *map(len, known[:-1])])
        parts = [(several[place], chosen) for place, chosen in zip(places, known, strict=True)]
        influence, n_units, se = (
            np.concatenate([getattr(one, key)[chosen] for one, chosen in parts])
            for key in ("influence", "n_units", "se")
        )
        joined = Estimates([""] * len(se), np.zeros(len(se)), influence, n_units)
        draws = joined.draw_errors(seed, np.arange(len(se)))
        largest = np.concatenate([np.maximum.reduceat(np.abs(errors / se), starts, axis=1) for errors in draws])
        for place, critical in zip(places, np.quantile(largest, LEVEL, axis=0), strict=True):
            criticals[place] = float(critical)
    return [one._reach(critical) for one, critical in zip(several, criticals, strict=True)]


def widen_extremes(interval: np.ndarray, values: np.ndarray, n_units: np.ndarray, level: float) -> np.ndarray:
    """Return intervals within 0 and 1; where a value is 0 or 1 without any error, the exact one of so many units.

    A separation of 1 in each of I images is no proof that it is 1 in all others (Clopper and Pearson).

    Parameters
    ----------
    interval
        (2, conditions).
    """
    low, high = np.clip(interval, 0, 1)
    reach = ((1 - level) / 2) ** (1 / np.maximum(n_units, 1))
    known = ~np.isnan(low)
    low = np.where(known & (values >= 1) & (low >= 1), reach, low)
    high = np.where(known & (values <= 0) & (high <= 0), 1 - reach, high)
    return np.stack([low, high])
