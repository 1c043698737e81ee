"""TODO."""

import matplotlib.pyplot as plt

from semlens.draw.style import COLOURS, Statistics, add_legend, set_style


def draw_curves(sets: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return means along a numeric axis, with bands of one standard deviation, a panel per dataset (Fig. 9)."""
    set_style()
    names = list(dict.fromkeys(next(iter(sets.values()))["set"]))
    figure, panels = plt.subplots(
        len(sets), 1, figsize=(6.5, 2.9 * len(sets) + 0.9), sharex=True, squeeze=False, layout="constrained"
    )
    for panel, (dataset, table) in zip(panels[:, 0], sets.items(), strict=True):
        for name in names:
            seen = table[(table["set"] == name) & (table["n"] > 0)]
            x = seen["condition"].astype(float)
            panel.plot(x, seen["mean"], color=COLOURS[name], marker="o", markersize=3.5)
            panel.fill_between(
                x, seen["mean"] - seen["std"], seen["mean"] + seen["std"], color=COLOURS[name], alpha=0.15, linewidth=0
            )
        panel.set_ylabel(f"{dataset}\nmean distance ± std")
        panel.set_xticks(x)
    panels[-1, 0].set_xlabel(f"{axis} (frames)" if axis == "offset" else axis)
    add_legend(figure, sets, title)
    return figure
