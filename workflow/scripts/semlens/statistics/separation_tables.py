"""The tables of separation: every condition of an experiment with its interval, its tests and its contrasts."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.statistics.comparisons import COMPARISONS, MIN_UNITS
from semlens.statistics.intervals import Estimates
from semlens.statistics.measure import Measured, Options
from semlens.statistics.permutation import adjust_p, compute_p


def _number(description: str, check: pa.Check | None = None) -> pa.Column:
    return pa.Column("float64", check, nullable=True, description=description)


def _count(description: str) -> pa.Column:
    return pa.Column("int64", pa.Check.ge(0), description=description)


_SHARE = pa.Check.in_range(0, 1)
_CONDITION = pa.Column(str, description="Condition of the experiment, as text.")
_COMPARISON = pa.Column(
    str,
    pa.Check.isin(COMPARISONS),
    description="What is compared: classes between images or inside images, or an object's identity.",
)
_UNIT = "images (videos, where images are frames)"

SEPARATION_TABLE = pa.DataFrameSchema(
    {
        "condition": _CONDITION,
        "comparison": _COMPARISON,
        "n_objects": _count("Number of objects whose mean it is; in videos, of an object in a frame."),
        "n_all": _count("Number of all objects of the condition, sampled or not."),
        "n_classes": _count(f"Number of classes that count: those with objects in at least {MIN_UNITS} {_UNIT}."),
        "n_units": _count(f"Number of {_UNIT} with objects that count."),
        "n_units_rarest": _count(f"Number of {_UNIT} of the class that has the fewest."),
        "separation": _number(
            "How often what the comparison says is so; ties count half, chance is 0.5. Mean over classes of the mean "
            "over their objects, or mean over objects (key `average`).",
            _SHARE,
        ),
        "se": _number(f"Its standard error, from the influence of every one of the {_UNIT}.", pa.Check.ge(0)),
        "low": _number("Lower end of its 95 % interval, t(n_units - 1).", _SHARE),
        "high": _number("Upper end of its 95 % interval.", _SHARE),
        "band_low": _number("Lower end of intervals that hold for all conditions at once.", _SHARE),
        "band_high": _number("Upper end of intervals that hold for all conditions at once.", _SHARE),
        "p": _number(
            "Share of block permutations of the classes with at least as much separation; null for identity, and where "
            "nothing can be exchanged.",
            _SHARE,
        ),
        "p_adjusted": _number("p, adjusted for having as many conditions (max-T).", _SHARE),
        "among_best": pa.Column(bool, description="Whether it cannot be told from the best condition, at 95 %."),
        "elsewhere": _number(f"Of the best condition: its separation on {_UNIT} that did not choose it.", _SHARE),
    },
    strict=True,
    coerce=True,
    ordered=True,
)

CLASS_SEPARATION_TABLE = pa.DataFrameSchema(
    {
        "condition": _CONDITION,
        "comparison": _COMPARISON,
        "class_name": pa.Column(str, description="Class."),
        "n_objects": _count("Number of its objects that have both kinds of neighbours."),
        "n_units": _count(f"Number of {_UNIT} that they are in."),
        "counts": pa.Column(bool, description=f"Whether these are at least {MIN_UNITS}, so that the class counts."),
        "separation": _number("Mean over its objects.", _SHARE),
        "se": _number("Its standard error; null where the class does not count.", pa.Check.ge(0)),
        "low": _number("Lower end of its 95 % interval, t(n_units - 1).", _SHARE),
        "high": _number("Upper end of its 95 % interval.", _SHARE),
    },
    strict=True,
    coerce=True,
    ordered=True,
)

CONTRASTS_TABLE = pa.DataFrameSchema(
    {
        "comparison": _COMPARISON,
        "condition_a": pa.Column(str, description="One condition."),
        "condition_b": pa.Column(str, description="Another."),
        "difference": _number("Separation under a minus separation under b."),
        "se": _number(f"Its standard error; the two are paired by {_UNIT}.", pa.Check.ge(0)),
        "low": _number("Lower end of its 95 % interval."),
        "high": _number("Upper end of its 95 % interval."),
        "band_low": _number("Lower end of intervals that hold for all pairs of conditions at once."),
        "band_high": _number("Upper end of intervals that hold for all pairs of conditions at once."),
    },
    strict=True,
    coerce=True,
    ordered=True,
)

INFLUENCE = pa.DataFrameSchema(
    {
        "condition": _CONDITION,
        "comparison": _COMPARISON,
        "unit": pa.Column(str, description="Image, or video where images are frames."),
        "influence": pa.Column(
            "float64",
            description="What the unit adds to the separation. Differences between conditions, or between models on "
            "the same images, have the differences of these as influence; SE = sqrt(I / (I - 1) * sum of squares).",
        ),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


def tabulate_separation(measured: Sequence[Measured], options: Options) -> dict[str, pd.DataFrame]:
    """Return the tables ``separation``, ``class_separation``, ``contrasts`` and ``influence``."""
    groups = [[one for one in measured if one.comparison == name] for name in COMPARISONS]
    parts = [_tabulate(group, options) for group in groups if group]
    return {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}


def _tabulate(group: list[Measured], options: Options) -> dict[str, pd.DataFrame]:
    """Return the tables of one comparison."""
    estimates = _stack(group)
    among_best = estimates.list_best(options.seed)
    best = int(np.nanargmax(estimates.values)) if not np.isnan(estimates.values).all() else -1
    values, n_units = estimates.values, estimates.n_units
    low, high = estimates.compute_interval(share=True)
    band_low, band_high = estimates.compute_band(options.seed, share=True)
    separation = pd.DataFrame(
        {
            "condition": estimates.names,
            "comparison": group[0].comparison,
            "n_objects": [_count_objects(one) for one in group],
            "n_all": [one.n_all for one in group],
            "n_classes": [len(one.separation.list_classes()) for one in group],
            "n_units": n_units,
            "n_units_rarest": [_count_rarest(one) for one in group],
            "separation": values,
            "se": estimates.se,
            **{"low": low, "high": high, "band_low": band_low, "band_high": band_high},
            "p": [compute_p(one.average.value, one.null) if len(one.null) else np.nan for one in group],
            "p_adjusted": np.nan,
            "among_best": among_best,
            "elsewhere": np.nan,
        }
    )
    tested = [place for place, one in enumerate(group) if len(one.null)]
    if tested:
        null = np.stack([group[place].null for place in tested])
        separation.loc[tested, "p_adjusted"] = adjust_p(values[tested], null)
    if best >= 0:
        separation.loc[best, "elsewhere"] = np.clip(estimates.estimate_elsewhere(options.seed), 0, 1)
    return {
        "separation": separation,
        "class_separation": pd.concat([_tabulate_classes(one) for one in group], ignore_index=True),
        "contrasts": tabulate_contrasts(estimates, options.seed).assign(comparison=group[0].comparison),
        "influence": _tabulate_influence(estimates, group),
    }


def _stack(group: list[Measured]) -> Estimates:
    """Return the averages of all conditions over the units that any of them has."""
    units = pd.Index(np.unique(np.concatenate([one.separation.labels.unit_names for one in group])))
    influence = np.zeros((len(group), len(units)))
    for row, one in zip(influence, group, strict=True):
        row[units.get_indexer(one.separation.labels.unit_names)] = one.average.influence
    values, n_units = (np.array([getattr(one.average, key) for one in group]) for key in ("value", "n_units"))
    return Estimates([one.condition for one in group], values, influence, n_units)


def tabulate_contrasts(estimates: Estimates, seed: int) -> pd.DataFrame:
    """Return the differences of all pairs of conditions that have a value, with their intervals."""
    known = np.flatnonzero(~np.isnan(estimates.values))
    pairs = list(combinations(known, 2))
    differences = estimates.subtract(pairs)
    (low, high), (band_low, band_high) = differences.compute_interval(), differences.compute_band(seed)
    return pd.DataFrame(
        {
            "condition_a": [estimates.names[a] for a, _ in pairs],
            "condition_b": [estimates.names[b] for _, b in pairs],
            "difference": differences.values,
            "se": differences.se,
            **{"low": low, "high": high, "band_low": band_low, "band_high": band_high},
        }
    )


def _tabulate_classes(one: Measured) -> pd.DataFrame:
    separation, rows = one.separation, []
    counting, n_objects, n_units = separation.list_classes(), separation.count_objects(), separation.count_units()
    for code in np.flatnonzero(n_objects):
        average = separation.average_class(code)
        row = {
            "class_name": separation.labels.class_names[code],
            "n_objects": n_objects[code],
            "n_units": n_units[code],
        }
        row |= {"counts": code in counting, "separation": average.value}
        if row["counts"]:
            single = Estimates([""], np.array([average.value]), average.influence[None], np.array([average.n_units]))
            (low,), (high,) = single.compute_interval(share=True)
            row |= {"se": single.se[0], "low": low, "high": high}
        rows.append(row)
    columns = [name for name in CLASS_SEPARATION_TABLE.columns if name not in ("condition", "comparison")]
    return pd.DataFrame(rows, columns=columns).assign(condition=one.condition, comparison=one.comparison)


def _tabulate_influence(estimates: Estimates, group: list[Measured]) -> pd.DataFrame:
    units = np.unique(np.concatenate([one.separation.labels.unit_names for one in group]))
    known = np.flatnonzero(~np.isnan(estimates.values))
    return pd.DataFrame(
        {
            "condition": np.repeat(np.array(estimates.names, object)[known], len(units)),
            "comparison": group[0].comparison,
            "unit": np.tile(units, len(known)),
            "influence": estimates.influence[known].ravel(),
        }
    )


def _count_objects(one: Measured) -> int:
    return int(one.separation.count_objects()[one.separation.list_classes()].sum())


def _count_rarest(one: Measured) -> int:
    counting = one.separation.list_classes()
    return int(one.separation.count_units()[counting].min()) if len(counting) else 0
