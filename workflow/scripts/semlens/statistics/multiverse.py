"""Readings under many choices to what all specifications say together: the tables of a multiverse.

The same question is answered under every combination of choices (Steegen et al. 2016), and all answers are one curve
(Simonsohn, Simmons and Nelson 2020).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from semlens.runtime.logs import log
from semlens.statistics.choice_shares import tabulate_choices
from semlens.statistics.intervals import Estimates, compute_bands
from semlens.statistics.multiverse_readings import Multiverse, read_multiverse
from semlens.statistics.multiverse_tables import CHOICES_TABLE, GAPS_TABLE, SPECIFICATIONS_TABLE, SUMMARY_TABLE
from semlens.statistics.order import VERDICTS, judge_signs
from semlens.statistics.permutation import compute_p
from semlens.storage.tables import write_csv

TABLES = {
    "specifications": SPECIFICATIONS_TABLE,
    "gaps": GAPS_TABLE,
    "choices": CHOICES_TABLE,
    "summary": SUMMARY_TABLE,
}


def summarize_multiverse(
    *,
    records: Sequence[Mapping[str, Any]],
    specifications: Sequence[Mapping[str, Any]],
    n_possible: int,
    expected_order: Sequence[str],
    seed: int,
    out: Mapping[str, str],
) -> None:
    """Write what each specification gave, and what is said of all of them.

    Parameters
    ----------
    records
        One per model and dataset: ``model``, ``dataset``, and the files of all its readings, ``estimates``,
        ``influence`` and ``permuted``, as ``ESTIMATES``, ``INFLUENCES`` and ``PERMUTED`` have them.
    specifications
        All that were asked for, each with its ``name`` and its ``choices`` by key. Files need not hold them all.
    n_possible
        Number of all combinations of the choices.
    expected_order
        Sets in the order of means that preserved semantics would give (Eq. 16 or 17).
    seed
        Of draws for bands and shares.
    out
        A path per key of ``TABLES``.

    Raises
    ------
    ValueError
        See :func:`semlens.statistics.multiverse_readings.read_multiverse`.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for record in records:
        tables = tabulate_multiverse(read_multiverse(record, specifications), n_possible, expected_order, seed)
        for name, table in tables.items():
            parts[name].append(table.assign(model=record["model"], dataset=record["dataset"]))
        summary = tables["summary"].iloc[0]
        log.info(
            "%s on %s: median separation %.4f of %d specifications; %s",
            *(record["model"], record["dataset"], summary["median"], summary["n_specifications"]),
            ", ".join(f"{summary[name]} {name}" for name in VERDICTS if summary[name]),
        )
    for name, schema in TABLES.items():
        write_csv(pd.concat(parts[name], ignore_index=True).reindex(columns=list(schema.columns)), schema, out[name])


def tabulate_multiverse(
    multiverse: Multiverse, n_possible: int, expected_order: Sequence[str], seed: int
) -> dict[str, pd.DataFrame]:
    """Return the ``TABLES`` of a model and a dataset, without these two columns."""
    gaps, verdicts = tabulate_gaps(multiverse, expected_order, seed)
    specifications = tabulate_specifications(multiverse, verdicts, expected_order)
    outcomes = {"separation": multiverse.get_separation()} | {
        name: divide(multiverse.get(name), multiverse.get(f"mean {expected_order[-1]}"))
        for name in _name_gaps(expected_order)
    }
    choices = [
        {"outcome": name} | row
        for name, estimates in outcomes.items()
        for row in tabulate_choices(multiverse.choices, estimates, seed)
    ]
    summary = summarize(multiverse, specifications) | {
        "expected": " < ".join(expected_order),
        "n_possible": n_possible,
    }
    return {
        "specifications": specifications.sort_values("separation", ascending=False, kind="stable"),
        "gaps": gaps,
        "choices": pd.DataFrame(choices),
        "summary": pd.DataFrame([summary]),
    }


def tabulate_gaps(multiverse: Multiverse, expected_order: Sequence[str], seed: int) -> tuple[pd.DataFrame, list[str]]:
    """Return rows of ``GAPS_TABLE``, and the verdict on the order of every specification.

    Intervals and verdicts are those of :func:`semlens.statistics.order.judge_order`.
    """
    names = _name_gaps(expected_order)
    gaps = [multiverse.get(name) for name in names]
    scale = multiverse.get(f"mean {expected_order[-1]}").values
    by_specification = [
        Estimates(
            names,
            np.array([one.values[place] for one in gaps]),
            np.stack([one.influence[place, own] for one in gaps]),
            np.array([one.n_units[place] for one in gaps]),
        )
        for place, own in enumerate(multiverse.gap_units)
    ]
    verdicts, rows = [], []
    for place, (one, band) in enumerate(zip(by_specification, compute_bands(by_specification, seed), strict=True)):
        is_whole = not np.isnan(one.values).any()
        verdicts.append(judge_signs(one.values, band) if is_whole else "empty")
        low, high = band if is_whole else np.full(band.shape, np.nan)
        table = {"gap": names, "value": one.values, "low": low, "high": high}
        rows.append(pd.DataFrame(table).assign(specification=multiverse.names[place], scale=scale[place]))
    return pd.concat(rows, ignore_index=True), verdicts


def tabulate_specifications(
    multiverse: Multiverse, verdicts: Sequence[str], expected_order: Sequence[str]
) -> pd.DataFrame:
    """Return rows of ``SPECIFICATIONS_TABLE`` and their standard errors, ``se``, in the order of the specifications."""
    separation, inside = multiverse.get_separation(), multiverse.get("inside")
    low, high = separation.compute_interval(share=True)
    inside_low, inside_high = inside.compute_interval(share=True)
    p = np.full(len(multiverse.names), np.nan)
    for place, null in zip(multiverse.tested, multiverse.null, strict=True):
        p[place] = compute_p(separation.values[place], null)
    return pd.DataFrame(
        {
            "specification": multiverse.names,
            **multiverse.choices,
            "comparison": multiverse.comparisons,
            "separation": separation.values,
            "se": separation.se,
            **{"low": low, "high": high, "p": p},
            "inside": inside.values,
            **{"inside_low": inside_low, "inside_high": inside_high},
            "verdict": verdicts,
            "dunn_index": multiverse.get(f"dunn {expected_order[0]}, {expected_order[-1]}").values,
            "n_objects": multiverse.n_objects,
            "n_units": separation.n_units,
        }
    )


def summarize(multiverse: Multiverse, rows: pd.DataFrame) -> dict[str, Any]:
    """Return a row of ``SUMMARY_TABLE``, but for what was expected and was possible.

    Parameters
    ----------
    rows
        As :func:`tabulate_specifications` returns them.
    """
    values = rows["separation"]
    median = compute_median(multiverse.get_separation())
    ((low,), (high,)) = median.compute_interval(share=True)
    n_seeds, seed_sd = _measure_seeds(multiverse.choices, values.to_numpy())
    return {
        "n_specifications": len(rows),
        **{"median": median.values[0], "median_low": low, "median_high": high},
        **{"smallest": values.min(), "largest": values.max(), "p": compute_curve_p(multiverse)},
        "n_above_chance": int((rows["low"] > 0.5).sum()),
        **{name: int((rows["verdict"] == name).sum()) for name in VERDICTS},
        **{"n_seeds": n_seeds, "seed_sd": seed_sd, "image_se": np.sqrt((rows["se"] ** 2).mean())},
    }


def compute_median(estimates: Estimates) -> Estimates:
    """Return the median over the specifications that have a value.

    Its influences are those of a jackknife: to first order, without unit J a value is theta - I / (I - 1) psi_J. I is
    that of the specification with fewest units.
    """
    known = ~np.isnan(estimates.values)
    if not known.any():
        return Estimates(["median"], np.array([np.nan]), np.zeros((1, 0)), np.array([0]))
    values, n = estimates.values[known], estimates.n_units[known].min()
    grown = n / max(n - 1, 1)
    without = np.median(values[:, None] - grown * estimates.influence[known], axis=0)
    influence = (np.median(values) - without) / grown
    return Estimates(["median"], np.array([np.median(values)]), influence[None], np.array([n]))


def compute_curve_p(multiverse: Multiverse) -> float:
    """Return the p-value of the median over the tested specifications, by the same permutations in all of them."""
    if not len(multiverse.tested):
        return np.nan
    observed = np.median(multiverse.get_separation().values[multiverse.tested])
    known = ~np.isnan(multiverse.null).all(axis=0)
    medians = np.full(len(known), np.inf)  # of which nothing is known counts against the curve
    medians[known] = np.nanmedian(multiverse.null[:, known], axis=0)
    return compute_p(observed, medians)


def divide(gaps: Estimates, means: Estimates) -> Estimates:
    """Return gaps over means, NaN where a mean is not positive; influences follow by the quotient rule."""
    unit = np.where(means.values > 0, means.values, np.nan)
    values = gaps.values / unit
    influence = (gaps.influence - values[:, None] * means.influence) / unit[:, None]
    n_units = np.minimum(gaps.n_units, means.n_units)
    return Estimates(gaps.names, values, np.nan_to_num(influence), n_units)


def _measure_seeds(choices: Mapping[str, Sequence[str]], values: np.ndarray) -> tuple[int, float]:
    """Return the number of seeds, and the root of the mean variance over seeds where all else is the same."""
    n_seeds = len(set(choices.get("seed", ())))
    if n_seeds < 2:
        return 0, np.nan
    others = pd.DataFrame({key: column for key, column in choices.items() if key != "seed"}, range(len(values)))
    groups = others.astype(str).agg(", ".join, axis=1) if len(others.columns) else np.zeros(len(values))
    return n_seeds, float(np.sqrt(pd.Series(values).groupby(np.asarray(groups)).var().mean()))


def _name_gaps(expected_order: Sequence[str]) -> list[str]:
    return [f"{a} < {b}" for a, b in pairwise(expected_order)]
