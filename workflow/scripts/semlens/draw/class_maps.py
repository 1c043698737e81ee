"""Classes in two figures: heat maps of their distances under a dendrogram, and their objects in a plane."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from semlens.draw.style import Statistics, apply_style, format_condition

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
PANELS_PER_ROW = 4
N_NAMED = 10
OTHERS = "0.8"
_COLOURS = ["black" if name == "#949494" else name for name in sns.color_palette("colorblind").as_hex()]  # grey: others


@apply_style()
def draw_class_distances(means: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return heat maps of the distances between classes, comparison by comparison, one per condition.

    All maps have one order of classes and one scale: a cell is the mean distance of two classes, divided by the mean of
    its map. The order is that of a tree (average linkage) of the mean of all maps. Cells of classes without objects in
    different images are crossed out.

    Parameters
    ----------
    means
        Tables with columns ``condition``, ``class_a``, ``class_b`` and ``mean``.
    """
    rows, n_columns = _arrange_panels(means)
    maps = {
        (name, condition): _relate(table)
        for name, tables in means.items()
        for condition, table in tables.groupby("condition", sort=False)
    }
    common = pd.concat(maps.values()).groupby(level=0).mean()
    common = common.reindex(index=sorted(common.index), columns=sorted(common.index))
    order, tree = _order_classes(common.to_numpy())
    classes = common.index[order]
    limits = {"vmin": min(map(_least, maps.values())), "vmax": max(map(_most, maps.values()))}
    side = max(3.0, 0.17 * len(classes))  # inches, for readable names
    size = ((side + 0.3) * n_columns + 1.2, (side + 0.5) * len(rows) + 0.2 * side + 0.9)
    letters = 10 * max(1.0, size[0] / 12)  # points: a page shows a large figure in small
    figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(len(rows) + 1, n_columns, height_ratios=[1, *[5] * len(rows)])
    _draw_tree(tree, figure.add_subplot(grid[0, 0]))
    panels = []
    for number, (name, conditions) in enumerate(rows):
        for column, condition in enumerate(conditions):
            panel = figure.add_subplot(grid[number + 1, column])
            square = maps[name, condition].reindex(index=classes, columns=classes)
            sns.heatmap(square, ax=panel, cmap="viridis", cbar=False, xticklabels=True, yticklabels=True, **limits)
            panel.grid(visible=False)
            for y, x in np.argwhere(square.isna().to_numpy()):
                panel.plot([x + 0.2, x + 0.8, x + 0.5, x + 0.2, x + 0.8], [y + 0.2, y + 0.8, y + 0.5, y + 0.8, y + 0.2],
                           color="0.6", linewidth=0.6)  # fmt: skip
            panel.tick_params(labelsize="x-small", length=0)
            panel.set_xlabel("")
            panel.set_ylabel(name if column == 0 else "", fontsize=letters)
            panel.set_title(format_condition(axis, condition), fontsize=letters)
            panels.append(panel)
    scale = figure.colorbar(panels[0].collections[0], ax=panels, shrink=0.6, pad=0.02)
    scale.set_label("distance / mean of its map", fontsize=letters)
    scale.ax.tick_params(labelsize=letters)
    title = f"{title}\nmean distance between classes, over objects in different images"
    figure.suptitle(title, fontsize=1.2 * letters)
    return figure


def _relate(table: pd.DataFrame) -> pd.DataFrame:
    """Return distances of classes, as a square, divided by their mean."""
    square = table.pivot(index="class_a", columns="class_b", values="mean")
    return square / np.nanmean(square) if square.notna().any(axis=None) else square


def _least(square: pd.DataFrame) -> float:
    return float(np.nanmin(square)) if square.notna().any(axis=None) else 0.0


def _most(square: pd.DataFrame) -> float:
    return float(np.nanmax(square)) if square.notna().any(axis=None) else 1.0


@apply_style()
def draw_pca(positions: Statistics, *, title: str, axis: str) -> plt.Figure:
    """Return scatter plots of objects on two principal components, comparison by comparison, one per condition.

    The ten classes with most objects are named; the others are grey.

    Parameters
    ----------
    positions
        Tables with columns ``condition``, ``class_name``, ``x``, ``y`` and ``explained``.
    """
    rows, n_columns = _arrange_panels(positions)
    counts = pd.concat(positions.values())["class_name"].value_counts()
    classes = sorted(counts.index[:N_NAMED])
    named = len(counts) <= N_NAMED
    colours = dict(zip(classes, _COLOURS, strict=False))
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
            others = objects[~objects["class_name"].isin(classes)]
            panel.scatter(others["x"], others["y"], s=8, color=OTHERS, linewidth=0)
            sns.scatterplot(
                objects[objects["class_name"].isin(classes)],
                x="x",
                y="y",
                hue="class_name",
                style="class_name",
                palette=colours,
                markers=markers,
                hue_order=classes,
                style_order=classes,
                s=22,
                linewidth=0.3,
                legend=False,
                ax=panel,
            )
            panel.set(xlabel="", ylabel="", xticks=[], yticks=[])
            explained = f"({objects['explained'].iloc[0]:.0%} of the variance)"
            panel.set_title(f"{format_condition(axis, condition)} {explained}", fontsize="small")
        row[0].set_ylabel(name)
    handles = [
        plt.Line2D([], [], color=colours[name], marker=markers[name], linestyle="", label=name) for name in classes
    ]
    if not named:
        others = f"{len(counts) - N_NAMED} others"
        handles.append(plt.Line2D([], [], color=OTHERS, marker="o", markersize=4, linestyle="", label=others))
    figure.legend(handles=handles, loc="outside right center", fontsize="small", frameon=False)
    figure.suptitle(f"{title}\nobjects on the first two principal components", fontsize="large")
    return figure


def _arrange_panels(tables: Statistics) -> tuple[list[tuple[str, list[str]]], int]:
    """Return the rows of a figure, each a comparison and some of its conditions; and the number of columns."""
    conditions = list(dict.fromkeys(next(iter(tables.values()))["condition"]))
    starts = range(0, len(conditions), PANELS_PER_ROW)
    rows = [(name, conditions[start : start + PANELS_PER_ROW]) for name in tables for start in starts]
    return rows, min(PANELS_PER_ROW, len(conditions))


def _order_classes(distances: np.ndarray) -> tuple[list[int], np.ndarray | None]:
    """Return the order of the classes in their tree, and the tree; of fewer than three there is none.

    Parameters
    ----------
    distances
        (classes, classes); NaN, where unknown, counts as the largest. The diagonal is not used.
    """
    if len(distances) < 3 or not np.isfinite(distances).any():
        return list(range(len(distances))), None
    distances = np.where(np.isfinite(distances), distances, np.nanmax(distances))
    np.fill_diagonal(distances, 0)
    tree = hierarchy.linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    return list(hierarchy.leaves_list(tree)), tree


def _draw_tree(tree: np.ndarray | None, panel: plt.Axes) -> None:
    panel.axis("off")
    if tree is not None:
        hierarchy.dendrogram(tree, ax=panel, no_labels=True, color_threshold=0, above_threshold_color="0.3")
        panel.set_ylim(bottom=0.9 * tree[:, 2].min())  # the part that all branches share would flatten the rest
