"""The tables of a search: every subset of layers that was tried, and a summary of what was chosen."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.statistics.anchors import find_measured, list_classes
from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.gram import METRICS, LayerProducts
from semlens.statistics.labels import Labels
from semlens.statistics.search import CHOICES, HALVES, Search, Told, combine, iterate_chosen


def _number(description: str, check: pa.Check | None = None) -> pa.Column:
    return pa.Column("float64", check, nullable=True, description=description)


def _count(description: str) -> pa.Column:
    return pa.Column("int64", pa.Check.ge(0), description=description)


_SHARE = pa.Check.in_range(0, 1)
_METRIC = pa.Column(str, pa.Check.isin(METRICS), description="Metric of the distances.")
_UNITS = "images (videos)"

SEARCH_TABLE = pa.DataFrameSchema(
    {
        "metric": _METRIC,
        "layers": pa.Column(str, description="The layers that are joined, with + between them, in forward order."),
        "n_layers": pa.Column("int64", pa.Check.ge(1), description="How many of the search's layers these are."),
        "n_channels": pa.Column("int64", pa.Check.ge(1), description="How many channels they have together."),
        "sampled": _number(
            "Separation between images as a sample of anchors says, as many of each class; null where the metric is "
            "undefined for an object.",
            _SHARE,
        ),
        "exact": _number(
            "The same by all objects, for the subsets that are best by the sample, the best of each size, single "
            "layers, and all layers.",
            _SHARE,
        ),
        "se": _number(f"Its standard error, from the influence of every one of the {_UNITS}.", pa.Check.ge(0)),
        "low": _number("Lower end of its 95 % interval, as if no other subset had been tried.", _SHARE),
        "high": _number("Upper end of its 95 % interval.", _SHARE),
        "among_best": pa.Column(
            bool,
            description="Whether it cannot be told from the best subset, at 95 %, of those that have an exact value.",
        ),
        "chosen_by": pa.Column(
            str,
            pa.Check.isin([*HALVES, "both halves"]),
            nullable=True,
            description=f"Which half of the {_UNITS} chose it as the best; null for most.",
        ),
        "elsewhere": _number("Its separation on the half that did not choose it, or the mean of both.", _SHARE),
    },
    unique=["metric", "layers"],
    strict=True,
    coerce=True,
    ordered=True,
)

SEARCH_SUMMARY = pa.DataFrameSchema(
    {
        "metric": _METRIC,
        "choice": pa.Column(
            str,
            pa.Check.isin(CHOICES),
            description="How the subset is chosen. smallest tied: of those that cannot be told from the best, the one "
            "of fewest layers, and of these the highest.",
        ),
        "layers": pa.Column(str, nullable=True, description="The subset that all images choose; null if none could."),
        "n_layers": _count("How many of the search's layers these are."),
        "separation": _number("Its separation on the images that choose it.", _SHARE),
        "low": _number("Lower end of its 95 % interval, as if no other subset had been tried.", _SHARE),
        "high": _number("Upper end of its 95 % interval.", _SHARE),
        "elsewhere": _number(
            f"Separation of what is chosen so on {_UNITS} that did not choose: each half chooses, the other half "
            "says, and this is the mean. Halves may choose other layers.",
            _SHARE,
        ),
        "elsewhere_low": _number("Lower end of its 95 % interval, for what the halves chose as it is.", _SHARE),
        "elsewhere_high": _number("Upper end of its 95 % interval.", _SHARE),
        "above_single": _number(f"elsewhere less that of the best single layer, on the same {_UNITS}."),
        "above_single_low": _number("Lower end of its 95 % interval."),
        "above_single_high": _number("Upper end of its 95 % interval."),
        "n_tried": _count("Number of subsets that were tried."),
        "n_exact": _count("Number of those that have an exact value."),
        "n_tied": _count("Number of those that cannot be told from the best."),
        "n_objects": _count("Number of objects, all of which are neighbours."),
        "n_all": _count("Number of all objects, sampled or not."),
        "n_units": _count(f"Number of {_UNITS} with objects that count."),
        "n_classes": _count(f"Number of classes with objects in at least {MIN_UNITS} {_UNITS}, which count."),
    },
    unique=["metric", "choice"],
    strict=True,
    coerce=True,
    ordered=True,
)


def tabulate_search(products: LayerProducts, metric: str, found: Search, told: Sequence[Told]) -> pd.DataFrame:
    """Return a row per subset, the best exact one first, then the best by the sample, see ``SEARCH_TABLE``."""
    low, high = found.exact.compute_interval(share=True)
    exact = pd.DataFrame(
        {
            "subset": found.measured,
            "exact": found.exact.values,
            "se": found.exact.se,
            "low": low,
            "high": high,
            "among_best": found.among_best,
        }
    )
    rows = pd.DataFrame({"subset": found.subsets, "sampled": found.sampled}).merge(exact, on="subset", how="left")
    rows["among_best"] = rows["among_best"].eq(True)
    chosen = pd.DataFrame(iterate_chosen(told), columns=["subset", "chosen_by", "elsewhere"]).groupby("subset")
    rows["chosen_by"] = rows["subset"].map(chosen["chosen_by"].agg(_join_halves).to_dict())
    rows["elsewhere"] = rows["subset"].map(chosen["elsewhere"].agg(_average_halves).to_dict())
    rows = rows.assign(
        metric=metric,
        layers=rows["subset"].map(products.name_subset),
        n_layers=rows["subset"].map(len),
        n_channels=rows["subset"].map(products.count_channels),
    )
    rows = rows.sort_values(["exact", "sampled", "n_layers"], ascending=[False, False, True], kind="stable")
    return rows[list(SEARCH_TABLE.columns)].reset_index(drop=True)


def summarize_search(
    products: LayerProducts, metric: str, found: Search, told: Sequence[Told], labels: Labels, n_all: int
) -> pd.DataFrame:
    """Return a row per choice, see ``SEARCH_SUMMARY``.

    Parameters
    ----------
    n_all
        Number of all objects, of which these may be a part.
    """
    classes = list_classes(labels)
    counted = find_measured(labels) & np.isin(labels.classes, classes)
    low, high = found.exact.compute_interval(share=True)
    chosen, rows = found.choose(), []
    for choice in CHOICES:
        row = {"metric": metric, "choice": choice, "layers": None, "n_layers": 0}
        if choice in chosen:
            place = found.measured.index(chosen[choice])
            row |= {"layers": found.exact.names[place], "n_layers": len(chosen[choice])}
            row |= {"separation": found.exact.values[place], "low": low[place], "high": high[place]}
        for name, held_out in (
            ("elsewhere", combine(told, choice)),
            ("above_single", combine(told, choice, "best single layer")),
        ):
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), held_out, strict=True))
        rows.append(row)
    table = pd.DataFrame(rows).assign(
        n_tried=len(found.subsets),
        n_exact=np.count_nonzero(~np.isnan(found.exact.values)),
        n_tied=np.count_nonzero(found.among_best),
        n_objects=len(labels),
        n_all=n_all,
        n_units=len(np.unique(labels.units[counted])),
        n_classes=len(classes),
    )
    return table.reindex(columns=list(SEARCH_SUMMARY.columns))


def _average_halves(values: pd.Series) -> float:
    """Return the mean; null where a half says nothing, as :func:`semlens.statistics.search.combine` does."""
    return values.mean(skipna=False)


def _join_halves(names: pd.Series) -> str:
    return names.iloc[0] if len(names) == 1 else "both halves"
