"""What layers hold beside objects, by condition: massive channels, position, tokens of high norm."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from semlens.draw.separation import (
    colour_models,
    label_conditions,
    make_handles,
    place_conditions,
    style_line,
    style_marker,
)
from semlens.draw.style import apply_style
from semlens.models.layers import find_forward_position
from semlens.storage.csv_tables import read_csv

_MEASURES = {
    "variance_share": "variance in 4 channels (share)",
    "position_r2": "position (R2 of a probe)",
    "norm_ratio": "norms (99th percentile / median)",
}
_NOTHING = {"variance_share": 0, "position_r2": 0, "norm_ratio": 1}  # where there is nothing of it


def read_tokens(
    files: Iterable[str | Path], sources: Iterable[dict[str, Any]], conditions: Sequence[dict[str, Any]]
) -> pd.DataFrame:
    """Return ``model``, ``dataset``, ``condition`` and what is drawn, of the conditions that are single layers.

    Conditions are in the order in which they are drawn: timesteps as they rise, layers in forward order.

    Parameters
    ----------
    files
        Tables of :data:`semlens.statistics.tokens.TOKEN_ARTEFACTS`.
    sources
        Of each file: a record with ``model`` and ``dataset``.
    conditions
        Of an experiment: records with ``name``, ``layers`` and ``timestep``.
    """
    tables = [
        read_csv(file).assign(model=source["model"], dataset=source["dataset"])
        for file, source in zip(files, sources, strict=True)
    ]
    asked = pd.DataFrame(conditions)[["name", "layers", "timestep"]].set_axis(
        ["condition", "layer", "timestep"], axis=1
    )
    places = asked["layer"].map(find_forward_position)
    asked = asked[places.notna()].assign(place=places.dropna()).sort_values(["place", "timestep"])
    found = asked.merge(pd.concat(tables), on=["layer", "timestep"])
    found["norm_ratio"] = found["norm_p99"] / found["norm_median"]
    return found[["model", "dataset", "condition", *_MEASURES]]


@apply_style()
def draw_tokens(tokens: pd.DataFrame, models: Sequence[dict[str, Any]], *, title: str, axis: str) -> plt.Figure:
    """Return a row of panels per dataset, one per measure: a colour per model and its control, whose lines are dashed.

    Layers stand in forward order, timesteps at their square roots. A dotted line is where a layer has nothing of it.

    Parameters
    ----------
    tokens
        As :func:`read_tokens` returns them.
    models
        As :func:`semlens.statistics.studies.pair_models` takes them.
    axis
        The experiment's: ``layers`` or ``timestep``.
    """
    pretrained = {model["name"] for model in models if model["weights"] == "pretrained"}
    places = place_conditions(axis, list(dict.fromkeys(tokens["condition"])))
    datasets = list(dict.fromkeys(tokens["dataset"]))
    figure, panels = plt.subplots(
        len(datasets), len(_MEASURES), figsize=(9.6, 2.5 * len(datasets) + 0.8), squeeze=False, layout="constrained"
    )
    for row, dataset in zip(panels, datasets, strict=True):
        row[0].set_ylabel(dataset)
        for panel, measure in zip(row, _MEASURES, strict=True):
            of_dataset = tokens[tokens["dataset"] == dataset]
            panel.axhline(_NOTHING[measure], color="0.3", linewidth=0.8, linestyle=":")
            for name, colour in colour_models(models).items():
                rows, style = of_dataset[of_dataset["model"] == name], style_line(name not in pretrained)
                marker = style_marker(name not in pretrained) | {"markersize": 4, **style}
                panel.plot(rows["condition"].map(places), rows[measure], color=colour, **marker)
            _label_panel(panel, of_dataset[measure], measure, axis, places)
    for panel, words in zip(panels[0], _MEASURES.values(), strict=True):
        panel.set_title(words, fontsize="medium")
    for panel in panels[:-1].flat:
        panel.set_xlabel("")
    handles = make_handles(models, set(tokens["model"]))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6), frameon=False)
    figure.suptitle(title, fontsize="large")
    return figure


def _label_panel(panel: plt.Axes, values: pd.Series, measure: str, axis: str, places: dict[str, float]) -> None:
    if values.isna().all():
        panel.text(0.5, 0.5, "not measured", ha="center", transform=panel.transAxes)
    label_conditions(panel, axis, places)
    if measure != "norm_ratio":
        panel.set_ylim(min(-0.05, values.min() - 0.05), 1.05)
