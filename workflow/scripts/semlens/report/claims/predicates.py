"""What a claim can say, one class per predicate: what it asks, how it is judged, and how it is said.

``claims.yaml`` names a predicate by its class, in lower case with underscores: ``largest_dunn`` is ``LargestDunn``.
The value beside the name is the predicate's ``argument``. ``AtEach`` predicates are judged at every condition of a
claim, ``Along`` predicates once, along all of them.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from semlens.report.claims.conditions import ConditionStatistics
from semlens.statistics.p_values import SIGNIFICANT

SMALL = 0.2  # standard deviations: by convention, a small difference of means

Outcome = tuple[str, bool]  # what was obtained, whether the claim holds


class Predicate(ABC):
    """One statement about the statistics of conditions."""

    along: ClassVar[bool]

    def __init__(self, argument: Any) -> None:
        self.argument = argument

    @abstractmethod
    def describe(self) -> str:
        """Return what the predicate asks for."""


class AtEach(Predicate):
    """A statement about one condition."""

    along = False

    @abstractmethod
    def judge(self, condition: ConditionStatistics) -> Outcome:
        """Return what was obtained, and whether the statement holds."""


class Along(Predicate):
    """A statement about all conditions of a claim together."""

    along = True

    @abstractmethod
    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        """Return what was obtained, and whether the statement holds."""


class Order(AtEach):
    """The means rise in this order."""

    def describe(self) -> str:
        return " < ".join(self.argument)

    def judge(self, condition: ConditionStatistics) -> Outcome:
        return condition.format_means(self.argument), condition.rises(self.argument)


class NoOrder(AtEach):
    """The means do not rise in this order."""

    def describe(self) -> str:
        return f"not {' < '.join(self.argument)}"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        return condition.format_means(self.argument), not condition.rises(self.argument)


class NotSignificantlyBelow(AtEach):
    """The first mean does not lie below the second, or not significantly."""

    def describe(self) -> str:
        return f"not {' < '.join(self.argument)} with p < {SIGNIFICANT}"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        below = condition.rises(self.argument) and condition.get_test(*self.argument, "p") < SIGNIFICANT
        return f"{condition.format_means(self.argument)}, p {condition.format_p(*self.argument)}", not below


class EffectBelow(AtEach):
    """The means differ by little, in standard deviations."""

    def describe(self) -> str:
        return f"Dunn index of {' vs. '.join(self.argument)} < {SMALL}"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        index = condition.get_test(*self.argument, "dunn_table1")
        return f"{index:.5f} ({condition.format_means(self.argument)})", index < SMALL


class Highest(AtEach):
    """No other set of the experiment has as high a mean."""

    def describe(self) -> str:
        return f"{self.argument} highest"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        others = [name for name in condition.sets if name != self.argument]
        highest = all(condition.get(name) < condition.get(self.argument) for name in others)
        return condition.format_means([self.argument, *others]), highest


class Closer(AtEach):
    """The means of the first pair are closer to each other than those of the second."""

    def describe(self) -> str:
        return " < ".join(f"|{a} - {b}|" for a, b in self.argument)

    def judge(self, condition: ConditionStatistics) -> Outcome:
        first, second = (condition.get_gap(*pair) for pair in self.argument)
        return f"{first:.4g} {'<' if first < second else '>='} {second:.4g}", first < second


class QuartilesOverlap(AtEach):
    """The boxes, quartile to quartile, overlap."""

    def describe(self) -> str:
        return f"quartiles of {' and '.join(self.argument)} overlap"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        boxes = {name: (condition.get(name, "q1"), condition.get(name, "q3")) for name in self.argument}
        text = ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in boxes.items())
        return text, max(low for low, _ in boxes.values()) <= min(high for _, high in boxes.values())


class AllSignificant(AtEach):
    """Every pair of the experiment's sets differs significantly."""

    def describe(self) -> str:
        return f"p < {SIGNIFICANT} for every pair"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        worst = max(condition.list_pairs(), key=lambda pair: condition.get_test(*pair, "p"))
        text = f"largest of {len(condition.tests)} p: {condition.format_p(*worst)} ({' vs. '.join(worst)})"
        return text, condition.get_test(*worst, "p") < SIGNIFICANT


class PValue(AtEach):
    """The p-value lies on the published one's side of 0.05."""

    def describe(self) -> str:
        return str(self.argument["value"])

    def judge(self, condition: ConditionStatistics) -> Outcome:
        pair = self.argument["pair"]
        agrees = (condition.get_test(*pair, "p") < SIGNIFICANT) == (self.argument["value"] < SIGNIFICANT)
        return condition.format_p(*pair), agrees


class Dunn(AtEach):
    """The index is the published one, within the tolerance."""

    def describe(self) -> str:
        return f"{self.argument['value']:.5f}"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        index = condition.get_test(*self.argument["pair"], "dunn_table1")
        return f"{index:.5f}", abs(index - self.argument["value"]) <= self.argument["within"]


class Mean(AtEach):
    """The mean is the published one, within the tolerance."""

    def describe(self) -> str:
        return str(self.argument["value"])

    def judge(self, condition: ConditionStatistics) -> Outcome:
        mean = condition.get(self.argument["set"])
        return f"{mean:.4g}", abs(mean - self.argument["value"]) <= self.argument["within"]


class Rises(Along):
    """A set's mean rises from each condition to the next."""

    def describe(self) -> str:
        return f"{self.argument} rises"

    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        means = [condition.get(self.argument) for condition in conditions]
        return ", ".join(f"{mean:.4g}" for mean in means), all(a < b for a, b in pairwise(means))


class Constant(Along):
    """A set's mean varies by little, in standard deviations."""

    def describe(self) -> str:
        return f"{self.argument} varies by less than {SMALL} std"

    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        means = [condition.get(self.argument) for condition in conditions]
        std = max(condition.get(self.argument, "std") for condition in conditions)
        text = f"{min(means):.4g} to {max(means):.4g}, std {std:.4g}"
        return text, max(means) - min(means) < SMALL * std


class SmallestGap(Along):
    """The means of a pair are closest at one condition."""

    def describe(self) -> str:
        return f"|{' - '.join(self.argument['pair'])}| smallest at {self.argument['at']}"

    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        best = self.argument["at"]
        gaps = {condition.name: condition.get_gap(*self.argument["pair"]) for condition in conditions}
        text = ", ".join(f"{name} {gap:.4g}" for name, gap in gaps.items())
        return text, all(gaps[best] < gap for name, gap in gaps.items() if name != best)


class LargestDunn(Along):
    """The index of a pair is larger at one condition than at the others."""

    def describe(self) -> str:
        return f"Dunn index of {' vs. '.join(self.argument['pair'])} largest at {self.argument['at']}"

    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        pair, best = self.argument["pair"], self.argument["at"]
        indices = {condition.name: condition.get_test(*pair, "dunn_table1") for condition in conditions}
        text = ", ".join(f"{name} {index:.5f}" for name, index in indices.items())
        return text, all(indices[best] > index for name, index in indices.items() if name != best)


class MajorityLarger(Along):
    """At one condition, more than half of the pairs have a larger index than at each other one."""

    def describe(self) -> str:
        return f"most Dunn indices larger at {self.argument['at']}"

    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        (best,) = (condition for condition in conditions if condition.name == self.argument["at"])
        pairs = best.list_pairs()
        wins = {
            other.name: sum(
                best.get_test(*pair, "dunn_table1") > other.get_test(*pair, "dunn_table1") for pair in pairs
            )
            for other in conditions
            if other is not best
        }
        text = ", ".join(f"{count} of {len(pairs)} larger than at {name}" for name, count in wins.items())
        return text, all(2 * count > len(pairs) for count in wins.values())


PREDICATES: dict[str, type[Predicate]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind
    for base in (AtEach, Along)
    for kind in base.__subclasses__()
}
