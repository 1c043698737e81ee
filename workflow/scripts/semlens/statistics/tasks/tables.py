"""The tables of tasks: every measure under every condition, with its interval and its test."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.intervals import Estimates
from semlens.statistics.jackknife import N_DRAWS
from semlens.statistics.permutation import adjust_p, compute_p
from semlens.statistics.tasks.probe import MAX_PROBED, TESTED_STRENGTH
from semlens.statistics.tasks.scores import Score

TASKS = ("retrieval", "knn", "probe", "clustering", "reidentification")
TARGETS = ("class", "identity")
_UNIT = "images (videos, where images are frames)"
_AT_MOST_1 = pa.Check.le(1)
_SHARE = pa.Check.in_range(0, 1)


def _number(description: str, check: pa.Check | None = None) -> pa.Column:
    return pa.Column("float64", check, nullable=True, description=description)


def _count(description: str) -> pa.Column:
    return pa.Column("int64", pa.Check.ge(0), description=description)


_KEYS = {
    "condition": pa.Column(str, description="Condition of the experiment, as text."),
    "task": pa.Column(str, pa.Check.isin(TASKS), description="What prototypes are used for."),
    "measure": pa.Column(
        str,
        description="How well it goes: average_precision, recall_at_1, r_precision, accuracy, ami, rank_1, rank_5 or "
        "rank_10.",
    ),
    "target": pa.Column(str, pa.Check.isin(TARGETS), description="What is sought: an object's class, or itself."),
}

TASKS_TABLE = pa.DataFrameSchema(
    {
        **_KEYS,
        "n_objects": _count(
            f"Number of objects that it is a mean over; of the probe about {MAX_PROBED:,} at most, of whole images."
        ),
        "n_all": _count("Number of all objects of the condition, sampled or not."),
        "n_classes": _count(
            f"Number of their classes: those with objects in at least {MIN_UNITS} {_UNIT}; all for an identity."
        ),
        "n_units": _count(f"Number of {_UNIT} that they are in."),
        "value": _number("The measure. Mean over classes, or over objects (key `average`); but for ami.", _AT_MOST_1),
        "se": _number(
            f"Its standard error, by leaving out thirds of the {_UNIT}, {N_DRAWS} times. Clusters stay as they are, "
            "and strengths of probes.",
            pa.Check.ge(0),
        ),
        "low": _number(
            "Lower end of its 95 % interval, with a degree of freedom less than there are draws, or units.",
            _AT_MOST_1,
        ),
        "high": _number("Upper end of its 95 % interval.", _AT_MOST_1),
        "band_low": _number("Lower end of intervals that hold for all conditions at once.", _AT_MOST_1),
        "band_high": _number("Upper end of intervals that hold for all conditions at once.", _AT_MOST_1),
        "chance": _number(
            "What it is where prototypes say nothing: its mean under permuted classes; of an identity, that of a "
            "gallery in random order.",
            _AT_MOST_1,
        ),
        "p": _number(
            f"Share of block permutations of the classes under which it is as large; of the probe, that of a probe "
            f"without choice, of strength {TESTED_STRENGTH:g}. Null for identity, and where nothing can be exchanged.",
            _SHARE,
        ),
        "p_adjusted": _number("p, adjusted for having as many conditions (max-T).", _SHARE),
        "among_best": pa.Column(bool, description="Whether it cannot be told from the best condition, at 95 %."),
        "elsewhere": _number(
            "Of the best condition: its value, corrected for having been chosen, from its error: half of the draws "
            "choose, the other half gives the value. Null where the error of a condition is not known.",
            _AT_MOST_1,
        ),
    },
    strict=True,
    coerce=True,
    ordered=True,
)

TASKS_INFLUENCE = pa.DataFrameSchema(
    {
        **_KEYS,
        "draw": pa.Column(
            "int64",
            pa.Check.ge(0),
            description=f"Draw, in which the same {_UNIT} are left out in all models and conditions.",
        ),
        "influence": pa.Column(
            "float64",
            description="What the draw says of the error. Differences have the differences of these; SE = "
            "sqrt(n / (n - 1) * sum of squares), n being the number of draws, or n_units if smaller.",
        ),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


def tabulate_tasks(
    measured: Sequence[tuple[str, int, Sequence[Score]]], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of tasks, and that of influences.

    Parameters
    ----------
    measured
        By condition: its name, how many objects it has, and its scores.
    """
    found = [(_key(score), name, n_all, score) for name, n_all, scores in measured for score in scores]
    order = list(dict.fromkeys(key for key, *_ in found))
    found.sort(key=lambda one: order.index(one[0]))
    groups = [[one[1:] for one in group] for _, group in groupby(found, key=lambda one: one[0])]
    tables = [_tabulate(group, seed) for group in groups]
    columns = (list(TASKS_TABLE.columns), list(TASKS_INFLUENCE.columns))
    return tuple(
        pd.concat(parts, ignore_index=True)[names] if parts else pd.DataFrame(columns=names)
        for parts, names in zip(zip(*tables, strict=True) if tables else ([], []), columns, strict=True)
    )


def _key(score: Score) -> tuple[str, str, str]:
    return score.task, score.measure, score.target


def _tabulate(group: list[tuple[str, int, Score]], seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables of one measure under several conditions."""
    names, scores = [name for name, *_ in group], [score for *_, score in group]
    keys = dict(zip(("task", "measure", "target"), _key(scores[0]), strict=True))
    estimates = _stack(names, scores)
    is_share = keys["measure"] != "ami"
    low, high = estimates.compute_interval(share=is_share)
    band_low, band_high = estimates.compute_band(seed, share=is_share)
    table = pd.DataFrame(
        {
            "condition": names,
            **keys,
            "n_all": [n_all for _, n_all, _ in group],
            **{name: [getattr(one, name) for one in scores] for name in ("n_objects", "n_classes", "n_units")},
            **{"value": estimates.values, "se": estimates.se, "low": low, "high": np.minimum(high, 1)},
            **{"band_low": band_low, "band_high": np.minimum(band_high, 1)},
            "chance": [one.chance for one in scores],
            "p": [_test(one) for one in scores],
            "p_adjusted": np.nan,
            "among_best": estimates.list_best(seed),
            "elsewhere": np.nan,
        }
    )
    tested = np.flatnonzero(table["p"].notna())
    if len(tested):
        null = np.stack([scores[place].null for place in tested])
        table.loc[tested, "p_adjusted"] = adjust_p(np.array([scores[place].tested for place in tested]), null)
    if not np.isnan(estimates.values).all():
        best = int(np.nanargmax(estimates.values))
        table.loc[best, "elsewhere"] = np.clip(estimates.estimate_elsewhere(seed), 0 if is_share else None, 1)
    known = np.flatnonzero(~np.isnan(estimates.se))
    n_draws = estimates.influence.shape[1]
    influence = pd.DataFrame(
        {
            "condition": np.repeat(np.array(names, object)[known], n_draws),
            **keys,
            "draw": np.tile(np.arange(n_draws), len(known)),
            "influence": estimates.influence[known].ravel(),
        }
    )
    return table, influence


def _stack(names: Sequence[str], scores: Sequence[Score]) -> Estimates:
    """Return the values of all conditions; those without draws, or without a value, have no interval.

    Influences are scaled to give the jackknife's error with as many units as degrees of freedom are counted from.
    """
    n_draws = np.array([0 if np.isnan(one.value) else len(one.influence) for one in scores])
    influence = np.zeros((len(scores), max(1, n_draws.max())))
    n_units = np.minimum(n_draws, [one.n_units for one in scores])
    for row, one, draws, units in zip(influence, scores, n_draws, n_units, strict=True):
        if units > 1:
            row[:draws] = one.influence * np.sqrt(draws / (draws - 1) * (units - 1) / units)
    return Estimates(names, np.array([one.value for one in scores]), influence, n_units)


def _test(score: Score) -> float:
    if np.isnan(score.tested) or not len(score.null) or np.isnan(score.null).any():
        return np.nan
    return compute_p(score.tested, score.null)
