"""Heat maps of layer by timestep: any measure of a grid of conditions, with those that cannot be told from the best."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from semlens.draw.separation import place_conditions
from semlens.draw.style import apply_style
from semlens.statistics.comparisons import MIN_UNITS

MOST_NUMBERS = 150  # cells of a map that show their value
_OUTLINE = {"color": "black", "linewidth": 2.2, "solid_capstyle": "projecting", "clip_on": False}


class HeatMap(NamedTuple):
    """A measure by layer (rows) and timestep (columns), and which cells cannot be told from the best of all."""

    values: pd.DataFrame
    best: pd.DataFrame


def arrange_grid(table: pd.DataFrame, value: str) -> HeatMap:
    """Return the map of a column of a table.

    Parameters
    ----------
    table
        With ``layers``, ``timestep``, ``among_best`` and the column.
    """
    layers = list(place_conditions("layers", list(dict.fromkeys(table["layers"]))))
    values, best = (
        table.pivot(index="layers", columns="timestep", values=column).reindex(index=layers)
        for column in (value, "among_best")
    )
    return HeatMap(values, best.fillna(False).astype(bool))


@apply_style()
def draw_heat_maps(rows: Mapping[str, Mapping[str, HeatMap]], *, title: str) -> plt.Figure:
    """Return heat maps: a row per comparison and a column per measure, whose maps share a scale.

    Parameters
    ----------
    rows
        By the comparison's name and the measure's. A comparison may lack a measure.
    """
    if not any(rows.values()):
        return _draw_nothing(title)
    measures = list(dict.fromkeys(measure for maps in rows.values() for measure in maps))
    sizes = [one.values.shape for maps in rows.values() for one in maps.values()]
    height, width = (max(size[axis] for size in sizes) for axis in (0, 1))
    has_numbers = height * width <= MOST_NUMBERS
    panel = (max(2.6, (0.5 if has_numbers else 0.3) * width + 1.0), max(1.6, 0.27 * height + 0.8))
    figure, panels = plt.subplots(
        len(rows),
        len(measures),
        figsize=(panel[0] * len(measures) + 0.8, panel[1] * len(rows) + 0.7),
        squeeze=False,
        layout="constrained",
    )
    for column, measure in enumerate(measures):
        found = [maps[measure].values.to_numpy(float) for maps in rows.values() if measure in maps]
        known = np.concatenate([values[~np.isnan(values)] for values in found])
        limits = {"vmin": known.min(initial=1.0), "vmax": known.max(initial=0.0)} if len(known) else {}
        for row, (name, maps) in enumerate(rows.items()):
            if measure in maps:
                _draw_map(panels[row, column], maps[measure], has_numbers=has_numbers, limits=limits)
            else:
                panels[row, column].set_axis_off()
            if row == 0:
                panels[row, column].set_title(measure, fontsize="medium")
            if column == 0:
                panels[row, column].set_ylabel(name, fontsize="medium")
        drawn = [one for one in panels[:, column] if one.collections]
        figure.colorbar(drawn[0].collections[0], ax=list(panels[:, column]), shrink=0.8, pad=0.02)
    figure.supxlabel("timestep of noise", fontsize="medium")
    figure.suptitle(title, fontsize="large")
    return figure


def _draw_nothing(title: str) -> plt.Figure:
    figure, panel = plt.subplots(figsize=(5.2, 1.4), layout="constrained")
    panel.set_axis_off()
    panel.text(0.5, 0.5, f"no class has objects to compare in {MIN_UNITS} images (videos)", ha="center")
    figure.suptitle(title, fontsize="large")
    return figure


def _draw_map(panel: plt.Axes, one: HeatMap, *, has_numbers: bool, limits: dict[str, float]) -> None:
    sns.heatmap(
        one.values.astype(float),
        ax=panel,
        cmap="viridis",
        cbar=False,
        annot=has_numbers,
        fmt=".2f",
        annot_kws={"fontsize": "x-small"},
        xticklabels=True,
        yticklabels=True,
        **limits,
    )
    panel.grid(visible=False)
    panel.tick_params(labelsize="x-small", length=0)
    panel.tick_params(axis="y", rotation=0)
    panel.set_xlabel("")
    panel.set_ylabel("")
    for start, stop in list_edges(one.best.to_numpy()):
        panel.plot(*zip(start, stop, strict=True), **_OUTLINE)


def list_edges(cells: np.ndarray) -> Sequence[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the borders, as ends (x, y), between cells that are True and those that are not.

    Parameters
    ----------
    cells
        (rows, columns) bool.
    """
    padded = np.pad(cells, 1)
    beside = [((x, y), (x, y + 1)) for y, x in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])]
    below = [((x, y), (x + 1, y)) for y, x in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])]
    return [*beside, *below]
