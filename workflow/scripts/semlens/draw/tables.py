"""Statistics as tables, laid out as the paper's, in four formats."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from semlens.draw.style import Statistics, format_condition
from semlens.runtime.files import write_atomically
from semlens.statistics.p_values import SIGNIFICANT, format_p_value


class Markup(NamedTuple):
    """How a format writes what a table holds."""

    bold: str
    power: str
    set_name: str
    plus_minus: str
    escape: Callable[[str], str]  # a name as plain text


MARKUP = {
    "md": Markup("**{}**", "{}e{}", "{}", "±", escape),
    "tex": Markup(
        r"\textbf{{{}}}", r"${}\times10^{{{}}}$", "$S_{{{}}}$", r"$\pm$", lambda name: name.replace("_", r"\_")
    ),
    "html": Markup("<b>{}</b>", "{}&thinsp;×&thinsp;10<sup>{}</sup>", "S<sub>{}</sub>", "±", escape),
}
_DUNN_COLUMNS = {"table1": "dunn_table1", "eq10": "dunn_eq10"}


def tabulate_means(sets: Statistics) -> pd.DataFrame:
    """Return the number of distances of each set, their mean and standard deviation (Tables S.1, S.2, S.4, ...).

    Rows are (set, value), columns (comparison, condition).
    """
    tables = {name: table.rename(columns={"set": "sets"}) for name, table in sets.items()}
    return _pivot(tables, ["n", "mean", "std"])


def tabulate_tests(tests: Statistics, *, dunn: str) -> pd.DataFrame:
    """Return the p-value, its logarithm and the Dunn index of each pair of sets, laid out as Table 1.

    Rows are (pair, value), columns (comparison, condition).

    Parameters
    ----------
    dunn
        ``table1``: the difference of means over the larger standard deviation. ``eq10``: Eq. 10.
    """
    names = {"log10_p": "log10 p", _DUNN_COLUMNS[dunn]: "Dunn index"}
    tables = {
        name: table.rename(columns=names).assign(sets=table["set_a"] + " vs. " + table["set_b"])
        for name, table in tests.items()
    }
    return _pivot(tables, ["p", "log10 p", "Dunn index"])


def _pivot(tables: Statistics, values: list[str]) -> pd.DataFrame:
    parts = [
        table.melt(["sets", "condition"], values, var_name="value", value_name="x").assign(comparison=name)
        for name, table in tables.items()
    ]
    stacked = pd.concat(parts)
    rows = pd.MultiIndex.from_product([stacked["sets"].unique(), values], names=["sets", "value"])
    columns = stacked[["comparison", "condition"]].drop_duplicates()
    wide = stacked.pivot(index=["sets", "value"], columns=["comparison", "condition"], values="x")
    return wide.reindex(index=rows, columns=pd.MultiIndex.from_frame(columns))


def save_table(
    values: pd.DataFrame, format_text: Callable[[Markup], pd.DataFrame], *, title: str, files: dict[str, str]
) -> None:
    """Write a table: its numbers as CSV; to read, as Markdown, LaTeX and a piece of HTML.

    Parameters
    ----------
    format_text
        Returns the table as text in a markup; its columns may have several levels.
    files
        Paths by format: ``csv``, ``md``, ``tex`` and ``html``.
    """
    markdown = format_text(MARKUP["md"])
    if markdown.columns.nlevels > 1:
        markdown.columns = [" ".join(column) for column in markdown.columns]
    texts = {
        "csv": values.to_csv(),
        "md": f"{title}\n\n{markdown.reset_index().to_markdown(index=False, disable_numparse=True)}\n",
        "tex": format_text(MARKUP["tex"]).to_latex(multicolumn_format="c"),
        "html": format_text(MARKUP["html"]).to_html(escape=False, border=0, index_names=False),
    }
    for form, text in texts.items():
        with write_atomically(files[form]) as file:
            Path(file).write_text(text, encoding="utf-8")


def describe_sampling(sets: Statistics) -> str:
    """Return what a title must add where quartiles and tests use a sample of the distances; otherwise nothing."""
    sampled = pd.concat([table[table["n_stored"] < table["n"]] for table in sets.values()])
    if sampled.empty:
        return ""
    n, n_stored = sampled["n"].max(), sampled["n_stored"].max()
    return f"\n(quartiles and tests use a random sample of {n_stored:,} of up to {n:,} distances of a set)"


def format_table(values: pd.DataFrame, axis: str, markup: Markup) -> pd.DataFrame:
    """Return what :func:`tabulate_means` or :func:`tabulate_tests` returns, in rows and words as the paper prints them.

    p-values below 0.05 are bold. Means stand with their standard deviations.
    """
    table, rows = {}, []
    for sets, block in values.groupby(level="sets", sort=False):
        names = " vs. ".join(markup.set_name.format(name) for name in sets.split(" vs. "))
        for value, line in _format_block(block.droplevel("sets"), markup).items():
            rows.append((names, value))
            table[rows[-1]] = line
    printed = pd.DataFrame(table).T.set_axis(pd.MultiIndex.from_tuples(rows, names=["sets", "value"]))
    headings = [
        (markup.escape(name), markup.escape(format_condition(axis, condition))) for name, condition in values.columns
    ]
    printed.columns = pd.MultiIndex.from_tuples(headings, names=["comparison", "condition"])
    return printed


def format_number(value: float) -> str:
    """Return a number as tables print it."""
    return "–" if pd.isna(value) else f"{value:.5f}"


def _format_block(numbers: pd.DataFrame, markup: Markup) -> dict[str, pd.Series]:
    """Return the printed lines of one set, or of one pair of sets."""
    if "p" in numbers.index:
        return {
            "p": numbers.apply(_format_p_value, markup=markup),
            "Dunn index": numbers.loc["Dunn index"].map(format_number),
        }
    return {
        f"mean {markup.plus_minus} std": numbers.apply(_format_mean, markup=markup),
        "n": numbers.loc["n"].map("{:,.0f}".format),
    }


def _format_mean(numbers: pd.Series, markup: Markup) -> str:
    if not numbers["n"]:
        return "–"
    return f"{format_number(numbers['mean'])} {markup.plus_minus} {format_number(numbers['std'])}"


def _format_p_value(numbers: pd.Series, markup: Markup) -> str:
    if pd.isna(numbers["p"]):
        return "–"
    text = format_p_value(numbers["p"], numbers["log10 p"], markup.power)
    return markup.bold.format(text) if numbers["p"] < SIGNIFICANT else text
