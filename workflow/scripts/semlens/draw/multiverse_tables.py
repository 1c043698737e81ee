"""Tables of a multiverse: which choice moves the result most, and what all specifications say together."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from semlens.config.choices import CHOICES
from semlens.draw.specification_curve import Multiverse
from semlens.draw.tables import NOTHING, Markup, format_interval, format_p, format_short
from semlens.statistics.order import VERDICTS


def tabulate_choices(multiverse: Multiverse, runs: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return what each choice explains, the largest share first: rows are (comparison, outcome, choice).

    Parameters
    ----------
    runs
        Records of ``model``, ``dataset`` and the ``name`` of both.
    """
    tables = {run["name"]: multiverse.select(run["model"], run["dataset"]).choices for run in runs}
    parts = [
        table.sort_values("share", ascending=False, kind="stable").assign(comparison=name)
        for name, found in tables.items()
        for _, table in found.groupby("outcome", sort=False)
    ]
    return pd.concat(parts).set_index(["comparison", "outcome", "choice"]).drop(columns=["model", "dataset"])


def format_choices(values: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    """Return the table of choices in words to read; bold is a share whose interval lies above 0."""
    share = values["share"].map(format_short)
    printed = pd.DataFrame(
        {
            "share of variance": share.where(~(values["low"] > 0), share.map(markup.bold.format)),
            "95 % interval": _join(values, "low", "high"),
            "spread": values["spread"].map(format_short),
            "its interval": _join(values, "spread_low", "spread_high"),
            "highest": _name_values(values["highest"], markup),
            "lowest": _name_values(values["lowest"], markup),
        }
    )
    printed.index = pd.MultiIndex.from_tuples(
        [(markup.escape(name), markup.escape(outcome), CHOICES.get(key, key)) for name, outcome, key in values.index],
        names=values.index.names,
    )
    return printed


def tabulate_summary(multiverse: Multiverse, runs: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return what is said of all specifications together: a row per comparison.

    Parameters
    ----------
    runs
        As :func:`tabulate_choices` takes them.
    """
    parts = [multiverse.select(run["model"], run["dataset"]).summary.assign(comparison=run["name"]) for run in runs]
    return pd.concat(parts).set_index("comparison").drop(columns=["model", "dataset"])


def format_summary(values: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    """Return the table of :func:`tabulate_summary` in words to read: a column per comparison."""
    printed = pd.DataFrame(
        {
            "specifications": values["n_specifications"].map("{:,}".format),
            "of all possible": values["n_possible"].map("{:,}".format),
            "median separation": values["median"].map(format_short),
            "95 % interval": _join(values, "median_low", "median_high"),
            "smallest": values["smallest"].map(format_short),
            "largest": values["largest"].map(format_short),
            "p of the whole curve": values["p"].map(format_p),
            "above chance": values["n_above_chance"].map("{:,}".format),
            "expected order": values["expected"].map(markup.escape),
            **{f"order {verdict}": values[verdict].map("{:,}".format) for verdict in VERDICTS},
            "seeds": values["n_seeds"].map("{:,}".format),
            "standard deviation over seeds": values["seed_sd"].map(format_short),
            "standard error over images (videos)": values["image_se"].map(format_short),
        }
    )
    return printed.set_axis(values.index.map(markup.escape)).rename_axis(index=None).T.rename_axis("of the multiverse")


def _name_values(values: pd.Series, markup: Markup) -> pd.Series:
    return values.map(lambda value: NOTHING if pd.isna(value) else markup.escape(value))


def _join(values: pd.DataFrame, low: str, high: str) -> pd.Series:
    return values[[low, high]].set_axis(["low", "high"], axis=1).apply(format_interval, axis=1)
