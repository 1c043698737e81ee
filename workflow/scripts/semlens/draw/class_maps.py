"""Maps of classes: heat maps of their distances under a dendrogram, and their objects in a plane."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from semlens.draw.style import Statistics, format_heading, set_style

MARKERS = ("o", "s", "^", "D", "v", "P", "X")


IN_A_ROW = 4  # panels


def draw_class_distances(means: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return heat maps study by study, one per condition: mean distances between classes, near ones together.

    Classes stand in the order of a tree (average linkage), which is drawn above. Each map has colours of its own.

    Parameters
    ----------
    means
        What :func:`semlens.classes.class_means` found, with ``condition``, by study.
    """
    set_style()
    lines, columns = _arrange(means)
    side = max(3.0, 0.17 * max(table["class_a"].nunique() for table in means.values()))  # inches, for readable names
    figure = plt.figure(
        figsize=((side + 0.3) * columns + 0.6, (1.25 * side + 0.4) * len(lines) + 0.5), layout="constrained"
    )
    grid = figure.add_gridspec(2 * len(lines), columns, height_ratios=[1, 5] * len(lines))
    for row, (study, conditions) in enumerate(lines):
        for column, condition in enumerate(conditions):
            square = _pivot(means[study][means[study]["condition"] == condition])
            above, below = (figure.add_subplot(grid[2 * row + k, column]) for k in range(2))
            order = _draw_tree(square, above)
            sns.heatmap(
                square.iloc[order, order],
                ax=below,
                cmap="viridis",
                square=False,
                xticklabels=True,
                yticklabels=True,
                cbar_kws={"shrink": 0.6, "pad": 0.02},
            )
            below.tick_params(labelsize="x-small", length=0)
            below.set(xlabel="", ylabel=study if column == 0 else "")
            above.set_title(format_heading(axis, condition), fontsize="medium")
    figure.suptitle(f"{title}\nmean distance between classes, over objects in different images", fontsize="large")
    return figure


def _arrange(studies: Statistics) -> tuple[list[tuple[str, list[str]]], int]:
    """Return the rows of a figure, each a study and some of its conditions; and how many stand in a row at most."""
    conditions = list(dict.fromkeys(next(iter(studies.values()))["condition"]))
    starts = range(0, len(conditions), IN_A_ROW)
    lines = [(study, conditions[start : start + IN_A_ROW]) for study in studies for start in starts]
    return lines, min(IN_A_ROW, len(conditions))


def _pivot(table: pd.DataFrame) -> pd.DataFrame:
    return table.pivot(index="class_a", columns="class_b", values="mean").rename_axis(index=None, columns=None)


def _draw_tree(square: pd.DataFrame, panel: plt.Axes) -> list[int]:
    """Draw the tree of the classes, and return their order in it; as they come where not all distances are known."""
    panel.axis("off")
    apart = square.to_numpy(copy=True)
    np.fill_diagonal(apart, 0)
    if len(apart) < 3 or not np.isfinite(apart).all():
        return list(range(len(apart)))
    tree = hierarchy.linkage(squareform(apart, checks=False), "average", optimal_ordering=True)
    drawn = hierarchy.dendrogram(tree, ax=panel, no_labels=True, color_threshold=0, above_threshold_color="0.3")
    panel.set_ylim(bottom=0.9 * tree[:, 2].min())  # what all have in common would hide what they do not
    return drawn["leaves"]


def draw_pca(places: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return scatter plots study by study, one per condition: every object on two principal components.

    Parameters
    ----------
    places
        What :func:`semlens.classes.plane` found, with ``condition``, by study.
    """
    set_style()
    lines, columns = _arrange(places)
    categories = sorted(set().union(*(table["class_name"] for table in places.values())))
    colours = dict(zip(categories, sns.color_palette("husl", len(categories)), strict=True))
    markers = {name: MARKERS[place % len(MARKERS)] for place, name in enumerate(categories)}
    figure, panels = plt.subplots(
        len(lines),
        columns,
        figsize=(2.9 * columns + 1.6, 2.9 * len(lines) + 0.6),
        squeeze=False,
        layout="constrained",
    )
    for line, (study, conditions) in zip(panels, lines, strict=True):
        for panel in line[len(conditions) :]:
            panel.set_visible(False)
        for panel, condition in zip(line, conditions, strict=False):
            shown = places[study][places[study]["condition"] == condition]
            sns.scatterplot(
                shown, x="x", y="y", hue="class_name", style="class_name", palette=colours, markers=markers,
                hue_order=categories, style_order=categories, s=22, linewidth=0.3, legend=False, ax=panel,
            )  # fmt: skip
            panel.set(xlabel="", ylabel="", xticks=[], yticks=[])
            panel.set_title(
                f"{format_heading(axis, condition)} ({shown['explained'].iloc[0]:.0%} of the variance)",
                fontsize="small",
            )
        line[0].set_ylabel(study)
    handles = [
        plt.Line2D([], [], color=colours[name], marker=markers[name], linestyle="", label=name) for name in categories
    ]
    figure.legend(handles=handles, loc="outside right center", fontsize="small", frameon=False)
    figure.suptitle(f"{title}\nobjects on the first two principal components", fontsize="large")
    return figure
