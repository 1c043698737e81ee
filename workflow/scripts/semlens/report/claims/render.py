"""Verdicts to read: as Markdown, and as a piece of HTML for the report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from semlens.report.claims.claims import TABLE, Published
from semlens.report.claims.judge import JUDGED, count_support, count_verdicts
from semlens.report.claims.paper import READINGS
from semlens.runtime.files import write_atomically
from semlens.statistics.p_values import SIGNIFICANT
from semlens.storage.tables import write_csv

_SUPPORT = {
    "established": "all lie above 0",
    "observed": "the values say so, but some interval includes 0",
    "undecided": "the values do not say so, but no interval lies below 0",
    "violated": "some interval lies below 0",
    "empty": "a set has no pairs",
}
_MARKS = {"holds": "~", "does not hold": "~", "not comparable": "○", "no pairs": "–"}
_COLUMNS = ["where", "claim", "model", "dataset", "condition", "published", "obtained", "verdict"]
_SURE_MARKS = {("holds", "established"): "✓", ("does not hold", "violated"): "✗"}


def save_claims(
    judged: pd.DataFrame, published: Published, *, templates: str | Path, csv: str, md: str, html: str
) -> None:
    """Write verdicts: a row each as csv; to read, by experiment, Table 1 as such.

    Parameters
    ----------
    templates
        The folder of ``claims.md.j2`` and ``claims.html.j2``.
    """
    write_csv(judged, JUDGED, csv)
    judged = _mark(judged)
    content = {
        "columns": _COLUMNS,
        "differing": judged[(judged["verdict"] == "does not hold") & (judged["where"] != TABLE)].to_dict("records"),
        "counts": count_verdicts(judged),
        "support_counts": count_support(judged),
        "significant": SIGNIFICANT,
        "tolerance": published.tolerance,
        "why": published.why.strip(),
        "support": _SUPPORT,
        "experiments": list(_group(judged)),
    }
    for path, autoescape in ((md, False), (html, True)):
        environment = jinja2.Environment(
            autoescape=autoescape,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            loader=jinja2.FileSystemLoader(templates),
        )
        template = environment.get_template(f"claims.{'html' if autoescape else 'md'}.j2")
        with write_atomically(path) as file:
            file.write_text(template.render(content), encoding="utf-8")


def _mark(judged: pd.DataFrame) -> pd.DataFrame:
    pairs = zip(judged["verdict"], judged["support"], strict=True)
    return judged.assign(mark=[_SURE_MARKS.get(pair, _MARKS[pair[0]]) for pair in pairs])


def _group(judged: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield each experiment's name and reading, its grids of Table 1, its claims of the text: rows of one together."""
    for experiment, rows in judged.groupby("experiment", sort=False):
        values, stated = rows[rows["where"] == TABLE], rows[rows["where"] != TABLE]
        claims = stated.groupby(["where", "claim", "how"], sort=False)
        yield {
            "name": experiment,
            "reading": READINGS.get(experiment, ""),
            "grids": list(_list_grids(values)),
            "claims": [group.to_dict("records") for _, group in claims],
        }


def _list_grids(values: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield Table 1 by model and dataset: a row per value of a pair of sets, a column per distance."""
    for (model, dataset), rows in values.groupby(["model", "dataset"], sort=False):
        cells = {(row["claim"], row["condition"]): row for row in rows.to_dict("records")}
        yield {
            "title": f"{TABLE}, {dataset}, {model}",
            "columns": list(rows["condition"].unique()),
            "rows": {
                claim: [cells[claim, condition] for condition in rows["condition"].unique()]
                for claim in rows["claim"].unique()
            },
        }
