"""Mean distances along a numeric axis (Fig. 9)."""

import matplotlib.pyplot as plt

from semlens.config.axes import AXES
from semlens.draw.style import PALETTES, Statistics, add_legend, apply_style, format_distance


@apply_style()
def draw_curves(sets: Statistics, *, title: str, axis: str, metric: str = "", palette: str = "okabe_ito") -> plt.Figure:
    """Return a panel per comparison, a curve of means per distance set, with bands of their intervals, if any.

    Parameters
    ----------
    sets
        Tables as :mod:`semlens.statistics.sets` describes them; their conditions are numbers.
    axis
        The experiment's: a key of :data:`semlens.config.axes.AXES`.
    metric
        The distance, by its name.
    palette
        A key of :data:`semlens.draw.style.PALETTES`.
    """
    names = list(dict.fromkeys(next(iter(sets.values()))["set"]))
    figure, panels = plt.subplots(
        len(sets), 1, figsize=(6.5, 2.9 * len(sets) + 0.9), sharex=True, squeeze=False, layout="constrained"
    )
    for panel, (comparison, table) in zip(panels[:, 0], sets.items(), strict=True):
        for name in names:
            rows = table[(table["set"] == name) & (table["n"] > 0)]
            x = rows["condition"].astype(float)
            panel.plot(x, rows["mean"], color=PALETTES[palette][name], marker="o", markersize=3.5)
            panel.fill_between(x, rows["low"], rows["high"], color=PALETTES[palette][name], alpha=0.15, linewidth=0)
        panel.set_ylabel(f"{comparison}\nmean {format_distance(metric)}")
        panel.set_xticks(table["condition"].astype(float).unique())
    panels[-1, 0].set_xlabel(AXES[axis].label)
    add_legend(figure, sets, title, palette)
    return figure
