"""TODO."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from semlens.draw.style import Statistics, format_heading
from semlens.statistics.p_values import SIGNIFICANT, format_p_value


class Markup(NamedTuple):
    """How one kind of text writes what a table holds."""

    bold: str
    power: str
    distances: str
    plus_minus: str
    escape: Callable[[str], str]  # a name as plain text


MEANS = ("n", "mean", "std")


MARKUP = {
    "md": Markup("**{}**", "{}e{}", "{}", "±", escape),
    "tex": Markup(
        r"\textbf{{{}}}", r"${}\times10^{{{}}}$", "$S_{{{}}}$", r"$\pm$", lambda name: name.replace("_", r"\_")
    ),
    "html": Markup("<b>{}</b>", "{}&thinsp;×&thinsp;10<sup>{}</sup>", "S<sub>{}</sub>", "±", escape),
}


def tabulate_means(sets: Statistics) -> pd.DataFrame:
    """Return how many distances each set has, their mean and standard deviation (Tables S.1, S.2, S.4, ...).

    Rows are (set, value), columns (dataset, condition).
    """
    return _pivot({dataset: table.rename(columns={"set": "sets"}) for dataset, table in sets.items()}, list(MEANS))


def tabulate_tests(pairs: Statistics, *, dunn: str) -> pd.DataFrame:
    """Return p-value, its logarithm and Dunn index of each pair of sets, laid out as Table 1.

    Rows are (pair, value), columns (dataset, condition). ``dunn`` is ``means``, the difference of means over the
    larger standard deviation, or ``classical``, Eq. 10.
    """
    named = {"log10_p": "log10 p", "dunn_table1" if dunn == "table1" else "dunn_eq10": "Dunn index"}
    long = {}
    for dataset, table in pairs.items():
        sets = table["set_a"] + " vs. " + table["set_b"]
        long[dataset] = table.drop(columns=set(named.values()) & set(table)).rename(columns=named).assign(sets=sets)
    return _pivot(long, ["p", "log10 p", "Dunn index"])


def _pivot(long: Statistics, values: list[str]) -> pd.DataFrame:
    parts = [
        table.melt(["sets", "condition"], values, var_name="value", value_name="x").assign(dataset=dataset)
        for dataset, table in long.items()
    ]
    stacked = pd.concat(parts)
    rows = pd.MultiIndex.from_product([stacked["sets"].unique(), values], names=["sets", "value"])
    columns = stacked[["dataset", "condition"]].drop_duplicates()
    wide = stacked.pivot(index=["sets", "value"], columns=["dataset", "condition"], values="x")
    return wide.reindex(index=rows, columns=pd.MultiIndex.from_frame(columns))


def save_table(
    values: pd.DataFrame,
    written: Callable[[Markup], pd.DataFrame],
    *,
    title: str,
    csv: str,
    md: str,
    tex: str,
    html: str,
) -> None:
    """Write a table: numbers as csv; to read, as Markdown, LaTeX and a piece of HTML.

    Parameters
    ----------
    written
        The table as text, in the markup that it is given; its columns may have several levels.
    """
    values.to_csv(csv)
    markdown = written(MARKUP["md"])
    if markdown.columns.nlevels > 1:
        markdown.columns = [" ".join(column) for column in markdown.columns]
    Path(md).write_text(f"{title}\n\n{markdown.reset_index().to_markdown(index=False, disable_numparse=True)}\n")
    Path(tex).write_text(written(MARKUP["tex"]).to_latex(multicolumn_format="c"))
    Path(html).write_text(written(MARKUP["html"]).to_html(escape=False, border=0, index_names=False))


def describe_sampling(sets: Statistics) -> str:
    """Return what a title has to add where quartiles and tests rest on a part of the distances; nothing elsewhere."""
    some = pd.concat([of_dataset[of_dataset["n_stored"] < of_dataset["n"]] for of_dataset in sets.values()])
    if some.empty:
        return ""
    most, ranked = some["n"].max(), some["n_stored"].max()
    return f"\n(quartiles and tests rest on a random {ranked:,} of up to {most:,} distances of a set)"


def format_table(values: pd.DataFrame, axis: str, markup: Markup) -> pd.DataFrame:
    """Return what :func:`moments` or :func:`tests` found, in rows and words as the paper prints them.

    p-values below 0.05 are bold, means stand with their standard deviations.
    """
    table, rows = {}, []
    for sets, block in values.groupby(level="sets", sort=False):
        numbers = block.droplevel("sets")
        names = " vs. ".join(markup.distances.format(name) for name in sets.split(" vs. "))
        if "p" in numbers.index:
            lines = {
                "p": numbers.apply(_format_p_value, markup=markup),
                "Dunn index": numbers.loc["Dunn index"].map(format_number),
            }
        else:
            lines = {
                "mean ± std": numbers.apply(_format_mean, markup=markup),
                "n": numbers.loc["n"].map("{:,.0f}".format),
            }
        for name, line in lines.items():
            rows.append((names, name.replace("±", markup.plus_minus)))
            table[rows[-1]] = line
    printed = pd.DataFrame(table).T.set_axis(pd.MultiIndex.from_tuples(rows, names=["sets", "value"]))
    printed.columns = pd.MultiIndex.from_tuples(
        [
            (markup.escape(dataset), markup.escape(format_heading(axis, condition)))
            for dataset, condition in values.columns
        ],
        names=["dataset", "condition"],
    )
    return printed


def format_number(value: float) -> str:
    """Return a number as tables print it."""
    return "–" if pd.isna(value) else f"{value:.5f}"


def _format_mean(numbers: pd.Series, markup: Markup) -> str:
    return (
        "–"
        if not numbers["n"]
        else f"{format_number(numbers['mean'])} {markup.plus_minus} {format_number(numbers['std'])}"
    )


def _format_p_value(numbers: pd.Series, markup: Markup) -> str:
    """As Table 1 has it; a p-value that underflows is known by its logarithm."""
    if pd.isna(numbers["p"]):
        return "–"
    text = format_p_value(numbers["p"], numbers["log10 p"], markup.power)
    return markup.bold.format(text) if numbers["p"] < SIGNIFICANT else text
