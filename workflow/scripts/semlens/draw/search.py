"""What a search found: the best subset of layers of each size, what it is worth on other images, and its layers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from semlens.draw.separation import colour_models, make_handles, style_line, style_marker
from semlens.draw.style import apply_style
from semlens.statistics.comparisons import MIN_UNITS
from semlens.storage.csv_tables import read_csv

_COLUMNS = 3  # of datasets; metrics stand side by side
_WIDTH, _CURVE, _ROW = 4.8, 2.6, 0.17  # inches: of a panel, of its curves, of a layer's row below them
_SHIFT = 0.09  # of a model's marks beside another's
_ASIDE = 0.12  # of a choice's diamond beside another's of as many layers
_TOLD = ("best", "best single layer", "all layers")  # choices whose value on other images is drawn


class Found(NamedTuple):
    """What a search found with a model on a dataset: tables of :mod:`semlens.statistics.search_tables`."""

    model: str
    dataset: str
    table: pd.DataFrame
    summary: pd.DataFrame


def read_searches(
    runs: Iterable[dict[str, Any]], tables: Iterable[str | Path], summaries: Iterable[str | Path]
) -> list[Found]:
    """Return what a search found, with each model on each dataset.

    Parameters
    ----------
    runs
        Records of ``model`` and ``dataset``, one per table and summary.
    """
    return [
        Found(run["model"], run["dataset"], read_csv(table), read_csv(summary))
        for run, table, summary in zip(runs, tables, summaries, strict=True)
    ]


@apply_style()
def draw_search(found: Sequence[Found], models: Sequence[dict[str, Any]], *, title: str) -> plt.Figure:
    """Return a panel per dataset and metric: separation of the best subset of each size, a line per model.

    Below are, for each model, the layers of these subsets: a row per layer, a column per size. Filled marks cannot be
    told from the model's best. Diamonds are what halves of the images chose, on the other half.

    Parameters
    ----------
    models
        As :func:`semlens.statistics.studies.pair_models` takes them.
    """
    colours = colour_models(models)
    pretrained = {model["name"] for model in models if model["weights"] == "pretrained"}
    names = [name for name in colours if any(one.model == name for one in found)]
    datasets, metrics = dict.fromkeys(one.dataset for one in found), dict.fromkeys(found[0].table["metric"])
    panels = [(dataset, metric) for dataset in datasets for metric in metrics]
    n_columns, n_parts = len(metrics) if len(metrics) > 1 else min(_COLUMNS, len(panels)), 1 + len(names)
    heights = [_CURVE, *(max(_ROW * len(list_layers(one.table)) + 0.2, 0.5) for one in _select(found, names))]
    n_rows = -(-len(panels) // n_columns)
    figure, grid = plt.subplots(
        n_rows * n_parts,
        n_columns,
        figsize=(_WIDTH * n_columns + 0.6, sum(heights) * n_rows + 1.1),
        height_ratios=heights * n_rows,
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    for place, (dataset, metric) in enumerate(panels):
        row, column = divmod(place, n_columns)
        parts = grid[row * n_parts : (row + 1) * n_parts, column]
        of_panel = [one for one in found if one.dataset == dataset]
        for one in sorted(of_panel, key=lambda one: names.index(one.model)):
            order, is_control = names.index(one.model), one.model not in pretrained
            shift = _SHIFT * (order - (len(names) - 1) / 2)
            best = list_best_of_sizes(one.table[one.table["metric"] == metric])
            _draw_curve(parts[0], best, shift, colours[one.model], is_control=is_control)
            summary = one.summary[one.summary["metric"] == metric]
            _draw_told(parts[0], summary, shift, colours[one.model], is_control=is_control)
            _draw_layers(parts[1 + order], best, list_layers(one.table), colours[one.model])
            parts[1 + order].set_title(one.model if len(names) > 1 else "", fontsize="small", loc="left", pad=2)
        _label_curves(parts[0], f"{dataset}, {metric}", of_panel, metric)
        parts[-1].set_xlabel("number of layers")
    for spare in range(len(panels), n_rows * n_columns):
        for part in grid[spare // n_columns * n_parts :, spare % n_columns]:
            part.set_axis_off()
    for part in grid[::n_parts, 0]:
        part.set_ylabel("separation")
    _add_legend(figure, models, names)
    figure.suptitle(title, fontsize="large")
    return figure


def list_best_of_sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Return, of a metric's subsets, that of the highest exact value of each size, by rising size."""
    known = table.dropna(subset="exact")
    return known.loc[known.groupby("n_layers")["exact"].idxmax()].sort_values("n_layers")


def list_layers(table: pd.DataFrame) -> list[str]:
    """Return the layers of a search, in forward order: the subset of all of them has no layer but these."""
    single = set(table.loc[table["n_layers"] == 1, "layers"])
    largest = table.loc[table["n_layers"].idxmax(), "layers"]
    return split_layers(largest, single)


def split_layers(subset: str, layers: Iterable[str]) -> list[str]:
    """Return the layers of a subset, some of which may be sums: ``64+32+16`` may be ``64`` and ``32+16``."""
    places = {name: f"+{subset}+".find(f"+{name}+") for name in layers}
    return sorted((name for name, place in places.items() if place >= 0), key=places.__getitem__)


def _select(found: Sequence[Found], names: Sequence[str]) -> list[Found]:
    return [next(one for one in found if one.model == name) for name in names]


def _draw_curve(panel: plt.Axes, best: pd.DataFrame, shift: float, colour: str, *, is_control: bool) -> None:
    x = best["n_layers"] + shift
    panel.plot(x, best["exact"], color=colour, alpha=0.6, **style_line(is_control))
    panel.vlines(x, best["low"], best["high"], color=colour, alpha=0.35, linewidth=2.5)
    for chosen, face in ((best["among_best"], colour), (~best["among_best"], "white")):
        marks = style_marker(is_control)
        panel.plot(x[chosen], best.loc[chosen, "exact"], color=colour, markerfacecolor=face, zorder=3, **marks)


def _draw_told(panel: plt.Axes, summary: pd.DataFrame, shift: float, colour: str, *, is_control: bool) -> None:
    told = summary[summary["choice"].isin(_TOLD)].dropna(subset="elsewhere")
    told = told.drop_duplicates(["n_layers", "elsewhere"])
    aside = _ASIDE * told.groupby("n_layers").cumcount()
    x, marks = told["n_layers"] + shift + 0.3 + aside, style_marker(is_control) | {"marker": "D"}
    bars = {"color": colour, "linewidth": 0.9, **style_line(is_control)}
    panel.vlines(x, told["elsewhere_low"], told["elsewhere_high"], **bars)
    panel.plot(x, told["elsewhere"], color=colour, markerfacecolor="white", zorder=3, **marks)


def _draw_layers(panel: plt.Axes, best: pd.DataFrame, layers: Sequence[str], colour: str) -> None:
    """Draw which layers the best subset of each size has: the first layer on top."""
    panel.grid(visible=False)
    panel.set_yticks(range(len(layers)), layers, fontsize="x-small")
    panel.set_ylim(len(layers) - 0.5, -0.5)
    sizes = np.arange(1, len(layers) + 1)
    panel.plot(*(part.ravel() for part in np.meshgrid(sizes, range(len(layers)))), ".", color="0.88", markersize=5)
    for row in best.itertuples():
        rows = [layers.index(name) for name in split_layers(row.layers, layers)]
        panel.plot([row.n_layers] * len(rows), rows, "-", color=colour, alpha=0.35, linewidth=1)
        panel.plot([row.n_layers] * len(rows), rows, "o", color=colour, markersize=4)
    if len(best):
        panel.axvspan(*(best.loc[best["exact"].idxmax(), "n_layers"] + np.array([-0.4, 0.4])), color="0.93", zorder=0)


def _label_curves(panel: plt.Axes, heading: str, found: Sequence[Found], metric: str) -> None:
    summary = pd.concat([one.summary[one.summary["metric"] == metric] for one in found])
    if summary["separation"].isna().all():
        text = f"no class has objects to compare in {MIN_UNITS} images (videos),\nor the metric is undefined"
        panel.text(0.5, 0.5, text, ha="center", va="center", fontsize="small", transform=panel.transAxes)
    n_objects, n_units, n_tried = summary[["n_objects", "n_units", "n_tried"]].max()
    panel.set_title(f"{heading}: {n_tried:,} subsets, {n_objects:,} objects in {n_units:,} images", fontsize="medium")
    panel.axhline(0.5, color="0.3", linewidth=0.8, linestyle=":")
    largest = max(one.table["n_layers"].max() for one in found)
    step = 1 if largest <= 15 else 2 if largest <= 30 else 5
    panel.set_xticks([1, *range(1 + step, largest + 1, step)])
    panel.set_xlim(0.4, largest + 0.8)
    panel.tick_params(labelbottom=True)


def _add_legend(figure: plt.Figure, models: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    plain = {"color": "0.3", "linestyle": "none", "markersize": 4.5, "markeredgewidth": 1.2}
    told = {"marker": "D", "markerfacecolor": "white", "label": "on images that did not choose"}
    handles = [
        *make_handles(models, set(names)),
        plt.Line2D([], [], marker="o", label="tied with the best", **plain),
        plt.Line2D([], [], marker="o", markerfacecolor="white", label="below the best", **plain),
        plt.Line2D([], [], **told, **plain),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize="small")
