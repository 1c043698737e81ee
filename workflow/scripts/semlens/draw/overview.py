"""TODO."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from semlens.draw.style import set_style
from semlens.models.layers import find_forward_position
from semlens.statistics.findings import Finding


def draw_overview(
    findings: dict[str, Finding], weights: dict[str, str], pairs: Sequence[tuple[str, str | None]]
) -> plt.Figure:
    """Return how well classes are told apart, layer by layer and as noise grows: a colour per model, controls dashed.

    Sums of layers stand first, each for itself; lines lead through single layers in forward order.

    Parameters
    ----------
    pairs
        What :func:`pair_up` returns.
    """
    set_style()
    colours = {name: f"C{number}" for number, pair in enumerate(pairs) for name in pair if name}
    kinds = [(name, of) for name, of in (("layer", "layers"), ("noise: timestep", "noise")) if _is_asked(findings, of)]
    figure, panels = plt.subplots(
        1, max(1, len(kinds)), figsize=(4.2 + 2.8 * len(kinds), 3.4), squeeze=False, sharey=True, layout="constrained"
    )
    for panel, (label, of) in zip(panels[0], kinds, strict=False):
        asked = list(dict.fromkeys(name for finding in findings.values() for name in getattr(finding, of).index))
        alone = [name for name in asked if of == "layers" and find_forward_position(name) is None]
        joined = sorted(set(asked) - set(alone), key=find_forward_position if of == "layers" else int)
        for name, finding in findings.items():
            values = getattr(finding, of)
            line, marker, fill = ("-", "o", colours[name]) if weights[name] == "pretrained" else ("--", "s", "white")
            drawn = {"color": colours[name], "marker": marker, "markerfacecolor": fill, "markeredgewidth": 1.2}
            panel.plot(len(alone) + np.arange(len(joined)), values.reindex(joined), line, label=name, **drawn)
            panel.plot(np.arange(len(alone)), values.reindex(alone), linestyle="none", **drawn)
        slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if of == "layers" else {}
        panel.set_xticks(np.arange(len(asked)), [*alone, *joined], **slanted)
        if alone and joined:
            panel.axvline(len(alone) - 0.5, color="0.6", linewidth=0.8)
        panel.axhline(0.5, color="0.3", linewidth=0.8, linestyle=":")
        panel.annotate(
            "chance", (1, 0.5), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize="small"
        )
        panel.set_xlabel(label)
    panels[0, 0].set_ylabel("another class is farther than the same\n(share of comparisons between images)")
    panels[0, 0].yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    if len(findings) > 1:
        panels[0, 0].legend(frameon=True)
    figure.suptitle("Where are classes told apart?", fontsize="large")
    return figure


def _is_asked(findings: dict[str, Finding], of: str) -> bool:
    return any(len(getattr(finding, of)) for finding in findings.values())
