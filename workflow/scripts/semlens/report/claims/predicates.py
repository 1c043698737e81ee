"""What a claim can say, one class per predicate: what it asks, how it is judged, and how it is said.

``claims.yaml`` names a predicate by its class, in lower case with underscores: ``largest_dunn`` is ``LargestDunn``.
The value beside the name is the predicate's ``argument``. ``AtEach`` predicates are judged at every condition of a
claim, ``Along`` predicates once, along all of them.

A predicate says what it asks as margins: numbers that are all positive if, and only if, the statement holds. Margins
from all pairs decide the verdict; margins without one image (video) after another say how sure it is.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from semlens.compare.pairs import SETS
from semlens.report.claims.conditions import ConditionStatistics
from semlens.statistics.means import stack_estimates
from semlens.statistics.order import judge_signs
from semlens.statistics.p_values import SIGNIFICANT

SMALL = 0.2  # standard deviations: by convention, a small difference of means


class Outcome(NamedTuple):
    """What was obtained, whether the claim holds, and how sure it is: a verdict on the signs of the margins, or ""."""

    obtained: str
    holds: bool
    support: str


class Predicate(ABC):
    """One statement about the statistics of a condition, or of several.

    Attributes
    ----------
    along
        Whether methods take all conditions of a claim, or one.
    ties_hold
        Whether the statement holds where a margin is 0.
    two_sided
        Whether margins take the sign that they happen to have: that they are positive then says nothing by itself.
    """

    along: ClassVar[bool]
    ties_hold: ClassVar[bool] = False
    two_sided: ClassVar[bool] = False

    def __init__(self, argument: Any) -> None:
        self.argument = argument

    @abstractmethod
    def describe(self) -> str:
        """Return what the predicate asks for."""

    @abstractmethod
    def report(self, subject: Any) -> str:
        """Return what was obtained."""

    @abstractmethod
    def measure(self, subject: Any) -> np.ndarray:
        """Return the margins, (margins, 1 + units): of all pairs, then without one unit after another."""

    def holds(self, subject: Any) -> bool:
        """Return whether the statement holds."""
        margins = self.measure(subject)[:, 0]
        return bool((margins >= 0 if self.ties_hold else margins > 0).all())

    def judge(self, conditions: Sequence[ConditionStatistics], seed: int) -> Outcome:
        """Return the outcome at one condition, or along all.

        Raises
        ------
        MissingValue
            If a set has no pairs.
        """
        subject = conditions if self.along else conditions[0]
        margins = self.measure(subject)
        n_units = min(condition.count_units(self._list_sets(condition)) for condition in conditions)
        estimates = stack_estimates([""] * len(margins), margins, np.full(len(margins), n_units))
        support = judge_signs(estimates.values, estimates.compute_band(seed)) if len(margins) else ""
        if self.two_sided and support == "observed":
            support = "undecided"
        return Outcome(self.report(subject), self.holds(subject), support)

    def _list_sets(self, condition: ConditionStatistics) -> list[str]:
        """Return the sets that take part: those that the argument names, or all."""
        named = [name for name in SETS if re.search(rf"\b{name}\b", str(self.argument))]
        return named or list(condition.sets)


class AtEach(Predicate):
    """A statement about one condition."""

    along = False


class Along(Predicate):
    """A statement about all conditions of a claim together."""

    along = True


class Order(AtEach):
    """The means rise in this order."""

    def describe(self) -> str:
        return " < ".join(self.argument)

    def report(self, condition: ConditionStatistics) -> str:
        return condition.format_means(self.argument)

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        return condition.measure_steps(self.argument)


class NoOrder(AtEach):
    """The means do not rise in this order."""

    ties_hold = True

    def describe(self) -> str:
        return f"not {' < '.join(self.argument)}"

    def report(self, condition: ConditionStatistics) -> str:
        return condition.format_means(self.argument)

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        return np.max(-condition.measure_steps(self.argument), axis=0, keepdims=True)


class NotSignificantlyBelow(AtEach):
    """The first mean does not lie below the second, or not significantly by the paper's test.

    The margin is how far the first lies above the second: where that is negative without its interval being, nothing is
    decided.
    """

    def describe(self) -> str:
        return f"not {' < '.join(self.argument)} with p < {SIGNIFICANT}"

    def report(self, condition: ConditionStatistics) -> str:
        return f"{condition.format_means(self.argument)}, p {condition.format_p(*self.argument)}"

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        return -condition.measure_steps(self.argument)

    def holds(self, condition: ConditionStatistics) -> bool:
        below = self.measure(condition)[0, 0] < 0
        return not (below and condition.get_test(*self.argument, "p") < SIGNIFICANT)


class EffectBelow(AtEach):
    """The means differ by little, in standard deviations."""

    def describe(self) -> str:
        return f"Dunn index of {' vs. '.join(self.argument)} < {SMALL}"

    def report(self, condition: ConditionStatistics) -> str:
        return f"{condition.measure_dunn(*self.argument)[0]:.5f} ({condition.format_means(self.argument)})"

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        return SMALL - condition.measure_dunn(*self.argument)[None]


class Highest(AtEach):
    """No other set of the experiment has as high a mean."""

    def describe(self) -> str:
        return f"{self.argument} highest"

    def report(self, condition: ConditionStatistics) -> str:
        return condition.format_means(list(condition.sets))

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        others = [name for name in condition.sets if name != self.argument]
        return condition.measure_mean(self.argument) - np.stack([condition.measure_mean(name) for name in others])

    def _list_sets(self, condition: ConditionStatistics) -> list[str]:
        return list(condition.sets)


class Closer(AtEach):
    """The means of the first pair are closer to each other than those of the second."""

    def describe(self) -> str:
        return " < ".join(f"|{a} - {b}|" for a, b in self.argument)

    def report(self, condition: ConditionStatistics) -> str:
        first, second = (condition.measure_gap(*pair)[0] for pair in self.argument)
        return f"{first:.4g} {'<' if first < second else '>='} {second:.4g}"

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        first, second = (condition.measure_gap(*pair) for pair in self.argument)
        return (second - first)[None]


class QuartilesOverlap(AtEach):
    """The boxes, quartile to quartile, overlap. Quartiles have no intervals here, so nothing says how sure it is."""

    def describe(self) -> str:
        return f"quartiles of {' and '.join(self.argument)} overlap"

    def report(self, condition: ConditionStatistics) -> str:
        boxes = {name: self._get_box(condition, name) for name in self.argument}
        return ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in boxes.items())

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        return np.empty((0, 1))

    def holds(self, condition: ConditionStatistics) -> bool:
        boxes = [self._get_box(condition, name) for name in self.argument]
        return max(low for low, _ in boxes) <= min(high for _, high in boxes)

    def _get_box(self, condition: ConditionStatistics, name: str) -> tuple[float, float]:
        return condition.get(name, "q1"), condition.get(name, "q3")


class AllSignificant(AtEach):
    """Every pair of the experiment's sets differs significantly by the paper's test; the margins are the gaps."""

    two_sided = True

    def describe(self) -> str:
        return f"p < {SIGNIFICANT} for every pair"

    def report(self, condition: ConditionStatistics) -> str:
        worst = self._find_worst(condition)
        return f"largest of {len(condition.tests)} p: {condition.format_p(*worst)} ({' vs. '.join(worst)})"

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        return np.concatenate([condition.measure_difference(*pair) for pair in condition.list_pairs()])

    def holds(self, condition: ConditionStatistics) -> bool:
        return condition.get_test(*self._find_worst(condition), "p") < SIGNIFICANT

    def _find_worst(self, condition: ConditionStatistics) -> tuple[str, str]:
        return max(condition.list_pairs(), key=lambda pair: condition.get_test(*pair, "p"))


class PValue(AtEach):
    """The p-value lies on the published one's side of 0.05.

    The margin is the gap of the means where the paper found a difference, and its negative where it found none.
    """

    two_sided = True

    def describe(self) -> str:
        return str(self.argument["value"])

    def report(self, condition: ConditionStatistics) -> str:
        return condition.format_p(*self.argument["pair"])

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        sign = 1 if self.argument["value"] < SIGNIFICANT else -1
        return sign * condition.measure_difference(*self.argument["pair"])

    def holds(self, condition: ConditionStatistics) -> bool:
        p = condition.get_test(*self.argument["pair"], "p")
        return (p < SIGNIFICANT) == (self.argument["value"] < SIGNIFICANT)


class Dunn(AtEach):
    """The index is the published one, within the tolerance."""

    ties_hold = True

    def describe(self) -> str:
        return f"{self.argument['value']:.5f}"

    def report(self, condition: ConditionStatistics) -> str:
        return f"{condition.measure_dunn(*self.argument['pair'])[0]:.5f}"

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        index = condition.measure_dunn(*self.argument["pair"])
        return self.argument["within"] - np.abs(index - self.argument["value"])[None]


class Mean(AtEach):
    """The mean is the published one, within the tolerance."""

    ties_hold = True

    def describe(self) -> str:
        return str(self.argument["value"])

    def report(self, condition: ConditionStatistics) -> str:
        return f"{condition.get(self.argument['set']):.4g}"

    def measure(self, condition: ConditionStatistics) -> np.ndarray:
        mean = condition.measure_mean(self.argument["set"])
        return self.argument["within"] - np.abs(mean - self.argument["value"])[None]


class Rises(Along):
    """A set's mean rises from each condition to the next."""

    def describe(self) -> str:
        return f"{self.argument} rises"

    def report(self, conditions: Sequence[ConditionStatistics]) -> str:
        return ", ".join(f"{condition.get(self.argument):.4g}" for condition in conditions)

    def measure(self, conditions: Sequence[ConditionStatistics]) -> np.ndarray:
        return np.diff([condition.measure_mean(self.argument) for condition in conditions], axis=0)


class Constant(Along):
    """A set's mean varies by little, in standard deviations."""

    def describe(self) -> str:
        return f"{self.argument} varies by less than {SMALL} std"

    def report(self, conditions: Sequence[ConditionStatistics]) -> str:
        means, stds = ([condition.get(self.argument, key) for condition in conditions] for key in ("mean", "std"))
        return f"{min(means):.4g} to {max(means):.4g}, std {max(stds):.4g}"

    def measure(self, conditions: Sequence[ConditionStatistics]) -> np.ndarray:
        means = np.stack([condition.measure_mean(self.argument) for condition in conditions])
        stds = np.stack([condition.measure_std(self.argument) for condition in conditions])
        return SMALL * stds.max(axis=0, keepdims=True) - np.ptp(means, axis=0, keepdims=True)


class SmallestGap(Along):
    """The means of a pair are closest at one condition."""

    def describe(self) -> str:
        return f"|{' - '.join(self.argument['pair'])}| smallest at {self.argument['at']}"

    def report(self, conditions: Sequence[ConditionStatistics]) -> str:
        gaps = {condition.name: condition.measure_gap(*self.argument["pair"])[0] for condition in conditions}
        return ", ".join(f"{name} {gap:.4g}" for name, gap in gaps.items())

    def measure(self, conditions: Sequence[ConditionStatistics]) -> np.ndarray:
        best, others = _split(conditions, self.argument["at"])
        pair = self.argument["pair"]
        return np.stack([other.measure_gap(*pair) for other in others]) - best.measure_gap(*pair)


class LargestDunn(Along):
    """The index of a pair is larger at one condition than at the others."""

    def describe(self) -> str:
        return f"Dunn index of {' vs. '.join(self.argument['pair'])} largest at {self.argument['at']}"

    def report(self, conditions: Sequence[ConditionStatistics]) -> str:
        indices = {condition.name: condition.measure_dunn(*self.argument["pair"])[0] for condition in conditions}
        return ", ".join(f"{name} {index:.5f}" for name, index in indices.items())

    def measure(self, conditions: Sequence[ConditionStatistics]) -> np.ndarray:
        best, others = _split(conditions, self.argument["at"])
        pair = self.argument["pair"]
        return best.measure_dunn(*pair) - np.stack([other.measure_dunn(*pair) for other in others])


class MajorityLarger(Along):
    """At one condition, more than half of the pairs have a larger index than at each other one.

    The margin is, beside each other condition, the median of the differences, or the lower of the two middle ones.
    """

    def describe(self) -> str:
        return f"most Dunn indices larger at {self.argument['at']}"

    def report(self, conditions: Sequence[ConditionStatistics]) -> str:
        best, others = _split(conditions, self.argument["at"])
        counts = {other.name: np.count_nonzero(self._compare(best, other)[:, 0] > 0) for other in others}
        return ", ".join(f"{count} of {len(best.tests)} larger than at {name}" for name, count in counts.items())

    def measure(self, conditions: Sequence[ConditionStatistics]) -> np.ndarray:
        best, others = _split(conditions, self.argument["at"])
        middle = (len(best.tests) - 1) // 2
        return np.stack([np.sort(self._compare(best, other), axis=0)[middle] for other in others])

    def _compare(self, best: ConditionStatistics, other: ConditionStatistics) -> np.ndarray:
        return np.stack([best.measure_dunn(*pair) - other.measure_dunn(*pair) for pair in best.list_pairs()])

    def _list_sets(self, condition: ConditionStatistics) -> list[str]:
        return list(condition.sets)


def _split(conditions: Sequence[ConditionStatistics], at: str) -> tuple[ConditionStatistics, list[ConditionStatistics]]:
    """Return the condition of this name, and the others."""
    (best,) = (condition for condition in conditions if condition.name == at)
    return best, [condition for condition in conditions if condition is not best]


PREDICATES: dict[str, type[Predicate]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind
    for base in (AtEach, Along)
    for kind in base.__subclasses__()
}
