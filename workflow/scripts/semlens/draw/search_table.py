"""What a search chose, and the ten best subsets of layers, as a table."""

from collections.abc import Sequence

import pandas as pd

from semlens.draw.search import Found
from semlens.draw.tables import NOTHING, Markup, format_interval, format_short

N_SHOWN = 10  # best subsets; the caption in draw/kinds says so
_CHOSEN = [
    *("layers", "n_layers", "separation", "low", "high"),
    *("elsewhere", "elsewhere_low", "elsewhere_high"),
    *("above_single", "above_single_low", "above_single_high"),
]


def tabulate_searches(found: Sequence[Found], names: Sequence[str]) -> pd.DataFrame:
    """Return what was chosen and the best subsets: rows are (comparison, metric, place).

    Parameters
    ----------
    names
        Of what was found, as figures name it.
    """
    parts = []
    for name, one in zip(names, found, strict=True):
        for metric, summary in one.summary.groupby("metric", sort=False):
            table = one.table[one.table["metric"] == metric]
            best = table.dropna(subset="exact").nlargest(N_SHOWN, "exact").rename(columns={"exact": "separation"})
            tied = table.set_index("layers")["among_best"]
            chosen = summary.dropna(subset="layers")
            both = pd.concat([chosen[_CHOSEN], best.reindex(columns=_CHOSEN).assign(elsewhere=best["elsewhere"])])
            both["among_best"] = both["layers"].map(tied).astype(bool)
            places = [*chosen["choice"], *(str(place) for place in range(1, len(best) + 1))]
            parts.append(both.set_axis(pd.MultiIndex.from_product([[name], [metric], places])))
    return pd.concat(parts).rename_axis(["comparison", "metric", "place"])


def format_searches(values: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    """Return the table in words to read; bold is what cannot be told from the best."""
    separation = values["separation"].map(format_short)
    printed = pd.DataFrame(
        {
            "layers": values["layers"].map(markup.escape),
            "separation": separation.where(~values["among_best"], separation.map(markup.bold.format)),
            "95 % interval": _join(values, "low", "high"),
            "on other images": values["elsewhere"].map(format_short),
            "its interval": _join(values, "elsewhere_low", "elsewhere_high"),
            "above the best single layer": values["above_single"].map(_format_difference),
            "its interval ": _join(values, "above_single_low", "above_single_high"),
        }
    )
    printed.index = pd.MultiIndex.from_tuples(
        [(markup.escape(name), metric, place) for name, metric, place in values.index], names=values.index.names
    )
    return printed


def _format_difference(value: float) -> str:
    return NOTHING if pd.isna(value) else f"{value:+.3f}"


def _join(values: pd.DataFrame, low: str, high: str) -> pd.Series:
    return values[[low, high]].set_axis(["low", "high"], axis=1).apply(format_interval, axis=1)
