"""What tasks share: objects whose classes count, and how a measure becomes a value with its error and its test."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.jackknife import leave_out_thirds
from semlens.statistics.labels import Labels
from semlens.statistics.measure import Options
from semlens.statistics.permutation import Shuffler


class Objects(NamedTuple):
    """Some objects of one condition.

    Attributes
    ----------
    codes
        Of the classes that count: those with objects in at least ``MIN_UNITS`` images (videos). None does where there
        is a single class: it could not be told from anything.
    shuffled
        (permutations, n) Classes, exchanged between whole images (videos); empty where nothing can be exchanged.
    average
        Whether measures are means over ``classes`` or ``objects``.
    """

    labels: Labels
    codes: np.ndarray
    shuffled: np.ndarray
    average: str
    seed: int

    @classmethod
    def from_rows(cls, rows: pd.DataFrame, options: Options) -> Self:
        """Take rows as :meth:`semlens.statistics.labels.Labels.from_rows` does."""
        labels = Labels.from_rows(rows)
        shuffler = Shuffler(labels, options.seed)
        number = options.permutations if shuffler.count_exchangeable_units() else 0
        return cls(
            labels,
            list_counting(labels.classes, labels.units),
            shuffler.shuffle_between(number),
            options.average,
            options.seed,
        )


class Score(NamedTuple):
    """One measure of one task.

    Attributes
    ----------
    target
        What is sought: an object's ``class``, or its ``identity``.
    value
        NaN where there is none.
    influence
        (draws,) See :func:`semlens.statistics.jackknife.leave_out_thirds`.
    null
        (permutations,) The measure under shuffled classes; empty where there is no test.
    tested
        What ``null`` is compared with; the value itself, but for the probe.
    chance
        What the measure is expected to be where prototypes say nothing.
    n_objects, n_classes, n_units
        How many objects it is a mean over, of how many classes, in how many images (videos).
    """

    task: str
    measure: str
    target: str
    value: float
    influence: np.ndarray
    null: np.ndarray
    tested: float
    chance: float
    n_objects: int
    n_classes: int
    n_units: int


def list_counting(classes: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return the codes of the classes that are in at least ``MIN_UNITS`` units, if there are two classes at all."""
    pairs = np.unique(np.stack([classes, units]), axis=1)
    counting = np.flatnonzero(np.bincount(pairs[0]) >= MIN_UNITS)
    return counting if len(np.unique(classes)) > 1 else counting[:0]


def average_scores(
    scores: np.ndarray, classes: np.ndarray, codes: np.ndarray, by: str, kept: np.ndarray | None = None
) -> np.ndarray:
    """Return means over the classes that count, or over their objects, (measures,); NaN where there are none.

    Parameters
    ----------
    scores
        (measures, n); NaN for an object without a score.
    kept
        (n,) bool: of which objects; of all if left out.
    """
    chosen = ~np.isnan(scores[0]) & np.isin(classes, codes)
    if kept is not None:
        chosen &= kept
    if not chosen.any():
        return np.full(len(scores), np.nan)
    if by == "objects":
        return scores[:, chosen].mean(axis=1)
    numbers = np.bincount(classes[chosen])
    present = numbers > 0
    sums = np.stack([np.bincount(classes[chosen], one[chosen]) for one in scores])
    return (sums[:, present] / numbers[present]).mean(axis=1)


def make_scores(
    task: str,
    measures: Sequence[str],
    target: str,
    measure: Callable[[np.ndarray], np.ndarray],
    counted: np.ndarray,
    objects: Objects,
    *,
    null: np.ndarray | None = None,
    tested: np.ndarray | None = None,
    chance: np.ndarray | None = None,
) -> list[Score]:
    """Return the scores of some measures, with what leaving out thirds of the images (videos) says of their error.

    Where a measure has no value without some third, its error is not known: all influences are 0, of one draw.

    Parameters
    ----------
    measure
        Takes which objects are there, (n,) bool, and returns values, (measures,).
    counted
        (n,) bool: which objects have a score that counts.
    null
        (permutations, measures).
    tested, chance
        (measures,) See :class:`Score`; the values, and the means of ``null``, if left out.
    """
    values, influence = leave_out_thirds(measure, objects.labels.units, objects.seed)
    null = np.empty((0, len(measures))) if null is None or not len(null) else null
    if chance is None:
        chance = null.mean(axis=0) if len(null) else np.full(len(measures), np.nan)
    labels = objects.labels
    counts = [int(np.count_nonzero(counted))]
    counts += [len(np.unique(codes[counted])) for codes in (labels.classes, labels.units)]
    return [
        Score(
            *(task, name, target, float(values[place])),
            influence[place] if np.isfinite(influence[place]).all() else np.zeros(1),
            null[:, place],
            float((values if tested is None else tested)[place]),
            float(chance[place]),
            *counts,
        )
        for place, name in enumerate(measures)
    ]


def say_nothing(task: str, measure: str, objects: Objects) -> list[Score]:
    """Return the score of a task that has nothing to tell, such as where fewer than two classes count."""
    nothing = np.zeros(len(objects.labels), bool)
    return make_scores(task, [measure], "class", lambda kept: np.full(1, np.nan), nothing, objects)
