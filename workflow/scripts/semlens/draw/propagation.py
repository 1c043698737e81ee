"""How far features carry masks through videos: J&F by layer, and as a table."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd

from semlens.draw.heat_maps import arrange_grid, draw_heat_maps
from semlens.draw.separation import colour_models, draw_conditions, label_conditions, make_handles, place_conditions
from semlens.draw.style import apply_style
from semlens.draw.tables import NOTHING, Markup, format_short
from semlens.storage.csv_tables import read_csv

_SHARES = {
    "J mean": "j_mean",
    "J recall": "j_recall",
    "J decay": "j_decay",
    "F mean": "f_mean",
    "F recall": "f_recall",
    "F decay": "f_decay",
}
_COUNTS = {"objects": "n_objects", "videos": "n_units", "frames": "n_frames"}


class Propagated(NamedTuple):
    """What a model's features do on a dataset: a table of :mod:`semlens.statistics.propagation`, and its name."""

    name: str
    model: str
    dataset: str
    table: pd.DataFrame


def read_propagated(runs: Sequence[dict[str, Any]], tables: Sequence[str]) -> list[Propagated]:
    """Return what was measured.

    Parameters
    ----------
    runs
        Records of ``name``, ``model`` and ``dataset``, see :func:`semlens.config.studies.list_runs`.
    """
    return [Propagated(**run, table=read_csv(path)) for run, path in zip(runs, tables, strict=True)]


@apply_style()
def draw_propagation(runs: Sequence[Propagated], models: Sequence[dict[str, Any]], *, title: str) -> plt.Figure:
    """Return J&F by layer: a panel per dataset, a line per model; of several timesteps, a map per dataset and model.

    Models have colours, and controls are dashed, as :func:`semlens.draw.separation.draw_studies` has them. Bands hold
    for all layers and timesteps of a model at once; there are none for one video. Filled marks, or outlined cells, are
    tied with the model's best.
    """
    if any(run.table["timestep"].nunique() > 1 for run in runs):
        return draw_heat_maps({run.name: {"J&F": arrange_grid(run.table, "jf_mean")} for run in runs}, title=title)
    datasets = list(dict.fromkeys(run.dataset for run in runs))
    places = place_conditions("layers", list(dict.fromkeys(name for run in runs for name in run.table["layers"])))
    figure, panels = plt.subplots(
        len(datasets),
        1,
        figsize=(max(5.2, 1.6 + 0.3 * len(places)), 3.1 * len(datasets) + 0.6),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    colours = colour_models(models)
    pretrained = {model["name"] for model in models if model["weights"] == "pretrained"}
    for panel, dataset in zip(panels[:, 0], datasets, strict=True):
        found = [run for run in runs if run.dataset == dataset]
        for run in sorted(found, key=lambda run: [*colours].index(run.model)):
            _draw_model(panel, run.table, places, colours[run.model], run.model not in pretrained)
        label_conditions(panel, "layers", places)
        panel.set_title(dataset, fontsize="medium")
        panel.set_ylabel("J&F")
    handles = make_handles(models, {run.model for run in runs})
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6), frameon=False)
    figure.suptitle(title, fontsize="large")
    return figure


def _draw_model(panel: plt.Axes, table: pd.DataFrame, places: dict[str, float], colour: str, is_control: bool) -> None:
    table = table.assign(x=table["layers"].map(places)).sort_values("x")
    x, y, low, high = (table[name].to_numpy(float) for name in ("x", "jf_mean", "band_low", "band_high"))
    best, names = table["among_best"].to_numpy(bool), list(table["layers"])
    draw_conditions(panel, "layers", names, x, y, (low, high), best, colour=colour, is_control=is_control)


def tabulate_propagation(runs: Sequence[Propagated]) -> pd.DataFrame:
    """Return all measures; rows are (comparison, layers, timestep), as measured."""
    tables = [run.table.assign(comparison=run.name) for run in runs]
    return pd.concat(tables).set_index(["comparison", "layers", "timestep"])


def format_propagation(values: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    """Return what :func:`tabulate_propagation` returns in words to read; J&F is bold where it is tied with the best."""
    mean = values["jf_mean"].map(format_short)
    columns = {
        "J&F": mean.where(~values["among_best"], mean.map(markup.bold.format)),
        "95 % interval": [_format_interval(*ends) for ends in zip(values["low"], values["high"], strict=True)],
        **{heading: values[name].map(format_short) for heading, name in _SHARES.items()},
        **{heading: values[name].map("{:,}".format) for heading, name in _COUNTS.items()},
    }
    printed = pd.DataFrame(columns, index=values.index).rename(columns=markup.escape)
    printed.index = printed.index.map(lambda key: (markup.escape(key[0]), markup.escape(key[1]), f"{key[2]}"))
    return printed.rename_axis(["", "layers", "t"])


def _format_interval(low: float, high: float) -> str:
    return NOTHING if pd.isna(low) else f"{low:.3f} to {high:.3f}"
