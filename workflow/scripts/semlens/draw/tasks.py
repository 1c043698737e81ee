"""What features are good for: a row of panels per task, condition by condition."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd

from semlens.draw.separation import colour_models, draw_conditions, label_conditions, make_handles, place_conditions
from semlens.draw.style import apply_style
from semlens.statistics.comparisons import MIN_UNITS

# By task, measure and target, what the rows of panels show, in order.
ROWS = {
    ("retrieval", "average_precision", "class"): "retrieval\n(mAP)",
    ("knn", "accuracy", "class"): "vote of 20\n(accuracy)",
    ("probe", "accuracy", "class"): "probe\n(accuracy)",
    ("clustering", "ami", "class"): "clustering\n(AMI)",
    ("reidentification", "rank_1", "identity"): "the object itself\n(rank 1)",
    ("reidentification", "rank_1", "class"): "its class\n(rank 1)",
}
KEYS = ["task", "measure", "target"]


class Measurement(NamedTuple):
    """What the tasks of an experiment measured with a model on a dataset; conditions are text."""

    model: str
    dataset: str
    tasks: pd.DataFrame


@apply_style()
def draw_tasks(
    measurements: Sequence[Measurement], models: Sequence[dict[str, Any]], *, title: str, axis: str
) -> plt.Figure:
    """Return a column of panels per dataset, and a row per task with values: these, their bands, and what chance gives.

    Models have colours, and controls are dashed, as :func:`semlens.draw.separation.draw_studies` has them. Conditions
    stand where they stand there.
    """
    datasets = list(dict.fromkeys(one.dataset for one in measurements))
    measured = pd.concat(one.tasks.loc[one.tasks["value"].notna(), KEYS] for one in measurements).itertuples(
        index=False
    )
    keys = sorted(set(ROWS) & set(map(tuple, measured)), key=list(ROWS).index)
    places = place_conditions(
        axis, list(dict.fromkeys(name for one in measurements for name in one.tasks["condition"]))
    )
    if not keys:
        figure = plt.figure(figsize=(5.2, 1.4))
        figure.text(0.5, 0.3, f"no class has objects in {MIN_UNITS} images (videos)", ha="center")
        figure.suptitle(title, fontsize="large")
        return figure
    width = max(5.2 if len(datasets) == 1 else 4.2, min(1.6 + 0.3 * len(places), 14 / len(datasets)))
    figure, panels = plt.subplots(
        len(keys),
        len(datasets),
        figsize=(width * len(datasets), 1.2 + 1.6 * len(keys)),
        squeeze=False,
        sharex=True,
        sharey="row",
        layout="constrained",
    )
    colours = colour_models(models)
    pretrained = {model["name"] for model in models if model["weights"] == "pretrained"}
    for column, dataset in zip(panels.T, datasets, strict=True):
        found = [one for one in measurements if one.dataset == dataset]
        for panel, key in zip(column, keys, strict=True):
            for one in sorted(found, key=lambda one: [*colours].index(one.model)):
                table = one.tasks[(one.tasks[KEYS] == key).all(axis=1)]
                _draw_model(panel, table, axis, places, colours[one.model], one.model not in pretrained)
        column[0].set_title(dataset, fontsize="medium")
        label_conditions(column[-1], axis, places)
    for line, key in zip(panels, keys, strict=True):
        line[0].set_ylabel(ROWS[key])
        low, high = line[0].get_ylim()
        line[0].set_ylim(min(low, 0), max(high, 0.1))
    handles = make_handles(models, {one.model for one in measurements})
    handles.append(plt.Line2D([], [], color="0.3", linewidth=0.8, linestyle=":", label="chance"))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6), frameon=False)
    figure.suptitle(title, fontsize="large")
    return figure


def _draw_model(
    panel: plt.Axes, table: pd.DataFrame, axis: str, places: dict[str, float], colour: str, is_control: bool
) -> None:
    known = table[table["value"].notna()].assign(x=lambda rows: rows["condition"].map(places)).sort_values("x")
    if known.empty:
        return
    x, y, low, high = (known[name].to_numpy(float) for name in ("x", "value", "band_low", "band_high"))
    best = known["among_best"].to_numpy(bool)
    draw_conditions(
        panel, axis, list(known["condition"]), x, y, (low, high), best, colour=colour, is_control=is_control
    )
    panel.plot(x, known["chance"].to_numpy(float), color="0.3", linewidth=0.8, linestyle=":")
    if len(known) == 1:
        panel.axhline(known["chance"].iloc[0], color="0.3", linewidth=0.8, linestyle=":")
