"""TODO."""

import matplotlib.pyplot as plt
import pandas as pd

from semlens.draw.style import COLOURS, VERDICTS, Statistics, add_legend, format_heading, set_style


def draw_boxes(sets: Statistics, trend: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return a row of panels per dataset, a box plot per condition, from quartiles and whiskers (Figs. 3 to 8).

    Boxes span the quartiles, whiskers end at the last distance within 1.5 interquartile ranges, diamonds are means.
    """
    set_style()
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
            _draw_panel(panel, table[table["condition"] == condition].set_index("set"))
            panel.set_title(VERDICTS[verdicts[condition]], fontsize="x-small", color="0.35", pad=3)
            if dataset == next(iter(sets)):
                above = {"xycoords": "axes fraction", "ha": "center", "fontweight": "bold"}
                panel.annotate(format_heading(axis, condition), (0.5, 1.13), **above)
        line[0].set_ylabel(f"{dataset}\ndistance")
    add_legend(figure, sets, title)
    return figure


def _draw_panel(panel: plt.Axes, seen: pd.DataFrame) -> None:
    """A box per row of ``seen``; a set without pairs leaves its place empty."""
    filled = [place for place, count in enumerate(seen["n"]) if count]
    drawn = panel.bxp(
        [_describe_box(seen.iloc[place]) for place in filled],
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
    panel.set_xticks(range(len(seen)), [f"{name}\n{_format_count(count)}" for name, count in seen["n"].items()])
    panel.set_xlim(-0.6, len(seen) - 0.4)
    panel.tick_params(axis="x", labelsize="x-small")
    panel.grid(axis="x", visible=False)


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
