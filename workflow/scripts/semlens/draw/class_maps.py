"""Classes in two figures: heat maps of their distances under a dendrogram, and their objects in a plane."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from semlens.draw.style import Statistics, apply_style, format_condition

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
PANELS_PER_ROW = 4


@apply_style()
def draw_class_distances(means: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return heat maps of the mean distances between classes, comparison by comparison, one per condition.

    Classes stand in the order of a tree (average linkage), which is drawn above. Each map has its own colour scale.

    Parameters
    ----------
    means
        Tables with columns ``condition``, ``class_a``, ``class_b`` and ``mean``.
    """
    rows, n_columns = _arrange_panels(means)
    side = max(3.0, 0.17 * max(table["class_a"].nunique() for table in means.values()))  # inches, for readable names
    size = ((side + 0.3) * n_columns + 0.6, (1.25 * side + 0.4) * len(rows) + 0.5)
    figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(2 * len(rows), n_columns, height_ratios=[1, 5] * len(rows))
    for row, (name, conditions) in enumerate(rows):
        for column, condition in enumerate(conditions):
            table = means[name][means[name]["condition"] == condition]
            square = table.pivot(index="class_a", columns="class_b", values="mean")
            tree_panel, map_panel = (figure.add_subplot(grid[2 * row + k, column]) for k in range(2))
            order = _draw_tree(square.to_numpy(), tree_panel)
            limits = {} if square.notna().any(axis=None) else {"vmin": 0, "vmax": 1}
            sns.heatmap(
                square.iloc[order, order],
                **limits,
                ax=map_panel,
                cmap="viridis",
                square=False,
                xticklabels=True,
                yticklabels=True,
                cbar_kws={"shrink": 0.6, "pad": 0.02},
            )
            map_panel.tick_params(labelsize="x-small", length=0)
            map_panel.set(xlabel="", ylabel=name if column == 0 else "")
            tree_panel.set_title(format_condition(axis, condition), fontsize="medium")
    figure.suptitle(f"{title}\nmean distance between classes, over objects in different images", fontsize="large")
    return figure


@apply_style()
def draw_pca(positions: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return scatter plots of objects on two principal components, comparison by comparison, one per condition.

    Parameters
    ----------
    positions
        Tables with columns ``condition``, ``class_name``, ``x``, ``y`` and ``explained``.
    """
    rows, n_columns = _arrange_panels(positions)
    classes = sorted(set().union(*(table["class_name"] for table in positions.values())))
    colours = dict(zip(classes, sns.color_palette("husl", len(classes)), strict=True))
    markers = {name: MARKERS[number % len(MARKERS)] for number, name in enumerate(classes)}
    figure, panels = plt.subplots(
        len(rows),
        n_columns,
        figsize=(2.9 * n_columns + 1.6, 2.9 * len(rows) + 0.6),
        squeeze=False,
        layout="constrained",
    )
    for row, (name, conditions) in zip(panels, rows, strict=True):
        for panel in row[len(conditions) :]:
            panel.set_visible(False)
        for panel, condition in zip(row, conditions, strict=False):
            objects = positions[name][positions[name]["condition"] == condition]
            sns.scatterplot(
                objects, x="x", y="y", hue="class_name", style="class_name", palette=colours, markers=markers,
                hue_order=classes, style_order=classes, s=22, linewidth=0.3, legend=False, ax=panel,
            )  # fmt: skip
            panel.set(xlabel="", ylabel="", xticks=[], yticks=[])
            explained = f"({objects['explained'].iloc[0]:.0%} of the variance)"
            panel.set_title(f"{format_condition(axis, condition)} {explained}", fontsize="small")
        row[0].set_ylabel(name)
    handles = [
        plt.Line2D([], [], color=colours[name], marker=markers[name], linestyle="", label=name) for name in classes
    ]
    figure.legend(handles=handles, loc="outside right center", fontsize="small", frameon=False)
    figure.suptitle(f"{title}\nobjects on the first two principal components", fontsize="large")
    return figure


def _arrange_panels(tables: Statistics) -> tuple[list[tuple[str, list[str]]], int]:
    """Return the rows of a figure, each a comparison and some of its conditions; and the number of columns."""
    conditions = list(dict.fromkeys(next(iter(tables.values()))["condition"]))
    starts = range(0, len(conditions), PANELS_PER_ROW)
    rows = [(name, conditions[start : start + PANELS_PER_ROW]) for name in tables for start in starts]
    return rows, min(PANELS_PER_ROW, len(conditions))


def _draw_tree(distances: np.ndarray, panel: plt.Axes) -> list[int]:
    """Draw the tree of the classes and return their order in it; without all distances there is no tree, and no order.

    Parameters
    ----------
    distances
        (classes, classes); NaN where unknown. The diagonal is not used.
    """
    panel.axis("off")
    distances = distances.copy()
    np.fill_diagonal(distances, 0)
    if len(distances) < 3 or not np.isfinite(distances).all():
        return list(range(len(distances)))
    tree = hierarchy.linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    branches = hierarchy.dendrogram(tree, ax=panel, no_labels=True, color_threshold=0, above_threshold_color="0.3")
    panel.set_ylim(bottom=0.9 * tree[:, 2].min())  # the part that all branches share would flatten the rest
    return branches["leaves"]
