"""What lies near what: some objects, and the objects of other images that are nearest to them."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd

from semlens.draw.object_crops import show_crop, spread
from semlens.draw.style import Statistics, apply_style, format_condition
from semlens.images.crops import Crop

MAX_CLASSES = 4  # of a figure; the caption in draw/kinds says so
MAX_CONDITIONS = 2
_RIGHT, _WRONG = {"color": "#009e73", "linestyle": "-"}, {"color": "#d55e00", "linestyle": "--"}


def choose_neighbours(tables: Statistics) -> Statistics:
    """Return what a figure has room for: the first and the last condition, and the classes that stand first."""
    conditions = spread(list(dict.fromkeys(pd.concat(tables.values())["condition"])), MAX_CONDITIONS)
    chosen = {}
    for name, table in tables.items():
        classes = list(dict.fromkeys(table["class_a"]))[:MAX_CLASSES]
        chosen[name] = table[table["condition"].isin(conditions) & table["class_a"].isin(classes)]
    return chosen


@apply_style()
def draw_neighbours(
    tables: Statistics, datasets: Mapping[str, str], crops: Mapping[tuple[str, str], Crop], *, title: str, axis: str
) -> plt.Figure:
    """Return a row per class, condition and comparison: an object, and its neighbours from left to right.

    A neighbour of the same class has a whole frame and a tick; one of another class a dashed frame, a cross and its
    class. So comparisons of one class and condition stand below each other: trained above untrained.

    Parameters
    ----------
    tables
        As :data:`semlens.statistics.classes.NEIGHBOURS` describes them.
    datasets, crops
        See :func:`semlens.draw.object_crops.load_crops`.
    """
    rows = [
        (name, condition, class_name, neighbours)
        for dataset in dict.fromkeys(datasets.values())
        for class_name, condition in _list_rows(tables, datasets, dataset)
        for name, table in tables.items()
        if datasets[name] == dataset
        for neighbours in [table[(table["class_a"] == class_name) & (table["condition"] == condition)]]
        if len(neighbours)
    ]
    columns = 1 + max((len(neighbours) for *_, neighbours in rows), default=0)
    figure, panels = plt.subplots(
        max(len(rows), 1),
        columns,
        figsize=(0.95 * columns + 2, 1.15 * max(len(rows), 1) + 0.7),
        squeeze=False,
        layout="constrained",
    )
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[], frame_on=False)
    for line, (name, condition, class_name, neighbours) in zip(panels, rows, strict=False):
        dataset = datasets[name]
        show_crop(line[0], crops[dataset, neighbours["instance_a"].iloc[0]], "", {"color": "black", "linestyle": "-"})
        label = f"{class_name}\n{name}\n{format_condition(axis, condition)}"
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize="x-small", labelpad=6)
        for panel, row in zip(line[1:], neighbours.itertuples(), strict=False):
            right = row.class_b == class_name
            caption = "\N{CHECK MARK}" if right else f"\N{MULTIPLICATION X} {row.class_b}"
            show_crop(panel, crops[dataset, row.instance_b], caption, _RIGHT if right else _WRONG)
    if not rows:
        figure.text(0.5, 0.4, "no class has objects in two images", ha="center")
    figure.suptitle(f"{title}\nan object, and the nearest ones of other images", fontsize="large")
    return figure


def _list_rows(tables: Statistics, datasets: Mapping[str, str], dataset: str) -> list[tuple[str, str]]:
    """Return the classes and conditions of a dataset's tables, class by class."""
    table = pd.concat([table for name, table in tables.items() if datasets[name] == dataset])
    conditions = list(dict.fromkeys(table["condition"]))
    return [(class_name, condition) for class_name in sorted(table["class_a"].unique()) for condition in conditions]
