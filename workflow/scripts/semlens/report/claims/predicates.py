"""What a claim can say, one class per predicate: what it asks, how it is judged, and how it is said.

``claims.yaml`` names a predicate by its class, in lower case with underscores: ``largest_dunn`` is ``LargestDunn``.
The value beside the name is the predicate's ``argument``. ``AtEach`` predicates are judged at every condition of a
claim, ``Along`` predicates once, along all of them.

A predicate makes a statement about margins, numbers that are positive where it is true. The point values decide whether
the claim holds, but where the paper decides by its test; intervals over images (videos) say how sure it is.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any, ClassVar, NamedTuple

from semlens.report.claims.conditions import ConditionStatistics
from semlens.report.claims.statements import Statement, require_all
from semlens.statistics.p_values import SIGNIFICANT

SMALL = 0.2  # standard deviations: by convention, a small difference of means


class Outcome(NamedTuple):
    """What was obtained, what the predicate states, and whether it is so where the paper decides it otherwise."""

    obtained: str
    statement: Statement
    by_paper: bool | None = None

    @property
    def holds(self) -> bool:
        """Whether the claim holds."""
        return self.statement.is_met() if self.by_paper is None else self.by_paper


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
        """Return what was obtained and what is stated; raises MissingValue where a set has no pairs."""


class Along(Predicate):
    """A statement about all conditions of a claim together."""

    along = True

    @abstractmethod
    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        """Return what was obtained and what is stated; raises MissingValue where a set has no pairs."""


class Order(AtEach):
    """The means rise in this order."""

    def describe(self) -> str:
        return " < ".join(self.argument)

    def judge(self, condition: ConditionStatistics) -> Outcome:
        return Outcome(condition.format_means(self.argument), require_all(condition.measure_steps(self.argument)))


class NoOrder(AtEach):
    """The means do not rise in this order: some step does not."""

    def describe(self) -> str:
        return f"not {' < '.join(self.argument)}"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        falls = [-step for step in condition.measure_steps(self.argument)]
        return Outcome(condition.format_means(self.argument), Statement([falls], ties=True))


class NotSignificantlyBelow(AtEach):
    """The first mean does not lie below the second, or not significantly by the paper's test.

    The margin is how far the first lies above the second. So the statement is established where it lies above, and
    violated where it lies below; undecided is what the paper calls not significant.
    """

    def describe(self) -> str:
        return f"not {' < '.join(self.argument)} with p < {SIGNIFICANT}"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        (step,) = condition.measure_steps(self.argument)
        text = f"{condition.format_means(self.argument)}, p {condition.format_p(*self.argument)}"
        below = step.value > 0 and condition.get_test(*self.argument, "p") < SIGNIFICANT
        return Outcome(text, require_all([-step]), not below)


class EffectBelow(AtEach):
    """The means differ by little, in standard deviations."""

    def describe(self) -> str:
        return f"Dunn index of {' vs. '.join(self.argument)} < {SMALL}"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        index = condition.measure_dunn(*self.argument)
        return Outcome(f"{index.value:.5f} ({condition.format_means(self.argument)})", require_all([SMALL - index]))


class Highest(AtEach):
    """No other set of the experiment has as high a mean."""

    def describe(self) -> str:
        return f"{self.argument} highest"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        others = [name for name in condition.sets if name != self.argument]
        highest = condition.measure_mean(self.argument)
        margins = [highest - condition.measure_mean(name) for name in others]
        return Outcome(condition.format_means([self.argument, *others]), require_all(margins))


class Closer(AtEach):
    """The means of the first pair are closer to each other than those of the second."""

    def describe(self) -> str:
        return " < ".join(f"|{a} - {b}|" for a, b in self.argument)

    def judge(self, condition: ConditionStatistics) -> Outcome:
        first, second = (condition.measure_gap(*pair) for pair in self.argument)
        text = f"{first.value:.4g} {'<' if first.value < second.value else '>='} {second.value:.4g}"
        return Outcome(text, require_all([second - first]))


class QuartilesOverlap(AtEach):
    """The boxes, quartile to quartile, overlap. Quartiles have no intervals here: nothing says how sure it is."""

    def describe(self) -> str:
        return f"quartiles of {' and '.join(self.argument)} overlap"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        boxes = {name: (condition.get(name, "q1"), condition.get(name, "q3")) for name in self.argument}
        text = ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in boxes.items())
        overlap = max(low for low, _ in boxes.values()) <= min(high for _, high in boxes.values())
        return Outcome(text, Statement([]), overlap)


class AllSignificant(AtEach):
    """Every pair of the experiment's sets differs significantly by the paper's test.

    The margins are the gaps between the means: established where all their intervals exclude 0, else undecided.
    """

    def describe(self) -> str:
        return f"p < {SIGNIFICANT} for every pair"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        pairs = condition.list_pairs()
        worst = max(pairs, key=lambda pair: condition.get_test(*pair, "p"))
        text = f"largest of {len(pairs)} p: {condition.format_p(*worst)} ({' vs. '.join(worst)})"
        statement = require_all([condition.measure_gap(*pair) for pair in pairs], two_sided=True)
        return Outcome(text, statement, condition.get_test(*worst, "p") < SIGNIFICANT)


class PValue(AtEach):
    """The p-value lies on the published one's side of 0.05.

    The margin is the gap between the means: established where its interval excludes 0, else undecided. Where the paper
    found no difference, it is violated where the interval excludes 0, else undecided: that there is none is never sure.
    """

    def describe(self) -> str:
        return str(self.argument["value"])

    def judge(self, condition: ConditionStatistics) -> Outcome:
        pair = self.argument["pair"]
        differs, gap = self.argument["value"] < SIGNIFICANT, condition.measure_gap(*pair)
        agrees = (condition.get_test(*pair, "p") < SIGNIFICANT) == differs
        statement = require_all([gap if differs else -gap], two_sided=True)
        return Outcome(condition.format_p(*pair), statement, agrees)


class Dunn(AtEach):
    """The index is the published one, within the tolerance."""

    def describe(self) -> str:
        return f"{self.argument['value']:.5f}"

    def judge(self, condition: ConditionStatistics) -> Outcome:
        index = condition.measure_dunn(*self.argument["pair"])
        margin = self.argument["within"] - abs(index - self.argument["value"])
        return Outcome(f"{index.value:.5f}", require_all([margin], ties=True))


class Mean(AtEach):
    """The mean is the published one, within the tolerance."""

    def describe(self) -> str:
        return str(self.argument["value"])

    def judge(self, condition: ConditionStatistics) -> Outcome:
        mean = condition.measure_mean(self.argument["set"])
        margin = self.argument["within"] - abs(mean - self.argument["value"])
        return Outcome(f"{mean.value:.4g}", require_all([margin], ties=True))


class Rises(Along):
    """A set's mean rises from each condition to the next."""

    def describe(self) -> str:
        return f"{self.argument} rises"

    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        means = [condition.measure_mean(self.argument) for condition in conditions]
        text = ", ".join(f"{mean.value:.4g}" for mean in means)
        return Outcome(text, require_all([b - a for a, b in pairwise(means)]))


class Constant(Along):
    """No two means of a set differ by more than little, in standard deviations."""

    def describe(self) -> str:
        return f"{self.argument} varies by less than {SMALL} std"

    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        means = [condition.measure_mean(self.argument) for condition in conditions]
        std = max((condition.measure_std(self.argument) for condition in conditions), key=lambda std: std.value)
        values = [mean.value for mean in means]
        text = f"{min(values):.4g} to {max(values):.4g}, std {std.value:.4g}"
        return Outcome(text, require_all([SMALL * std - abs(b - a) for a, b in combinations(means, 2)]))


class SmallestGap(Along):
    """The means of a pair are closest at one condition."""

    def describe(self) -> str:
        return f"|{' - '.join(self.argument['pair'])}| smallest at {self.argument['at']}"

    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        best = self.argument["at"]
        gaps = {condition.name: condition.measure_gap(*self.argument["pair"]) for condition in conditions}
        text = ", ".join(f"{name} {gap.value:.4g}" for name, gap in gaps.items())
        return Outcome(text, require_all([gap - gaps[best] for name, gap in gaps.items() if name != best]))


class LargestDunn(Along):
    """The index of a pair is larger at one condition than at the others."""

    def describe(self) -> str:
        return f"Dunn index of {' vs. '.join(self.argument['pair'])} largest at {self.argument['at']}"

    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        pair, best = self.argument["pair"], self.argument["at"]
        indices = {condition.name: condition.measure_dunn(*pair) for condition in conditions}
        text = ", ".join(f"{name} {index.value:.5f}" for name, index in indices.items())
        return Outcome(text, require_all([indices[best] - index for name, index in indices.items() if name != best]))


class MajorityLarger(Along):
    """At one condition, more than half of the pairs have a larger index than at each other one."""

    def describe(self) -> str:
        return f"most Dunn indices larger at {self.argument['at']}"

    def judge(self, conditions: Sequence[ConditionStatistics]) -> Outcome:
        (best,) = (condition for condition in conditions if condition.name == self.argument["at"])
        pairs = best.list_pairs()
        indices = [best.measure_dunn(*pair) for pair in pairs]
        margins = {
            other.name: [index - other.measure_dunn(*pair) for index, pair in zip(indices, pairs, strict=True)]
            for other in conditions
            if other is not best
        }
        wins = {name: sum(margin.value > 0 for margin in row) for name, row in margins.items()}
        text = ", ".join(f"{count} of {len(pairs)} larger than at {name}" for name, count in wins.items())
        return Outcome(text, Statement(list(margins.values()), enough=len(pairs) // 2 + 1))


PREDICATES: dict[str, type[Predicate]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind
    for base in (AtEach, Along)
    for kind in base.__subclasses__()
}
