"""Pairs that lie where none should: near ones of different classes, far ones of one class."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd

from semlens.draw.object_crops import show_crop, spread
from semlens.draw.style import Statistics, apply_style, format_condition
from semlens.images.crops import Crop

MAX_PAIRS = 5  # of a row
MAX_CONDITIONS = 2  # of a figure; the caption in draw/kinds says so


def choose_pairs(tables: Statistics) -> Statistics:
    """Return what a figure has room for: the first and the last condition, and the most surprising pairs."""
    conditions = spread(list(dict.fromkeys(pd.concat(tables.values())["condition"])), MAX_CONDITIONS)
    return {
        name: table[table["condition"].isin(conditions) & (table["rank"] <= MAX_PAIRS)]
        for name, table in tables.items()
    }


@apply_style()
def draw_pairs(
    tables: Statistics, datasets: Mapping[str, str], crops: Mapping[tuple[str, str], Crop], *, title: str, axis: str
) -> plt.Figure:
    """Return a row per kind, condition and comparison, with both objects of each pair side by side.

    Parameters
    ----------
    tables
        As :data:`semlens.statistics.classes.PAIRS` describes them.
    datasets, crops
        See :func:`semlens.draw.object_crops.load_crops`.
    """
    conditions, kinds = (list(dict.fromkeys(pd.concat(tables.values())[key])) for key in ("condition", "kind"))
    rows = [
        (kind, name, condition, pairs)
        for dataset in dict.fromkeys(datasets.values())
        for kind in kinds
        for condition in conditions
        for name, table in tables.items()
        if datasets[name] == dataset
        for pairs in [table[(table["kind"] == kind) & (table["condition"] == condition)]]
        if len(pairs)
    ]
    columns = max((len(pairs) for *_, pairs in rows), default=1)
    figure, panels = plt.subplots(
        max(len(rows), 1),
        3 * columns - 1,
        figsize=(2.15 * columns + 2.2, 1.3 * max(len(rows), 1) + 0.7),
        width_ratios=[1, 1, 0.15] * (columns - 1) + [1, 1],
        squeeze=False,
        layout="constrained",
    )
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[], frame_on=False)
    for line, (kind, name, condition, pairs) in zip(panels, rows, strict=False):
        dataset = datasets[name]
        label = f"{kind.replace(', ', chr(10))}\n{name}\n{format_condition(axis, condition)}"
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize="x-small", labelpad=6)
        for place, row in enumerate(pairs.itertuples()):
            left, right = line[3 * place : 3 * place + 2]
            show_crop(left, crops[dataset, row.instance_a], row.class_a)
            show_crop(right, crops[dataset, row.instance_b], f"{row.class_b}  ({row.distance:.3g})")
    if not rows:
        figure.text(0.5, 0.4, "no two objects are in different images", ha="center")
    figure.suptitle(f"{title}\npairs that lie where none should, with their distances", fontsize="large")
    return figure
