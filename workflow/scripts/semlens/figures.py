"""Statistics to figures and tables, as the paper draws and sets them."""

from html import escape
from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import seaborn as sns

from semlens.logs import log
from semlens.pages import SIGNIFICANT, p_value, page

COLOURS = {"scsi": "#d62728", "scdi": "#1f77b4", "dcsi": "#2ca02c", "dcdi": "#f2c500", "sidi": "#9467bd"}
NAMES = {
    "scsi": "same class, same image",
    "scdi": "same class, different image",
    "dcsi": "different class, same image",
    "dcdi": "different class, different image",
    "sidi": "same instance, different image",
}
VERDICTS = {"holds": "✓ order as expected", "does not hold": "✗ order not as expected", "empty set": "a set is empty"}
COLUMNS = 5

Statistics = dict[str, pd.DataFrame]  # by dataset


def read(datasets: list[str], paths: list[str]) -> Statistics:
    """Return one kind of statistics by dataset; conditions are text."""
    return {dataset: pd.read_csv(path, dtype={"condition": str}) for dataset, path in zip(datasets, paths, strict=True)}


def boxes(sets: Statistics, trend: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return a box plot per condition (columns) and dataset (rows), from quartiles and whiskers (Figs. 3 to 8).

    Boxes span the quartiles, whiskers end at the last distance within 1.5 interquartile ranges, diamonds are means.
    More than five conditions continue in rows below.
    """
    _style()
    conditions = list(dict.fromkeys(next(iter(sets.values()))["condition"]))
    blocks = [conditions[start : start + COLUMNS] for start in range(0, len(conditions), COLUMNS)]
    rows = [(block, dataset) for block in blocks for dataset in sets]
    figure, panels = plt.subplots(
        len(rows),
        len(blocks[0]),
        figsize=(max(5.5, 2.3 * len(blocks[0]) + 0.6), 2.5 * len(rows) + 1.1),
        squeeze=False,
        layout="constrained",
    )
    scales: dict[str, plt.Axes] = {}
    for line, (block, dataset) in zip(panels, rows, strict=True):
        verdicts = trend[dataset].set_index("condition")["verdict"]
        for panel, condition in zip(line, block, strict=False):
            if axis != "metric":
                panel.sharey(scales.setdefault(dataset, panel))
            seen = sets[dataset][sets[dataset]["condition"] == condition].set_index("set")
            _draw_boxes(panel, seen)
            panel.set_title(VERDICTS[verdicts[condition]], fontsize="x-small", color="0.35", pad=3)
            if dataset == next(iter(sets)):
                above = {"xycoords": "axes fraction", "ha": "center", "fontweight": "bold"}
                panel.annotate(condition.replace("_", " "), (0.5, 1.13), **above)
        for panel in line[len(block) :]:
            panel.axis("off")
        line[0].set_ylabel(f"{dataset}\ndistance")
    _finish(figure, sets, title)
    return figure


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
        meanprops={"marker": "D", "markersize": 3, "markerfacecolor": "white", "markeredgecolor": "black"},
    )
    for patch, place in zip(drawn["boxes"], filled, strict=True):
        patch.set(facecolor=COLOURS[seen.index[place]], edgecolor="black", linewidth=0.8)
    panel.set_xticks(range(len(seen)), [f"{name}\n{count:,}" for name, count in seen["n"].items()])
    panel.set_xlim(-0.6, len(seen) - 0.4)
    panel.tick_params(axis="x", labelsize="x-small")
    panel.grid(axis="x", visible=False)


def curves(sets: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return means along a numeric axis, with bands of one standard deviation, a panel per dataset (Fig. 9)."""
    _style()
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
    panels[-1, 0].set_xlabel(f"{axis} (frames)" if axis == "offset" else axis)
    _finish(figure, sets, title)
    return figure


def save(figure: plt.Figure, *, png: str | Path, pdf: str | Path) -> None:
    """Write a figure for the screen and for print; nothing in the files depends on the day."""
    figure.savefig(png, dpi=160)
    figure.savefig(pdf, metadata={"CreationDate": None})
    plt.close(figure)
    log.info("figure: %s and %s", png, pdf)


def table(pairs: Statistics) -> pd.DataFrame:
    """Return Table 1's layout: p-value and Dunn index of each pair of sets, a column per dataset and condition."""
    parts = []
    for dataset, frame in pairs.items():
        long = frame.assign(sets=frame["set_a"] + " vs. " + frame["set_b"], dataset=dataset)
        long = long.rename(columns={"log10_p": "log10 p", "dunn": "Dunn index"})
        parts.append(
            long.melt(
                ["sets", "dataset", "condition"], ["p", "log10 p", "Dunn index"], var_name="value", value_name="x"
            )
        )
    stacked = pd.concat(parts)
    order = {name: list(dict.fromkeys(stacked[name])) for name in ("sets", "value", "dataset", "condition")}
    wide = stacked.pivot(index=["sets", "value"], columns=["dataset", "condition"], values="x")
    wide = wide.reindex(index=pd.MultiIndex.from_product([order["sets"], order["value"]], names=["sets", "value"]))
    return wide[[column for column in _product(order["dataset"], order["condition"]) if column in wide]]


def save_table(values: pd.DataFrame, *, title: str, csv: str, md: str, tex: str, html: str) -> None:
    """Write a table: numbers as csv; to read, as Markdown, LaTeX and HTML, with p < 0.05 in bold."""
    values.to_csv(csv)
    markdown = _readable(values, bold="**{}**")
    markdown.columns = [" ".join(column) for column in markdown.columns]
    Path(md).write_text(f"{title}\n\n{markdown.reset_index().to_markdown(index=False, disable_numparse=True)}\n")
    latex = _readable(values, bold=r"\textbf{{{}}}").rename(columns=lambda name: name.replace("_", r"\_"))
    latex = latex.replace(r"10\^(-\d+)", r"$10^{\1}$", regex=True)
    Path(tex).write_text(latex.to_latex(multicolumn_format="c"))
    web = _readable(values, bold="<b>{}</b>").rename(columns=lambda name: escape(name.replace("_", " ")))
    Path(html).write_text(page(title, web.to_html(escape=False, border=0, index_names=False)))


def _product(datasets: list[str], conditions: list[str]) -> list[tuple[str, str]]:
    return [(dataset, condition) for dataset in datasets for condition in conditions]


def _readable(values: pd.DataFrame, *, bold: str) -> pd.DataFrame:
    """Numbers as text; the row of logarithms serves the p-values that underflow."""
    rows = [row for row in values.index if row[1] != "log10 p"]
    cells = {column: [_cell(values[column], *row, bold) for row in rows] for column in values.columns}
    return pd.DataFrame(cells, index=pd.MultiIndex.from_tuples(rows, names=values.index.names))


def _cell(column: pd.Series, sets: str, value: str, bold: str) -> str:
    number = column[sets, value]
    if pd.isna(number):
        return "–"
    if value != "p":
        return f"{number:.5f}"
    text = p_value(number, column[sets, "log10 p"])
    return bold.format(text) if number < SIGNIFICANT else text


def _box(row: pd.Series) -> dict[str, float]:
    return {
        "med": row["median"],
        "q1": row["q1"],
        "q3": row["q3"],
        "whislo": row["whisker_low"],
        "whishi": row["whisker_high"],
        "mean": row["mean"],
    }


def _style() -> None:
    sns.set_theme(context="paper", style="whitegrid", font="DejaVu Sans")


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
