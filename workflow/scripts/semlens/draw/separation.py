"""Separation by condition, a panel per study: of one experiment, or of all, at the head of the report."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from semlens.config.axes import AXES
from semlens.draw.style import apply_style
from semlens.models.layers import BASELINE, find_forward_position
from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.studies import Comparison, Study, collect_studies, pair_models

_COLUMNS = 2
_FARTHEST = 4  # power of ten of the largest and smallest signal-to-noise ratio that are told apart
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
    "across": "scsi, dcsi across views",
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


class Scale(NamedTuple):
    """Where conditions stand along a panel: by model and condition; NaN for what holds along all of it.

    Without ``ticks`` and their ``label``, conditions stand as :func:`place_conditions` places them.
    """

    places: dict[str, dict[str, float]]
    ticks: Mapping[float, str] = MappingProxyType({})
    label: str = ""


Levels = Mapping[str, Mapping[str, float]]  # by model and condition


@apply_style()
def draw_studies(
    studies: Sequence[Study],
    models: Sequence[dict[str, Any]],
    *,
    title: str,
    seed: int,
    depths: Levels = MappingProxyType({}),
    noise: Levels = MappingProxyType({}),
) -> plt.Figure:
    """Return separation by condition: a colour per model and its controls, whose lines are dashed.

    Bands hold for all conditions of a model at once. Filled markers are those that cannot be told from the model's
    best. Sums of layers stand first, each for itself; lines lead through single layers in forward order. Numbers stand
    at their square roots. Where models have different layers, these stand at their relative depth, sums are left out,
    and a baseline is a line along the panel. Where the same timestep is not the same noise, signal-to-noise ratios
    stand in its place.

    Parameters
    ----------
    models
        As :func:`semlens.statistics.studies.pair_models` takes them.
    depths
        By model and layer, how deep the layer lies, from 0 to 1.
    noise
        By model and timestep, the variance of the signal over that of the noise.
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
        scale = choose_scale(study, depths, noise)
        for name in (name for name in colours if name in study.estimates):
            is_control = name not in pretrained
            _draw_model(panel, study, name, scale.places[name], colour=colours[name], is_control=is_control, seed=seed)
        _label_panel(panel, study, scale)
    for panel in panels.flat[len(drawn) :]:
        panel.set_axis_off()
    if not drawn:
        panels[0, 0].text(0.5, 0.5, f"no class has objects to compare in {MIN_UNITS} images (videos)", ha="center")
    for row in panels:
        row[0].set_ylabel("separation")
    if drawn:
        handles = make_handles(models, {name for study in drawn for name in study.estimates})
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6), frameon=False)
    figure.suptitle(title, fontsize="large")
    return figure


def choose_scale(study: Study, depths: Levels, noise: Levels) -> Scale:
    """Return where the conditions of a study stand; see :func:`draw_studies`."""
    if study.axis == "layers" and _have_other_layers(study, depths):
        places = {
            model: {name: depths.get(model, {}).get(name, np.nan) for name in asked if find_forward_position(name)}
            for model, asked in study.asked.items()
        }
        for model, of_model in places.items():
            if BASELINE in of_model:
                places[model] = {BASELINE: np.nan}
        return Scale(places, {0.0: "first", 0.5: "middle", 1.0: "last"}, "relative depth of the layer")
    if study.axis == "timestep" and _have_other_noise(study, noise):
        places = {
            model: {name: -_limit(np.log10(noise.get(model, {}).get(name, np.nan))) for name in asked}
            for model, asked in study.asked.items()
        }
        ticks = {-float(power): f"{10.0**power:g}" for power in range(_FARTHEST, -_FARTHEST - 1, -2)}
        return Scale(places, ticks, "signal-to-noise ratio")
    places = place_conditions(study.axis, study.conditions)
    return Scale(dict.fromkeys(study.estimates, places))


def colour_models(models: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the colour of each model, which its controls share; see :func:`draw_studies`."""
    pairs = pair_models(models)
    return {name: f"C{number}" for number, (model, controls) in enumerate(pairs) for name in (model, *controls)}


def make_handles(models: Sequence[dict[str, Any]], drawn: Collection[str]) -> list[plt.Line2D]:
    """Return what a legend shows of each model that is drawn."""
    pretrained = {model["name"] for model in models if model["weights"] == "pretrained"}
    return [
        plt.Line2D([], [], color=colour, label=name, **style_marker(is_control) | style_line(is_control))
        for name, colour in colour_models(models).items()
        if name in drawn
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


def _have_other_layers(study: Study, depths: Levels) -> bool:
    """Return whether a study's models have different layers, or the same names at different depths."""
    if not depths:
        return False
    places = {
        name: {depths.get(model, {}).get(name) for model, asked in study.asked.items() if name in asked}
        for name in study.conditions
    }
    return len(set(map(frozenset, study.asked.values()))) > 1 or any(len(found) > 1 for found in places.values())


def _have_other_noise(study: Study, noise: Levels) -> bool:
    """Return whether a timestep of a study is not the same noise for all its models whose noise is known."""
    known = [model for model in study.asked if model in noise]
    levels = {
        name: {round(noise[model][name], 6) for model in known if name in study.asked[model]}
        for name in study.conditions
    }
    return any(len(found) > 1 for found in levels.values())


def _limit(power: float) -> float:
    return float(np.clip(power, -_FARTHEST, _FARTHEST))


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
    shown = [place for place, name in enumerate(estimates.names) if name in places]
    if not shown:
        return
    order = np.array(sorted(shown, key=lambda place: places[estimates.names[place]]))
    names = [estimates.names[place] for place in order]
    x, y = np.array([places[name] for name in names]), estimates.values[order]
    low, high = estimates.compute_band(seed, share=True)[:, order]
    if np.isnan(x).all():
        panel.axhline(y[0], color=colour, **style_line(is_control))
        panel.axhspan(low[0], high[0], color=colour, alpha=0.15, linewidth=0)
        return
    best = estimates.list_best(seed)[order]
    draw_conditions(panel, study.axis, names, x, y, (low, high), best, colour=colour, is_control=is_control)


def draw_conditions(
    panel: plt.Axes,
    axis: str,
    names: Sequence[str],
    x: np.ndarray,
    y: np.ndarray,
    band: tuple[np.ndarray, np.ndarray],
    best: np.ndarray,
    *,
    colour: str,
    is_control: bool,
) -> None:
    """Draw values by condition with their bands, a line through those that it joins, and marks, filled for the best.

    Parameters
    ----------
    names, x, y, best
        Of the conditions, by rising place.
    band
        Lower and upper ends.
    """
    joined = np.array([is_joined(axis, name) for name in names], bool)
    low, high = band
    panel.plot(x[joined], y[joined], color=colour, **style_line(is_control))
    panel.fill_between(x[joined], low[joined], high[joined], color=colour, alpha=0.15, linewidth=0)
    alone = ~joined if np.count_nonzero(joined) > 1 else np.ones(len(names), bool)  # a band of one has no width
    panel.vlines(x[alone], low[alone], high[alone], color=colour, alpha=0.35, linewidth=3)
    for chosen, face in ((best, colour), (~best, "white")):
        panel.plot(x[chosen], y[chosen], color=colour, markerfacecolor=face, **style_marker(is_control))


def _label_panel(panel: plt.Axes, study: Study, scale: Scale) -> None:
    if scale.ticks:
        panel.set_xticks(list(scale.ticks), list(scale.ticks.values()), fontsize="small")
        panel.set_xlabel(scale.label)
    else:
        label_conditions(panel, study.axis, next(iter(scale.places.values())))
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
    is_layer = name != BASELINE and find_forward_position(name) is not None
    return axis in ("timestep", "offset") or (axis == "layers" and is_layer)


def style_line(is_control: bool) -> dict[str, Any]:
    """Return how the line of a model looks."""
    return {"linestyle": "--" if is_control else "-"}


def style_marker(is_control: bool) -> dict[str, Any]:
    """Return how the marks of a model look."""
    return {"marker": "s" if is_control else "o", "linestyle": "none", "markersize": 4.5, "markeredgewidth": 1.2}
