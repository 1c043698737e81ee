"""The specification curve (Simonsohn, Simmons and Nelson 2020): one question, answered under all choices at once."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from semlens.config.choices import CHOICES, format_choice
from semlens.draw.separation import COMPARISON_TITLES
from semlens.draw.style import apply_style
from semlens.draw.tables import format_p
from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.order import VERDICTS, judge_signs
from semlens.storage.csv_tables import read_csv

_COLUMNS = 2  # of blocks, one per model and dataset
_ALONE, _BESIDE = 9.0, 5.6  # inches: width of a block that has no other beside it, and of others
_CURVE, _GAP, _ROW = 2.5, 1.15, 0.165  # inches: heights of the curve, of a gap, of a row of choices
_LABELS = 1.1  # inches that labels take from a block's width
_LETTER = 0.061  # width in inches of a letter of a block's heading
_DOTS = 3.0  # points between specifications, from which on choices are dots and marks have edges
# Of each verdict: colours of Okabe and Ito (2008), and marks that differ without them.
_BLUE, _SKY, _RED = "#0072b2", "#56b4e9", "#d55e00"
_LOOKS = {
    "established": {"marker": "o", "color": _BLUE},
    "observed": {"marker": "o", "color": _SKY, "markerfacecolor": "white"},
    "undecided": {"marker": "D", "color": "0.5", "markerfacecolor": "white"},
    "violated": {"marker": "v", "color": _RED},
    "empty": {"marker": "x", "color": "0.2"},
}


class Multiverse(NamedTuple):
    """What a multiverse found: tables of :mod:`semlens.statistics.multiverse_tables`."""

    specifications: pd.DataFrame
    gaps: pd.DataFrame
    choices: pd.DataFrame
    summary: pd.DataFrame

    def select(self, model: str, dataset: str) -> "Multiverse":
        """Return what was found with one model on one dataset."""
        return Multiverse(*(table[(table["model"] == model) & (table["dataset"] == dataset)] for table in self))


def read_multiverse(
    *, specifications: str | Path, gaps: str | Path, choices: str | Path, summary: str | Path
) -> Multiverse:
    """Return the tables of a multiverse; choices are text."""
    text = [*CHOICES, "highest", "lowest"]
    return Multiverse(*(read_csv(path, text=text) for path in (specifications, gaps, choices, summary)))


@apply_style()
def draw_specification_curve(
    multiverse: Multiverse, runs: Sequence[dict[str, Any]], vary: Mapping[str, Sequence[Any]], *, title: str
) -> plt.Figure:
    """Return a block per model and dataset, whose columns are specifications by rising separation.

    From above: separation, each gap of the expected order over the mean of its last set, and which choices a
    specification is made of. Bars are 95 % intervals, colours and marks are verdicts: above and below on the whole
    order, between them on the one gap.

    Parameters
    ----------
    runs
        Records of ``model``, ``dataset`` and the ``name`` of both.
    vary
        By choice, its values in the order in which they are drawn.
    """
    rows = list_rows(multiverse.specifications, vary)
    gaps = list(dict.fromkeys(multiverse.gaps["gap"]))
    n_columns = min(_COLUMNS, len(runs))
    n_rows = -(-len(runs) // n_columns)
    width = _ALONE if n_columns == 1 else _BESIDE
    heights = [_CURVE, *[_GAP] * len(gaps), _ROW * len(rows) + 0.1]
    figure, grid = plt.subplots(
        n_rows * len(heights),
        n_columns,
        figsize=(width * n_columns, (sum(heights) + 1.2) * n_rows + 0.8),
        height_ratios=heights * n_rows,
        squeeze=False,
        layout="constrained",
    )
    for place, run in enumerate(runs):
        row, column = divmod(place, n_columns)
        panels = grid[row * len(heights) : (row + 1) * len(heights), column]
        found = multiverse.select(run["model"], run["dataset"])
        _draw_block(panels, found, gaps, rows, width - _LABELS)
        lines = [textwrap.fill(line, int((width - _LABELS) / _LETTER)) for line in _describe(run["name"], found)]
        panels[0].set_title("\n".join(lines), fontsize="small", loc="left", linespacing=1.35)
        for panel in panels if column else []:
            panel.set_ylabel("")
            panel.tick_params(labelleft=False)
    _share_scales(grid, len(heights), len(runs))
    for spare in range(len(runs), n_rows * n_columns):
        for panel in grid[spare // n_columns * len(heights) :, spare % n_columns]:
            panel.set_axis_off()
    _add_legend(figure, multiverse.specifications["verdict"], n_columns)
    figure.suptitle(title, fontsize="large")
    return figure


def sort_specifications(table: pd.DataFrame) -> pd.DataFrame:
    """Return specifications by rising separation, those without it last."""
    return table.sort_values("separation", kind="stable", na_position="last", ignore_index=True)


def list_rows(table: pd.DataFrame, vary: Mapping[str, Sequence[Any]]) -> list[tuple[str, str | None]]:
    """Return the rows of choices: of each that varies its key with None, the heading, and with each of its values.

    Parameters
    ----------
    vary
        By choice, its values in the order of rows.
    """
    rows: list[tuple[str, str | None]] = []
    for choice in vary:
        asked, found = list(map(format_choice, vary[choice])), list(table[choice].dropna().unique())
        known = [value for value in asked if value in found]
        rows += [(choice, value) for value in (None, *known, *(value for value in found if value not in known))]
    return rows


def _draw_block(
    panels: Sequence[plt.Axes],
    found: Multiverse,
    gaps: Sequence[str],
    rows: Sequence[tuple[str, str | None]],
    width: float,
) -> None:
    """Draw what was found with one model on one dataset, in panels that are so wide, in inches."""
    table, summary = sort_specifications(found.specifications), found.summary.iloc[0]
    pitch = 72 * width / max(len(table), 1)
    _draw_curve(panels[0], table, summary, pitch)
    for panel, gap in zip(panels[1:-1], gaps, strict=True):
        _draw_gap(panel, found.gaps[found.gaps["gap"] == gap], list(table["specification"]), pitch)
        panel.set_ylabel(f"{gap}\n(of mean {summary['expected'].split(' < ')[-1]})", fontsize="small")
    _draw_choices(panels[-1], table, rows, found.choices, pitch)
    for panel in panels:
        panel.set_xticks([])
        panel.set_xlim(-1, max(len(table), 1))


def _draw_curve(panel: plt.Axes, table: pd.DataFrame, summary: pd.Series, pitch: float) -> None:
    comparison = COMPARISON_TITLES[table["comparison"].iloc[0]]
    panel.set_ylabel(f"separation\n({comparison})", fontsize="small")
    if table["separation"].isna().all():
        text = f"no class has objects to compare in {MIN_UNITS} images (videos)"
        panel.text(0.5, 0.4, text, ha="center", va="center", fontsize="small", transform=panel.transAxes)
    n_known = table["separation"].notna().sum()
    if n_known < len(table):
        panel.axvspan(n_known - 0.5, len(table), facecolor="none", edgecolor="0.8", hatch="///", linewidth=0, zorder=0)
    panel.axhspan(summary["median_low"], summary["median_high"], color="0.9", zorder=0)
    panel.axhline(summary["median"], color="0.3", linewidth=0.8)
    panel.axhline(0.5, color="0.3", linewidth=0.8, linestyle=":")
    above = {True: "bottom", False: "top"}
    _name_level(panel, summary["median"], "median", above[bool(summary["median"] >= 0.5)])
    _name_level(panel, 0.5, "chance", above[bool(summary["median"] < 0.5)])
    _draw_marks(panel, table[["separation", "low", "high"]], table["verdict"], pitch)


def _name_level(panel: plt.Axes, level: float, name: str, align: str) -> None:
    if np.isfinite(level):
        beside = {"xycoords": ("axes fraction", "data"), "xytext": (3, 0), "textcoords": "offset points"}
        panel.annotate(name, (1, level), **beside, va=align, fontsize="x-small", annotation_clip=False)


def _draw_gap(panel: plt.Axes, gaps: pd.DataFrame, order: Sequence[str], pitch: float) -> None:
    """Draw a gap of each specification over its scale, with a verdict of its own."""
    gaps = gaps.set_index("specification").reindex(order).reset_index(drop=True)
    shares = gaps[["value", "low", "high"]].div(gaps["scale"].where(gaps["scale"] > 0), axis=0)
    verdicts = shares.apply(lambda row: judge_signs(row[["value"]].to_numpy(), row[["low", "high"]].to_numpy()), axis=1)
    panel.axhline(0, color="0.3", linewidth=0.8, linestyle=":")
    _draw_marks(panel, shares, verdicts, pitch)


def _draw_marks(panel: plt.Axes, numbers: pd.DataFrame, verdicts: pd.Series, pitch: float) -> None:
    """Draw values with intervals, one beside the other; ``numbers`` are value, low and high, from which NaN is left."""
    size = float(np.clip(0.8 * pitch, 2, 5))
    for verdict, look in _LOOKS.items():
        own = numbers[(verdicts == verdict).to_numpy()].dropna(subset=numbers.columns[0])
        value, low, high = own.to_numpy().T
        panel.vlines(own.index, low, high, color=look["color"], alpha=0.4, linewidth=min(0.6 * pitch, 2.5))
        panel.plot(own.index, value, linestyle="none", **_shrink(look, size), zorder=3)


def _shrink(look: dict[str, Any], size: float) -> dict[str, Any]:
    """Return a mark of a size; small ones are filled."""
    face = {"markerfacecolor": look["color"]} if size < 0.8 * _DOTS else {}
    return look | face | {"markersize": size, "markeredgewidth": min(0.25 * size, 1.1)}


def _draw_choices(
    panel: plt.Axes, table: pd.DataFrame, rows: Sequence[tuple[str, str | None]], choices: pd.DataFrame, pitch: float
) -> None:
    """Draw a dot where a specification has a value, below each choice's name and what it explains."""
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_yticks(range(len(rows)), [CHOICES[choice] if value is None else value for choice, value in rows])
    panel.tick_params(axis="y", labelsize="x-small", length=0)
    of_separation = choices[choices["outcome"] == "separation"].set_index("choice")
    for place, (choice, value) in enumerate(rows):
        if value is None:
            panel.get_yticklabels()[place].set_fontweight("bold")
            panel.axhspan(place - 0.45, place + 0.5, color="0.92", linewidth=0, zorder=0)
            if choice in of_separation.index:
                text = _describe_share(of_separation.loc[choice])
                left = panel.get_yaxis_transform()
                panel.text(0.005, place, text, fontsize="x-small", color="0.25", va="center_baseline", transform=left)
        elif place % 2:
            panel.axhspan(place - 0.5, place + 0.5, color="0.97", linewidth=0, zorder=0)
    for verdict, look in _LOOKS.items():
        own = table[table["verdict"] == verdict]
        dots = [(x, place) for place, (choice, value) in enumerate(rows) for x in own.index[own[choice] == value]]
        x, y = np.array(dots, float).reshape(-1, 2).T
        if pitch >= _DOTS:
            panel.plot(x, y, "o", color=look["color"], markersize=min(0.7 * pitch, 5))
        else:
            panel.vlines(x, y - 0.38, y + 0.38, color=look["color"], linewidth=0.9 * pitch)
    panel.set_xlabel("specifications, by separation", fontsize="small")


def _describe_share(row: pd.Series) -> str:
    if pd.isna(row["share"]):
        return ""
    ends = f" ({row['low']:.0%} to {row['high']:.0%})".replace("%", " %") if pd.notna(row["low"]) else ""
    return f"explains {row['share']:.0%}".replace("%", " %") + f" of the variance of separation{ends}"


def _describe(name: str, found: Multiverse) -> list[str]:
    """Return the heading of a block: how many specifications, what they say together, how often the order holds."""
    summary = found.summary.iloc[0]
    n, n_possible = summary["n_specifications"], summary["n_possible"]
    counted = f"all {n:,} specifications" if n == n_possible else f"{n:,} of {n_possible:,} possible specifications"
    missing = int(found.specifications["separation"].isna().sum())
    unknown = f", {missing:,} without separation" if missing else ""
    lines = [f"{name}: {counted}{unknown}, {summary['n_above_chance']:,} above chance"]
    if pd.notna(summary["median"]):
        low, high = summary["median_low"], summary["median_high"]
        ends = f" ({low:.3f} to {high:.3f})" if pd.notna(low) else ""
        whole = f", p of the whole curve {format_p(summary['p'])}" if pd.notna(summary["p"]) else ""
        lines.append(f"median separation {summary['median']:.3f}{ends}{whole}")
    lines.append(f"{summary['expected']}: established in {summary['established']:,} of {n:,}")
    others = [
        f"{summary[verdict]:,} {verdict}" for verdict in VERDICTS if verdict != "established" and summary[verdict]
    ]
    return [*lines, ", ".join(others)] if others else lines


def _share_scales(grid: np.ndarray, n_parts: int, n_blocks: int) -> None:
    """Give panels of one kind, in all blocks, the scale that shows each of them."""
    n_columns = grid.shape[1]
    for part in range(n_parts - 1):
        panels = [grid[block // n_columns * n_parts + part, block % n_columns] for block in range(n_blocks)]
        limits = np.array([panel.get_ylim() for panel in panels])
        for panel in panels:
            panel.set_ylim(limits[:, 0].min(), limits[:, 1].max())


def _add_legend(figure: plt.Figure, verdicts: Iterable[str], n_columns: int) -> None:
    drawn = set(verdicts)
    handles = [
        plt.Line2D([], [], linestyle="none", label=f"{verdict}: {VERDICTS[verdict]}", **_shrink(look, 5))
        for verdict, look in _LOOKS.items()
        if verdict in drawn
    ]
    look = {"frameon": False, "fontsize": "small", "title": "Expected order of means", "title_fontsize": "small"}
    figure.legend(handles=handles, loc="outside lower center", ncols=n_columns, **look)
