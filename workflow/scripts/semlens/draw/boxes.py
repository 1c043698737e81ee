"""Box plots of distance sets, condition by condition (Figs. 3 to 8)."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from semlens.config.axes import AXES
from semlens.draw.style import PALETTES, Statistics, add_legend, apply_style, format_condition, format_distance

_LEAST_SPAN = 0.01  # of a panel, as a share of the largest distance


@apply_style()
def draw_boxes(
    sets: Statistics, order: Statistics, *, title: str, axis: str, metric: str = "", palette: str = "okabe_ito"
) -> plt.Figure:
    """Return a row of panels per comparison, a panel per condition, a box per distance set.

    Boxes span the quartiles. Whiskers end at the last distance within 1.5 interquartile ranges. A set of few distances
    is drawn as points. Diamonds are means, with their intervals beside them. Where views change one set alone, a
    comparison has one panel, a box per view, and bands of the other sets.

    Parameters
    ----------
    sets, order
        Tables as :mod:`semlens.statistics.sets` and :mod:`semlens.statistics.order` describe them.
    axis
        The experiment's: a key of :data:`semlens.config.axes.AXES`.
    metric
        The distance, by its name, where it is one.
    palette
        A key of :data:`semlens.draw.style.PALETTES`.
    """
    conditions = list(dict.fromkeys(next(iter(sets.values()))["condition"]))
    if axis == "view" and all(len(_list_varying(table)) <= 1 for table in sets.values()):
        return _draw_against_bands(sets, conditions, title, metric, palette)
    width = 2.3 if len(conditions) <= 5 else 1.55  # inches
    figure, panels = plt.subplots(
        len(sets),
        len(conditions),
        figsize=(max(5.5, width * len(conditions) + 0.7), 2.5 * len(sets) + 1.1),
        sharey=True if AXES[axis].shares_scale else "col",
        squeeze=False,
        layout="constrained",
    )
    for row, (name, table) in zip(panels, sets.items(), strict=True):
        verdicts = order[name].set_index("condition")["verdict"]
        for panel, condition in zip(row, conditions, strict=True):
            of_sets = table[table["condition"] == condition].set_index("set")
            _draw_panel(panel, of_sets, PALETTES[palette])
            empty = ", ".join(of_sets.index[of_sets["n"] == 0])
            verdict = f"no {empty}" if verdicts[condition] == "empty" else f"order {verdicts[condition]}"
            panel.set_title(verdict, fontsize="x-small", color="0.35", pad=3)
        row[0].set_ylabel(f"{name}\n{format_distance(metric)}")
    _widen(panels)
    for panel, condition in zip(panels[0], conditions, strict=True):
        heading = {"xycoords": "axes fraction", "ha": "center", "fontweight": "bold"}
        panel.annotate(format_condition(axis, condition), (0.5, 1.13), **heading)
    add_legend(figure, sets, title, palette)
    return figure


def _draw_against_bands(sets: Statistics, conditions: list[str], title: str, metric: str, palette: str) -> plt.Figure:
    """Return a panel per comparison: a box per condition of the set that varies, on bands of those that do not."""
    figure, panels = plt.subplots(
        len(sets),
        1,
        figsize=(max(5.5, 0.75 * len(conditions) + 1.5), 2.9 * len(sets) + 1.1),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, (name, table) in zip(panels[:, 0], sets.items(), strict=True):
        varies = table["set"].isin(_list_varying(table))
        for set_name, rows in table[~varies].groupby("set", sort=False):
            row = rows.iloc[0]
            if row["n"]:
                colour = PALETTES[palette][set_name]
                panel.axhspan(row["q1"], row["q3"], color=colour, alpha=0.3, linewidth=0)
                panel.axhline(row["median"], color=colour, linewidth=1.5)
        varying = table[varies].reset_index(drop=True)
        _draw_panel(panel, varying.set_index("set"), PALETTES[palette])
        counts = [f"{row.condition}\n{_format_count(row.n)}" for row in varying.itertuples()]
        panel.set_xticks(range(len(varying)), counts, rotation=30 if len(varying) > 6 else 0)
        panel.set_ylabel(f"{name}\n{format_distance(metric)}")
    _widen(panels)
    add_legend(figure, sets, title, palette)
    return figure


def _list_varying(table: pd.DataFrame) -> list[str]:
    """Return the sets whose distances are not the same under all of several conditions."""
    return [name for name, rows in table.groupby("set", sort=False) if not _is_one(rows)]


def _is_one(rows: pd.DataFrame) -> bool:
    return len(rows) > 1 and len(rows[["n", "mean", "q1", "median", "q3"]].round(6).drop_duplicates()) == 1


def _draw_panel(panel: plt.Axes, sets: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw a box per row, or points; a set without pairs leaves its place empty."""
    few = sets["few"].notna() & (sets["n"] > 0)
    places = [place for place, count in enumerate(sets["n"]) if count and not few.iloc[place]]
    boxes = panel.bxp(
        [_describe_box(sets.iloc[place]) for place in places],
        positions=places,
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
    )["boxes"]
    for box, place in zip(boxes, places, strict=True):
        box.set(facecolor=colours[sets.index[place]], edgecolor="black", linewidth=0.8)
    for place in np.flatnonzero(few):
        values = [float(text) for text in str(sets["few"].iloc[place]).split()]
        edge = {"markeredgecolor": "black", "markeredgewidth": 0.8}
        panel.plot([place] * len(values), values, "o", color=colours[sets.index[place]], **edge)
        panel.plot([place], sets["mean"].iloc[place], "D", color="white", markersize=3, **edge)
    panel.vlines(np.arange(len(sets)) + 0.42, sets["low"], sets["high"], color="black", linewidth=1.6)
    panel.set_xticks(range(len(sets)), [f"{name}\n{_format_count(count)}" for name, count in sets["n"].items()])
    panel.set_xlim(-0.6, len(sets) - 0.4)
    panel.tick_params(axis="x", labelsize="x-small")
    panel.grid(axis="x", visible=False)


def _widen(panels: np.ndarray) -> None:
    """Show distances that are all but equal as such, and not what rounding makes of them."""
    for panel in panels.flat:
        low, high = panel.get_ylim()
        if high - low < _LEAST_SPAN * abs(high):
            middle, half = (low + high) / 2, _LEAST_SPAN / 2 * abs(high)
            panel.set_ylim(middle - half, middle + half)
        panel.ticklabel_format(axis="y", useOffset=False)


def _format_count(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1e3:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"


def _describe_box(row: pd.Series) -> dict[str, float]:
    return {
        "med": row["median"],
        "q1": row["q1"],
        "q3": row["q3"],
        "whislo": row["whisker_low"],
        "whishi": row["whisker_high"],
        "mean": row["mean"],
    }
