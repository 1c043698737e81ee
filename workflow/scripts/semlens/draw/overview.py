"""The findings in one figure: how well each model separates classes."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from semlens.config.axes import AXES
from semlens.draw.style import apply_style
from semlens.models.layers import find_forward_position
from semlens.statistics.findings import ModelFindings, pair_models


@apply_style()
def draw_overview(findings: dict[str, ModelFindings], models: Sequence[dict[str, Any]]) -> plt.Figure:
    """Return separation by layer and by timestep: a colour per model and its control, whose lines are dashed.

    Sums of layers stand first, each for itself. Lines lead through single layers in forward order.

    Parameters
    ----------
    findings
        By model.
    models
        As :func:`semlens.statistics.findings.pair_models` takes them.
    """
    colours = {name: f"C{number}" for number, pair in enumerate(pair_models(models)) for name in pair if name}
    pretrained = {model["name"] for model in models if model["weights"] == "pretrained"}
    axes = {
        axis: {name: getattr(finding, axis) for name, finding in findings.items()} for axis in ("layers", "timestep")
    }
    axes = {axis: curves for axis, curves in axes.items() if any(map(len, curves.values()))}
    figure, panels = plt.subplots(
        1, max(1, len(axes)), figsize=(4.2 + 2.8 * len(axes), 3.4), squeeze=False, sharey=True, layout="constrained"
    )
    for panel, (axis, curves) in zip(panels[0], axes.items(), strict=False):
        conditions = list(dict.fromkeys(condition for curve in curves.values() for condition in curve.index))
        sums = [name for name in conditions if axis == "layers" and find_forward_position(name) is None]
        ordered = sorted(set(conditions) - set(sums), key=find_forward_position if axis == "layers" else int)
        for name, curve in curves.items():
            line, marker, fill = ("-", "o", colours[name]) if name in pretrained else ("--", "s", "white")
            style = {"color": colours[name], "marker": marker, "markerfacecolor": fill, "markeredgewidth": 1.2}
            panel.plot(len(sums) + np.arange(len(ordered)), curve.reindex(ordered), line, label=name, **style)
            panel.plot(np.arange(len(sums)), curve.reindex(sums), linestyle="none", **style)
        slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if axis == "layers" else {}
        panel.set_xticks(np.arange(len(conditions)), [*sums, *ordered], **slanted)
        if sums and ordered:
            panel.axvline(len(sums) - 0.5, color="0.6", linewidth=0.8)
        panel.axhline(0.5, color="0.3", linewidth=0.8, linestyle=":")
        panel.annotate(
            "chance", (1, 0.5), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize="small"
        )
        panel.set_xlabel(AXES[axis].label)
    panels[0, 0].set_ylabel("separation\n(share of comparisons in which\nanother class is farther)")
    panels[0, 0].yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    if len(findings) > 1:
        panels[0, 0].legend(frameon=True)
    figure.suptitle("How well are classes separated?", fontsize="large")
    return figure
