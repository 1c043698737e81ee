"""Statistics as tables, laid out as the paper's, in four formats."""

import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from semlens.draw.style import Statistics, format_condition
from semlens.runtime.files import write_atomically
from semlens.statistics.p_values import format_p_value
from semlens.storage.csv_tables import guard_formula


class Markup(NamedTuple):
    """How a format writes what a table holds."""

    bold: str
    power: str
    set_name: str
    plus_minus: str
    escape: Callable[[str], str]  # a name as plain text


def _escape_markdown(name: str) -> str:
    return re.sub(r"([\\`*|\[\]])", r"\\\1", escape(" ".join(name.split())))


def _escape_tex(name: str) -> str:
    words = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return re.sub(r"[\\~^]|[{}$&#_%]", lambda found: words.get(found[0], f"\\{found[0]}"), " ".join(name.split()))


MARKUP = {
    "md": Markup("**{}**", "{}e{}", "{}", "±", _escape_markdown),
    "tex": Markup(r"\textbf{{{}}}", r"${}\times10^{{{}}}$", "$S_{{{}}}$", r"$\pm$", _escape_tex),
    "html": Markup("<b>{}</b>", "{}&thinsp;×&thinsp;10<sup>{}</sup>", "S<sub>{}</sub>", "±", escape),
}
NOTHING = "–"
_INTERVAL = "95 % interval"
_PER_CENT = re.compile(r"(?<!\\)%")  # begins a comment in LaTeX
_COMPARISON_NAMES = {"between": "between images", "inside": "inside images", "identity": "identity"}
_TEST = ["band_low", "band_high", "p_adjusted", "among_best"]
_COUNTS = {"objects": "n_objects", "images": "n_units", "classes": "n_classes"}
_DUNN_COLUMNS = {"table1": "dunn_table1", "eq10": "dunn_eq10"}


def tabulate_means(sets: Statistics) -> pd.DataFrame:
    """Return by set the number of distances, mean, standard deviation (Tables S.1, S.2, S.4, ...), interval, normality.

    Rows are (set, value), columns (comparison, condition).
    """
    tables = {name: table.rename(columns={"set": "sets"}) for name, table in sets.items()}
    return _pivot(tables, ["n", "mean", "std", "low", "high", "shapiro_p"])


def tabulate_separation(separation: Statistics) -> pd.DataFrame:
    """Return the separation of every comparison that has any, its interval, test and counts.

    Rows are (comparison, value), columns (comparison, condition).
    """
    measured = pd.concat(separation.values()).groupby("comparison")["n_objects"].sum()
    tables = {
        name: table[table["comparison"].map(measured) > 0].rename(columns={"comparison": "sets"})
        for name, table in separation.items()
    }
    return _pivot(tables, ["separation", *_TEST, *_COUNTS.values()])


def tabulate_tasks(tasks: Statistics) -> pd.DataFrame:
    """Return every measure of every task, its interval, what chance gives, its test and counts.

    Rows are (task and measure, value), columns (comparison, condition).
    """
    tables = {
        name: table.assign(
            sets=table["task"]
            + table["target"].map({"identity": " of the object itself", "class": ""})
            + ": "
            + table["measure"].str.replace("_", " ")
        )
        for name, table in tasks.items()
    }
    return _pivot(tables, ["value", "chance", *_TEST, *_COUNTS.values()])


def tabulate_tests(tests: Statistics, *, dunn: str) -> pd.DataFrame:
    """Return the p-value, its logarithm and the Dunn index of each pair of sets, laid out as Table 1, and its interval.

    Rows are (pair, value), columns (comparison, condition).

    Parameters
    ----------
    dunn
        ``table1``: the difference of means over the larger standard deviation. ``eq10``: Eq. 10, without interval.
    """
    names = {"log10_p": "log10 p", _DUNN_COLUMNS[dunn]: "Dunn index"}
    names |= {"dunn_table1_low": "low", "dunn_table1_high": "high"}
    tables = {
        name: table.rename(columns=names).assign(sets=table["set_a"] + " vs. " + table["set_b"])
        for name, table in tests.items()
    }
    return _pivot(tables, ["p", "log10 p", "Dunn index", *(["low", "high"] if dunn == "table1" else [])])


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
    values: pd.DataFrame,
    format_text: Callable[[Markup], pd.DataFrame],
    *,
    title: str,
    files: dict[str, str],
    nothing: str = "",
) -> None:
    """Write a table: its numbers as CSV; to read, as Markdown, LaTeX and a piece of HTML.

    Parameters
    ----------
    format_text
        Returns the table as text in a markup; its columns may have several levels.
    files
        Paths by format: ``csv``, ``md``, ``tex`` and ``html``.
    nothing
        What stands in the place of a table without rows.
    """
    if values.empty:
        texts = {"csv": values.to_csv(), "md": f"{title}\n\n{nothing}\n", "tex": nothing, "html": f"<p>{nothing}</p>"}
        _write_texts(texts, files)
        return
    title, markdown = MARKUP["md"].escape(title), format_text(MARKUP["md"])
    if markdown.columns.nlevels > 1:
        markdown.columns = [" ".join(column) for column in markdown.columns]
    texts = {
        "csv": values.rename(index=guard_formula, columns=guard_formula).to_csv(),
        "md": f"{title}\n\n{markdown.reset_index().to_markdown(index=False, disable_numparse=True)}\n",
        "tex": _PER_CENT.sub(r"\\%", format_text(MARKUP["tex"]).to_latex(multicolumn_format="c")),
        "html": format_text(MARKUP["html"]).to_html(escape=False, border=0, index_names=False),
    }
    _write_texts(texts, files)


def _write_texts(texts: dict[str, str], files: dict[str, str]) -> None:
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
    """Return what a function above returns, in rows and words to read; the paper's tables as the paper prints them."""
    table, rows = {}, []
    for sets, block in values.groupby(level="sets", sort=False):
        names = sets if "chance" in block.droplevel("sets").index else _name_sets(sets, markup)
        for value, line in _format_block(block.droplevel("sets"), markup).items():
            rows.append((names, value))
            table[rows[-1]] = line
    printed = pd.DataFrame(table).T.set_axis(pd.MultiIndex.from_tuples(rows, names=["sets", "value"]))
    headings = [
        (markup.escape(name), markup.escape(format_condition(axis, condition))) for name, condition in values.columns
    ]
    printed.columns = pd.MultiIndex.from_tuples(headings, names=["comparison", "condition"])
    return printed


def _name_sets(sets: str, markup: Markup) -> str:
    return _COMPARISON_NAMES.get(sets) or " vs. ".join(map(markup.set_name.format, sets.split(" vs. ")))


def format_number(value: float) -> str:
    """Return a number as tables print it."""
    return NOTHING if pd.isna(value) else f"{value:.5f}"


def _format_block(numbers: pd.DataFrame, markup: Markup) -> dict[str, pd.Series]:
    """Return the printed lines of one set, of one pair of sets, or of one comparison."""
    if "among_best" in numbers.index:
        return _format_measure(numbers, markup)
    if "Dunn index" in numbers.index:
        return {
            "p (descriptive)": numbers.apply(_format_p_value, markup=markup),
            "Dunn index": numbers.loc["Dunn index"].map(format_number),
        } | ({_INTERVAL: numbers.apply(format_interval)} if "low" in numbers.index else {})
    return {
        f"mean {markup.plus_minus} std": numbers.apply(_format_mean, markup=markup),
        _INTERVAL: numbers.apply(format_interval),
        "n": numbers.loc["n"].map("{:,.0f}".format),
        "Shapiro-Wilk p": numbers.loc["shapiro_p"].map(format_p),
    }


def _format_measure(numbers: pd.DataFrame, markup: Markup) -> dict[str, pd.Series]:
    """Return the printed lines of separation, or of one measure of a task."""
    name = "separation" if "separation" in numbers.index else "value"
    best, value = numbers.loc["among_best"].fillna(False).astype(bool), numbers.loc[name].map(format_short)
    lines = {
        name: value.where(~best, value.map(markup.bold.format)),
        _INTERVAL: numbers.apply(format_interval),
        **({"chance": numbers.loc["chance"].map(format_short)} if "chance" in numbers.index else {}),
        "p": numbers.loc["p_adjusted"].map(format_p),
        **{name: numbers.loc[key].map(_format_count) for name, key in _COUNTS.items()},
    }
    return {name: line for name, line in lines.items() if not (line == NOTHING).all()}


def _format_count(value: float) -> str:
    return NOTHING if pd.isna(value) else f"{value:,.0f}"


def _format_mean(numbers: pd.Series, markup: Markup) -> str:
    if not numbers["n"]:
        return NOTHING
    return f"{format_number(numbers['mean'])} {markup.plus_minus} {format_number(numbers['std'])}"


def format_interval(numbers: pd.Series) -> str:
    """Return the interval from ``low`` to ``high``, or that of a band, as tables print it."""
    low, high = (numbers["band_low"], numbers["band_high"]) if "band_low" in numbers else numbers[["low", "high"]]
    return NOTHING if pd.isna(low) else f"{low:.3f} to {high:.3f}"


def format_short(value: float) -> str:
    """Return a separation as tables print it."""
    return NOTHING if pd.isna(value) else f"{value:.3f}"


def format_p(value: float) -> str:
    """Return a p-value as tables print it."""
    return f"{value:.0e}" if value < 0.0005 else format_short(value)


def _format_p_value(numbers: pd.Series, markup: Markup) -> str:
    return NOTHING if pd.isna(numbers["p"]) else format_p_value(numbers["p"], numbers["log10 p"], markup.power)
