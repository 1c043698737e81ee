"""What layers hold beside objects, by condition: massive channels, position, tokens of high norm."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from semlens.config.axes import AXES
from semlens.draw.style import apply_style
from semlens.models.layers import find_forward_position
from semlens.statistics.studies import pair_models
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
    colours = {name: f"C{number}" for number, pair in enumerate(pair_models(models)) for name in pair if name}
    colours = {name: colour for name, colour in colours.items() if name in set(tokens["model"])}
    controls = {model["name"] for model in models if model["weights"] != "pretrained"}
    names = list(dict.fromkeys(tokens["condition"]))
    places = {name: float(np.sqrt(int(name))) if axis == "timestep" else place for place, name in enumerate(names)}
    datasets = list(dict.fromkeys(tokens["dataset"]))
    figure, panels = plt.subplots(
        len(datasets), len(_MEASURES), figsize=(9.6, 2.5 * len(datasets) + 0.8), squeeze=False, layout="constrained"
    )
    for row, dataset in zip(panels, datasets, strict=True):
        row[0].set_ylabel(dataset)
        for panel, measure in zip(row, _MEASURES, strict=True):
            _draw_measure(panel, tokens[tokens["dataset"] == dataset], measure, places, colours, controls)
    for panel, words in zip(panels[0], _MEASURES.values(), strict=True):
        panel.set_title(words, fontsize="medium")
    for panel in panels[-1]:
        panel.set_xlabel(AXES[axis].label)
    handles = [plt.Line2D([], [], label=name, **_style(colour, name in controls)) for name, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(title, fontsize="large")
    return figure


def _draw_measure(
    panel: plt.Axes,
    tokens: pd.DataFrame,
    measure: str,
    places: dict[str, float],
    colours: dict[str, str],
    controls: set[str],
) -> None:
    panel.axhline(_NOTHING[measure], color="0.3", linewidth=0.8, linestyle=":")
    for name, colour in colours.items():
        rows = tokens[tokens["model"] == name]
        panel.plot(rows["condition"].map(places), rows[measure], **_style(colour, name in controls))
    if tokens[measure].isna().all():
        panel.text(0.5, 0.5, "not measured", ha="center", transform=panel.transAxes)
    slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if max(map(len, places)) > 3 else {}
    panel.set_xticks(list(places.values()), list(places), fontsize="small", **slanted)
    if measure != "norm_ratio":
        panel.set_ylim(min(-0.05, tokens[measure].min() - 0.05), 1.05)


def _style(colour: str, is_control: bool) -> dict[str, Any]:
    marks = {"marker": "s", "linestyle": "--"} if is_control else {"marker": "o", "linestyle": "-"}
    return {"color": colour, "markersize": 4, **marks}
