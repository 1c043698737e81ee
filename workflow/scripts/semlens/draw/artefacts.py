"""What else could it be: separation above what prototypes hold beside classes, condition by condition."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from semlens.draw.separation import (
    COMPARISON_TITLES,
    colour_models,
    is_joined,
    label_conditions,
    make_handles,
    place_conditions,
    style_line,
    style_marker,
)
from semlens.draw.style import apply_style


class Series(NamedTuple):
    """What a row of panels shows: columns of a table, and the value that says nothing."""

    label: str
    value: str
    low: str | None
    high: str | None
    nothing: float | None


_ROWS = (
    Series("separation", "separation", "band_low", "band_high", 0.5),
    Series("place\n(R2)", "place_r2", "place_low", "place_high", 0),
    Series("size\n(R2)", "size_r2", "size_low", "size_high", 0),
    Series("variance in\n4 channels", "variance_share", None, None, None),
)
_LOWEST = -0.25  # of an R2 that is shown: lower ones are off the panel


class Measurement(NamedTuple):
    """What an experiment measured with a model on a dataset: tables of statistics; conditions are text."""

    model: str
    dataset: str
    separation: pd.DataFrame
    artefacts: pd.DataFrame


@apply_style()
def draw_artefacts(
    measurements: Sequence[Measurement], models: Sequence[dict[str, Any]], *, title: str, axis: str
) -> plt.Figure:
    """Return a column of panels per dataset: separation, place and size as probes read them, the largest channels.

    Models have colours, and controls are dashed, as :func:`semlens.draw.separation.draw_studies` has them. Conditions
    stand where they stand there.
    """
    datasets = list(dict.fromkeys(one.dataset for one in measurements))
    n_conditions = max(len(one.artefacts) for one in measurements)
    width = max(5.2 if len(datasets) == 1 else 4.2, min(1.6 + 0.3 * n_conditions, 14 / len(datasets)))
    figure, panels = plt.subplots(
        len(_ROWS),
        len(datasets),
        figsize=(width * len(datasets), 7.2),
        squeeze=False,
        sharex="col",
        sharey="row",
        height_ratios=[1.5, 1, 1, 1],
        layout="constrained",
    )
    colours = colour_models(models)
    pretrained = {model["name"] for model in models if model["weights"] == "pretrained"}
    for column, dataset in zip(panels.T, datasets, strict=True):
        found = sorted(
            (one for one in measurements if one.dataset == dataset), key=lambda one: [*colours].index(one.model)
        )
        places = place_conditions(
            axis, list(dict.fromkeys(name for one in found for name in one.artefacts["condition"]))
        )
        for one in found:
            comparison = one.separation["comparison"].iloc[0]
            separation = one.separation[one.separation["comparison"] == comparison]
            for panel, row in zip(column, _ROWS, strict=True):
                table = separation if row.value == "separation" else one.artefacts
                _draw_series(panel, row, table, axis, places, colours[one.model], one.model not in pretrained)
        column[0].set_title(f"{COMPARISON_TITLES[comparison]} ({dataset})", fontsize="medium")
        label_conditions(column[-1], axis, places)
    for line, row in zip(panels, _ROWS, strict=True):
        line[0].set_ylabel(row.label)
        if row.value != "separation":
            low, high = line[0].get_ylim()
            line[0].set_ylim(max(min(low, -0.05), _LOWEST), max(high, 1.05))
    handles = make_handles(models, {one.model for one in measurements})
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6), frameon=False)
    figure.suptitle(title, fontsize="large")
    return figure


def _draw_series(
    panel: plt.Axes,
    row: Series,
    table: pd.DataFrame,
    axis: str,
    places: dict[str, float],
    colour: str,
    is_control: bool,
) -> None:
    known = table[table[row.value].notna()].assign(x=lambda rows: rows["condition"].map(places)).sort_values("x")
    x, y = known["x"].to_numpy(float), known[row.value].to_numpy(float)
    joined = np.array([is_joined(axis, name) for name in known["condition"]], bool)
    panel.plot(x[joined], y[joined], color=colour, **style_line(is_control))
    panel.plot(x, y, color=colour, **style_marker(is_control) | {"markersize": 3.5})
    if row.low:
        low, high = known[row.low].to_numpy(float), known[row.high].to_numpy(float)
        panel.fill_between(x[joined], low[joined], high[joined], color=colour, alpha=0.15, linewidth=0)
        panel.vlines(x[~joined], low[~joined], high[~joined], color=colour, alpha=0.35, linewidth=3)
    if row.nothing is not None:
        panel.axhline(row.nothing, color="0.3", linewidth=0.8, linestyle=":")
