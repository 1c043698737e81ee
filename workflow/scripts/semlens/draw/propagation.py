"""How far features carry masks through videos: J&F by layer, and as a table."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd

from semlens.draw.separation import (
    colour_models,
    is_joined,
    label_conditions,
    make_handles,
    place_conditions,
    style_line,
    style_marker,
)
from semlens.draw.style import apply_style
from semlens.draw.tables import Markup
from semlens.storage.csv_tables import read_csv

_NOTHING = "–"
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
    """Return J&F by layer: a row of panels per dataset, a column per timestep, a line per model.

    Models have colours, and controls are dashed, as :func:`semlens.draw.separation.draw_studies` has them. Bands hold
    for all layers and timesteps of a model at once; there are none for one video. Filled marks are tied with the
    model's best.
    """
    datasets = list(dict.fromkeys(run.dataset for run in runs))
    timesteps = sorted({timestep for run in runs for timestep in run.table["timestep"]})
    places = place_conditions("layers", list(dict.fromkeys(name for run in runs for name in run.table["layers"])))
    width = max(3.2 if len(timesteps) > 1 else 5.2, 1.6 + 0.3 * len(places))
    figure, panels = plt.subplots(
        len(datasets),
        len(timesteps),
        figsize=(width * len(timesteps), 3.1 * len(datasets) + 0.6),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    colours = colour_models(models)
    pretrained = {model["name"] for model in models if model["weights"] == "pretrained"}
    for row, dataset in zip(panels, datasets, strict=True):
        for panel, timestep in zip(row, timesteps, strict=True):
            for run in sorted(
                (run for run in runs if run.dataset == dataset), key=lambda run: [*colours].index(run.model)
            ):
                table = run.table[run.table["timestep"] == timestep]
                _draw_model(panel, table, places, colours[run.model], run.model not in pretrained)
            label_conditions(panel, "layers", places)
            panel.set_title(dataset if len(timesteps) == 1 else f"{dataset}, t = {timestep}", fontsize="medium")
        row[0].set_ylabel("J&F")
    handles = make_handles(models, {run.model for run in runs})
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6), frameon=False)
    figure.suptitle(title, fontsize="large")
    return figure


def _draw_model(panel: plt.Axes, table: pd.DataFrame, places: dict[str, float], colour: str, is_control: bool) -> None:
    table = table.assign(x=table["layers"].map(places)).sort_values("x")
    joined = table["layers"].map(lambda name: is_joined("layers", name)).astype(bool)
    line, sums = table[joined], table[~joined]
    panel.plot(line["x"], line["jf_mean"], color=colour, **style_line(is_control))
    panel.fill_between(line["x"], line["band_low"], line["band_high"], color=colour, alpha=0.15, linewidth=0)
    few = table if len(line) < 2 else sums  # a band of one layer has no width
    panel.vlines(few["x"], few["band_low"], few["band_high"], color=colour, alpha=0.35, linewidth=3)
    for is_best, face in ((True, colour), (False, "white")):
        marked = table[table["among_best"] == is_best]
        panel.plot(marked["x"], marked["jf_mean"], color=colour, markerfacecolor=face, **style_marker(is_control))


def tabulate_propagation(runs: Sequence[Propagated]) -> pd.DataFrame:
    """Return all measures; rows are (comparison, layers, timestep), as measured."""
    tables = [run.table.assign(comparison=run.name) for run in runs]
    return pd.concat(tables).set_index(["comparison", "layers", "timestep"])


def format_propagation(values: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    """Return what :func:`tabulate_propagation` returns in words to read; J&F is bold where it is tied with the best."""
    mean = values["jf_mean"].map(_format_share)
    columns = {
        "J&F": mean.where(~values["among_best"], mean.map(markup.bold.format)),
        "95 % interval": [_format_interval(*ends) for ends in zip(values["low"], values["high"], strict=True)],
        **{heading: values[name].map(_format_share) for heading, name in _SHARES.items()},
        **{heading: values[name].map("{:,}".format) for heading, name in _COUNTS.items()},
    }
    printed = pd.DataFrame(columns, index=values.index).rename(columns=markup.escape)
    printed.index = printed.index.map(lambda key: (markup.escape(key[0]), markup.escape(key[1]), f"{key[2]}"))
    return printed.rename_axis(["", "layers", "t"])


def _format_share(value: float) -> str:
    return _NOTHING if pd.isna(value) else f"{value:.3f}"


def _format_interval(low: float, high: float) -> str:
    return _NOTHING if pd.isna(low) else f"{low:.3f} to {high:.3f}"
