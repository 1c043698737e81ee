"""Statistics to figures and tables, as the paper draws and sets them."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import NamedTuple

import matplotlib
import pandas as pd

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from semlens.logs import log
from semlens.p_values import SIGNIFICANT, p_value

COLOURS = {"scsi": "#d62728", "scdi": "#1f77b4", "dcsi": "#2ca02c", "dcdi": "#f2c500", "sidi": "#9467bd"}
NAMES = {
    "scsi": "same class, same image",
    "scdi": "same class, different image",
    "dcsi": "different class, same image",
    "dcdi": "different class, different image",
    "sidi": "same instance, different image",
}
VERDICTS = {"holds": "✓ order as expected", "does not hold": "✗ order not as expected", "empty set": "a set is empty"}


class Markup(NamedTuple):
    """How one kind of text writes what a table holds."""

    bold: str
    power: str
    distances: str
    plus_minus: str
    escape: Callable[[str], str]  # a name as plain text


MOMENTS = ("n", "mean", "std")
MARKUP = {
    "md": Markup("**{}**", "{}e{}", "{}", "±", escape),
    "tex": Markup(
        r"\textbf{{{}}}", r"${}\times10^{{{}}}$", "$S_{{{}}}$", r"$\pm$", lambda name: name.replace("_", r"\_")
    ),
    "html": Markup("<b>{}</b>", "{}&thinsp;×&thinsp;10<sup>{}</sup>", "S<sub>{}</sub>", "±", escape),
}

Statistics = dict[str, pd.DataFrame]  # by dataset


def read(datasets: list[str], paths: list[str]) -> Statistics:
    """Return one kind of statistics by dataset; conditions are text."""
    return {dataset: pd.read_csv(path, dtype={"condition": str}) for dataset, path in zip(datasets, paths, strict=True)}


def boxes(sets: Statistics, trend: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return a row of panels per dataset, a box plot per condition, from quartiles and whiskers (Figs. 3 to 8).

    Boxes span the quartiles, whiskers end at the last distance within 1.5 interquartile ranges, diamonds are means.
    """
    style()
    conditions = list(dict.fromkeys(next(iter(sets.values()))["condition"]))
    width = 2.3 if len(conditions) <= 5 else 1.55
    figure, panels = plt.subplots(
        len(sets),
        len(conditions),
        figsize=(max(5.5, width * len(conditions) + 0.7), 2.5 * len(sets) + 1.1),
        sharey=False if axis == "metric" else "row",
        squeeze=False,
        layout="constrained",
    )
    for line, (dataset, table) in zip(panels, sets.items(), strict=True):
        verdicts = trend[dataset].set_index("condition")["verdict"]
        for panel, condition in zip(line, conditions, strict=True):
            _draw_boxes(panel, table[table["condition"] == condition].set_index("set"))
            panel.set_title(VERDICTS[verdicts[condition]], fontsize="x-small", color="0.35", pad=3)
            if dataset == next(iter(sets)):
                above = {"xycoords": "axes fraction", "ha": "center", "fontweight": "bold"}
                panel.annotate(heading(axis, condition), (0.5, 1.13), **above)
        line[0].set_ylabel(f"{dataset}\ndistance")
    _finish(figure, sets, title)
    return figure


def heading(axis: str, condition: str) -> str:
    """Return a condition as it stands above its panel or column."""
    return {"timestep": f"t = {condition}", "offset": f"+{condition}"}.get(axis, condition.replace("_", " "))


def _draw_boxes(panel: plt.Axes, seen: pd.DataFrame) -> None:
    """A box per row of ``seen``; a set without pairs leaves its place empty."""
    filled = [place for place, count in enumerate(seen["n"]) if count]
    drawn = panel.bxp(
        [_box(seen.iloc[place]) for place in filled],
        positions=filled,
        widths=0.65,
        showfliers=False,
        manage_ticks=False,
        showmeans=True,
        patch_artist=True,
        medianprops={"color": "black"},
        meanprops={
            **{"marker": "D", "markersize": 3, "markerfacecolor": "white"},
            **{"markeredgecolor": "black", "markeredgewidth": 0.8},
        },
    )
    for patch, place in zip(drawn["boxes"], filled, strict=True):
        patch.set(facecolor=COLOURS[seen.index[place]], edgecolor="black", linewidth=0.8)
    panel.set_xticks(range(len(seen)), [f"{name}\n{_short(count)}" for name, count in seen["n"].items()])
    panel.set_xlim(-0.6, len(seen) - 0.4)
    panel.tick_params(axis="x", labelsize="x-small")
    panel.grid(axis="x", visible=False)


def _short(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1e3:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"


def curves(sets: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return means along a numeric axis, with bands of one standard deviation, a panel per dataset (Fig. 9)."""
    style()
    names = list(dict.fromkeys(next(iter(sets.values()))["set"]))
    figure, panels = plt.subplots(
        len(sets), 1, figsize=(6.5, 2.9 * len(sets) + 0.9), sharex=True, squeeze=False, layout="constrained"
    )
    for panel, (dataset, table) in zip(panels[:, 0], sets.items(), strict=True):
        for name in names:
            seen = table[(table["set"] == name) & (table["n"] > 0)]
            x = seen["condition"].astype(float)
            panel.plot(x, seen["mean"], color=COLOURS[name], marker="o", markersize=3.5)
            panel.fill_between(
                x, seen["mean"] - seen["std"], seen["mean"] + seen["std"], color=COLOURS[name], alpha=0.15, linewidth=0
            )
        panel.set_ylabel(f"{dataset}\nmean distance ± std")
        panel.set_xticks(x)
    panels[-1, 0].set_xlabel(f"{axis} (frames)" if axis == "offset" else axis)
    _finish(figure, sets, title)
    return figure


def save(figure: plt.Figure, *, png: str | Path, pdf: str | Path) -> None:
    """Write a figure for the screen and for print; nothing in the files depends on the day."""
    figure.savefig(png, dpi=160)
    figure.savefig(pdf, metadata={"CreationDate": None})
    plt.close(figure)
    log.info("figure: %s and %s", png, pdf)


def moments(sets: Statistics) -> pd.DataFrame:
    """Return how many distances each set has, their mean and standard deviation (Tables S.1, S.2, S.4, ...).

    Rows are (set, value), columns (dataset, condition).
    """
    return _wide({dataset: table.rename(columns={"set": "sets"}) for dataset, table in sets.items()}, list(MOMENTS))


def tests(pairs: Statistics, *, dunn: str) -> pd.DataFrame:
    """Return p-value, its logarithm and Dunn index of each pair of sets, laid out as Table 1.

    Rows are (pair, value), columns (dataset, condition). ``dunn`` is ``means``, the difference of means over the
    larger standard deviation, or ``classical``, Eq. 10.
    """
    named = {"log10_p": "log10 p", "dunn" if dunn == "means" else "dunn_classical": "Dunn index"}
    long = {}
    for dataset, table in pairs.items():
        sets = table["set_a"] + " vs. " + table["set_b"]
        long[dataset] = table.drop(columns=set(named.values()) & set(table)).rename(columns=named).assign(sets=sets)
    return _wide(long, ["p", "log10 p", "Dunn index"])


def _wide(long: Statistics, values: list[str]) -> pd.DataFrame:
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


def sampled(sets: Statistics) -> str:
    """Return what a title has to add where quartiles and tests rest on a part of the distances; nothing elsewhere."""
    some = pd.concat([of_dataset[of_dataset["n_ranked"] < of_dataset["n"]] for of_dataset in sets.values()])
    if some.empty:
        return ""
    most, ranked = some["n"].max(), some["n_ranked"].max()
    return f"\n(quartiles and tests rest on a random {ranked:,} of up to {most:,} distances of a set)"


def as_printed(values: pd.DataFrame, axis: str, markup: Markup) -> pd.DataFrame:
    """Return what :func:`moments` or :func:`tests` found, in rows and words as the paper prints them.

    p-values below 0.05 are bold, means stand with their standard deviations.
    """
    table, rows = {}, []
    for sets, block in values.groupby(level="sets", sort=False):
        numbers = block.droplevel("sets")
        names = " vs. ".join(markup.distances.format(name) for name in sets.split(" vs. "))
        if "p" in numbers.index:
            lines = {"p": numbers.apply(_p_value, markup=markup), "Dunn index": numbers.loc["Dunn index"].map(number)}
        else:
            lines = {"mean ± std": numbers.apply(_moment, markup=markup), "n": numbers.loc["n"].map("{:,.0f}".format)}
        for name, line in lines.items():
            rows.append((names, name.replace("±", markup.plus_minus)))
            table[rows[-1]] = line
    printed = pd.DataFrame(table).T.set_axis(pd.MultiIndex.from_tuples(rows, names=["sets", "value"]))
    printed.columns = pd.MultiIndex.from_tuples(
        [(markup.escape(dataset), markup.escape(heading(axis, condition))) for dataset, condition in values.columns],
        names=["dataset", "condition"],
    )
    return printed


def number(value: float) -> str:
    """Return a number as tables print it."""
    return "–" if pd.isna(value) else f"{value:.5f}"


def _moment(numbers: pd.Series, markup: Markup) -> str:
    return "–" if not numbers["n"] else f"{number(numbers['mean'])} {markup.plus_minus} {number(numbers['std'])}"


def _p_value(numbers: pd.Series, markup: Markup) -> str:
    """As Table 1 has it; a p-value that underflows is known by its logarithm."""
    if pd.isna(numbers["p"]):
        return "–"
    text = p_value(numbers["p"], numbers["log10 p"], markup.power)
    return markup.bold.format(text) if numbers["p"] < SIGNIFICANT else text


def _box(row: pd.Series) -> dict[str, float]:
    return {
        "med": row["median"],
        "q1": row["q1"],
        "q3": row["q3"],
        "whislo": row["whisker_low"],
        "whishi": row["whisker_high"],
        "mean": row["mean"],
    }


def style() -> None:
    """Set the look that all figures share."""
    plt.style.use(["seaborn-v0_8-whitegrid", "seaborn-v0_8-paper", {"font.family": "DejaVu Sans"}])


def _finish(figure: plt.Figure, sets: Statistics, title: str) -> None:
    pairs = pd.concat(sets.values()).groupby("set", sort=False)["n"].sum()
    handles = [
        plt.Rectangle((0, 0), 1, 1, facecolor=COLOURS[name], edgecolor="black", linewidth=0.5) for name in pairs.index
    ]
    labels = [f"{name}: {NAMES[name]}" + ("" if count else " (no pairs)") for name, count in pairs.items()]
    columns = len(labels) if figure.get_figwidth() > 9 else 2
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize="small", columnspacing=1
    )
    figure.suptitle(title, fontsize="large")
