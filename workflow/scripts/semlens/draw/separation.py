"""Separation by condition, a panel per study: of one experiment, or of all, at the head of the report."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from semlens.config.axes import AXES
from semlens.draw.style import apply_style
from semlens.models.layers import find_forward_position
from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.studies import Comparison, Study, collect_studies, pair_models

_COLUMNS = 2
COMPARISON_TITLES = {
    "between": "classes, between images",
    "inside": "classes, inside images",
    "identity": "identity",
}
_NOTES = {  # what a panel says of settings, if they are there
    "inference_steps": "denoised in {} steps",
    "discard_channels": "without the {} largest channels of a layer",
    "standardize_channels": "channels standardized",
    "given": "given {}",
}


def draw_separation(
    comparisons: Sequence[Comparison], models: Sequence[dict[str, Any]], *, title: str, seed: int
) -> plt.Figure:
    """Return the separation that one experiment measured, on each dataset by itself; see :func:`draw_studies`."""
    by_dataset: dict[str, list[Comparison]] = {}
    for entry in comparisons:
        by_dataset.setdefault(entry.dataset, []).append(entry)
    studies = [study for entries in by_dataset.values() for study in collect_studies(entries)]
    return draw_studies(studies, models, title=title, seed=seed)


@apply_style()
def draw_studies(studies: Sequence[Study], models: Sequence[dict[str, Any]], *, title: str, seed: int) -> plt.Figure:
    """Return separation by condition: a colour per model and its control, whose lines are dashed.

    Bands hold for all conditions of a model at once. Filled markers are those that cannot be told from the model's
    best. Sums of layers stand first, each for itself; lines lead through single layers in forward order. Numbers stand
    at their square roots.

    Parameters
    ----------
    models
        As :func:`semlens.statistics.studies.pair_models` takes them.
    """
    colours = colour_models(models)
    pretrained = {model["name"] for model in models if model["weights"] == "pretrained"}
    drawn = [study for study in studies if any(len(one.values) for one in study.estimates.values())]
    rows = max(1, -(-len(drawn) // _COLUMNS))
    figure, panels = plt.subplots(
        rows,
        min(_COLUMNS, max(1, len(drawn))),
        figsize=(5.2 * min(_COLUMNS, max(1, len(drawn))), 3.3 * rows + 0.4 if drawn else 1.4),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for panel, study in zip(panels.flat, drawn, strict=False):
        places = place_conditions(study.axis, study.conditions)
        for name in (name for name in colours if name in study.estimates):
            is_control = name not in pretrained
            _draw_model(panel, study, name, places, colour=colours[name], is_control=is_control, seed=seed)
        _label_panel(panel, study, places)
    for panel in panels.flat[len(drawn) :]:
        panel.set_axis_off()
    if not drawn:
        panels[0, 0].text(0.5, 0.5, f"no class has objects to compare in {MIN_UNITS} images (videos)", ha="center")
    for row in panels:
        row[0].set_ylabel("separation")
    if drawn:
        figure.legend(handles=make_handles(models), loc="outside lower center", ncols=len(colours), frameon=False)
    figure.suptitle(title, fontsize="large")
    return figure


def colour_models(models: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the colour of each model, which its control shares; see :func:`draw_studies`."""
    return {name: f"C{number}" for number, pair in enumerate(pair_models(models)) for name in pair if name}


def make_handles(models: Sequence[dict[str, Any]]) -> list[plt.Line2D]:
    """Return what a legend shows of each model."""
    pretrained = {model["name"] for model in models if model["weights"] == "pretrained"}
    return [
        plt.Line2D([], [], color=colour, label=name, **style_marker(is_control) | style_line(is_control))
        for name, colour in colour_models(models).items()
        for is_control in [name not in pretrained]
    ]


def place_conditions(axis: str, conditions: Sequence[str]) -> dict[str, float]:
    """Return where each condition stands on the axis: numbers at their square roots, layers in forward order."""
    names = list(conditions)
    if axis in ("timestep", "offset"):
        return {name: float(np.sqrt(int(name))) for name in sorted(names, key=int)}
    if axis == "layers":
        names = list_sums(names) + sorted(set(names) - set(list_sums(names)), key=find_forward_position)
    return {name: float(place) for place, name in enumerate(names)}


def list_sums(names: Sequence[str]) -> list[str]:
    """Return the layer sets that are no single layers."""
    return [name for name in names if find_forward_position(name) is None]


def _draw_model(
    panel: plt.Axes,
    study: Study,
    model: str,
    places: dict[str, float],
    *,
    colour: str,
    is_control: bool,
    seed: int,
) -> None:
    estimates = study.estimates[model]
    if not len(estimates.values):
        return
    order = np.argsort([places[name] for name in estimates.names])
    names = [estimates.names[place] for place in order]
    x, y = np.array([places[name] for name in names]), estimates.values[order]
    low, high = estimates.compute_band(seed, share=True)[:, order]
    best = estimates.list_best(seed)[order]
    joined = np.array([is_joined(study.axis, name) for name in names])
    panel.plot(x[joined], y[joined], color=colour, **style_line(is_control))
    panel.fill_between(x[joined], low[joined], high[joined], color=colour, alpha=0.15, linewidth=0)
    panel.vlines(x[~joined], low[~joined], high[~joined], color=colour, alpha=0.35, linewidth=3)
    for chosen, face in ((best, colour), (~best, "white")):
        panel.plot(x[chosen], y[chosen], color=colour, markerfacecolor=face, **style_marker(is_control))


def _label_panel(panel: plt.Axes, study: Study, places: dict[str, float]) -> None:
    label_conditions(panel, study.axis, places)
    panel.axhline(0.5, color="0.3", linewidth=0.8, linestyle=":")
    beside = {"xycoords": ("axes fraction", "data"), "xytext": (3, 0), "textcoords": "offset points"}
    panel.annotate("chance", (1, 0.5), **beside, va="center", fontsize="x-small", annotation_clip=False)
    notes = "".join(f"; {note.format(study.settings[key])}" for key, note in _NOTES.items() if study.settings.get(key))
    panel.set_title(
        f"{COMPARISON_TITLES[study.comparison]} ({' and '.join(study.datasets)}{notes})", fontsize="medium", wrap=True
    )


def label_conditions(panel: plt.Axes, axis: str, places: dict[str, float]) -> None:
    """Name the conditions below a panel, and divide sums of layers from single ones."""
    names = list(places)
    slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > 3 else {}
    panel.set_xticks(list(places.values()), [name.replace("_", " ") for name in names], fontsize="small", **slanted)
    if axis == "layers" and 0 < (n_sums := len(list_sums(names))) < len(names):
        panel.axvline(n_sums - 0.5, color="0.6", linewidth=0.8)
    panel.set_xlabel(AXES[axis].label)


def is_joined(axis: str, name: str) -> bool:
    """Return whether a line leads through a condition."""
    return axis in ("timestep", "offset") or (axis == "layers" and find_forward_position(name) is not None)


def style_line(is_control: bool) -> dict[str, Any]:
    """Return how the line of a model looks."""
    return {"linestyle": "--" if is_control else "-"}


def style_marker(is_control: bool) -> dict[str, Any]:
    """Return how the marks of a model look."""
    return {"marker": "s" if is_control else "o", "linestyle": "none", "markersize": 4.5, "markeredgewidth": 1.2}
