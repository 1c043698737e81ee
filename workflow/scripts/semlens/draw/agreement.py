"""How alike representations are: heat maps of all pairs, and the pairs of two models that agree most."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from semlens.draw.separation import place_conditions
from semlens.draw.style import Statistics, apply_style, format_condition
from semlens.draw.tables import Markup
from semlens.models.layers import BASELINE

TITLES = {
    "cka_debiased": "CKA, debiased",
    "cknna": "CKNNA, k = {k}",
    "mutual_knn": "mutual kNN, k = {k}",
    "rsa": "RSA",
}
_SIDES = ("a", "b")
_KEYS = ("experiment", "model", "condition")
_IN_A_ROW = 6  # representations, at most, of which all maps stand in one row
_NUMBERED = 14  # representations, at most, whose cells have numbers
_NOTHING = "–"


@apply_style()
def draw_agreement(agreement: Statistics, representations: Sequence[dict[str, Any]], *, title: str) -> plt.Figure:
    """Return heat maps of how alike all representations are, a row or two per dataset, one per measure.

    Representations of a model stand together, layers in forward order. A measure has one scale for all datasets. Cells
    without a value are crossed out.

    Parameters
    ----------
    agreement
        By dataset, tables of :data:`semlens.statistics.agreement.table.AGREEMENT_TABLE`.
    representations
        See :func:`semlens.config.agreements.list_representations`.
    """
    ordered = order_representations(representations)
    labels, count = label_representations(ordered), len(ordered)
    divided = [place for place in range(1, count) if ordered[place]["model"] != ordered[place - 1]["model"]]
    n_columns = len(TITLES) if count <= _IN_A_ROW else 2
    n_rows = len(TITLES) // n_columns
    side = max(1.7, (0.3 if count <= _NUMBERED else 0.16) * count)  # inches
    letters = 8 * max(1.0, (side + 0.7) * n_columns / 11)  # points: a page shows a large figure in small
    margin = 0.0085 * letters * max(map(len, labels))
    size = ((side + 0.7) * n_columns + margin, (side + 0.4) * n_rows * len(agreement) + margin + 0.7)
    figure, panels = plt.subplots(
        n_rows * len(agreement), n_columns, figsize=size, squeeze=False, sharex=True, sharey=True, layout="compressed"
    )
    places = {_key(entry): place for place, entry in enumerate(ordered)}
    for number, (measure, name) in enumerate(TITLES.items()):
        row, column = divmod(number, n_columns)
        drawn = panels[row::n_rows, column]
        squares = [_fill_square(table[table["measure"] == measure], places) for table in agreement.values()]
        known = np.concatenate([square[np.isfinite(square)] for square in squares])
        limits = {"vmin": min(0.0, known.min(initial=0)), "vmax": known.max(initial=0) if known.size else 1.0}
        for panel, square, (dataset, table) in zip(drawn, squares, agreement.items(), strict=True):
            _draw_square(panel, square, labels, divided, limits, letters)
            panel.set_title(f"{name.format(k=table['k'].iloc[0])} ({dataset})", fontsize=letters)
            scale = figure.colorbar(panel.collections[0], ax=panel, shrink=0.8, pad=0.02, aspect=25)
            scale.ax.tick_params(labelsize=0.8 * letters)
    counts = "; ".join(
        f"{dataset}: {table['n_objects'].iloc[0]:,} objects in {table['n_units'].iloc[0]:,} images (videos)"
        for dataset, table in agreement.items()
    )
    figure.suptitle(f"{title}\n{counts}", fontsize=1.2 * letters)
    return figure


def order_representations(representations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return representations by model, and those of one experiment in the order in which figures have conditions."""
    models = list(dict.fromkeys(entry["model"] for entry in representations))
    experiments = list(dict.fromkeys(entry["experiment"] for entry in representations))
    places = {
        name: place_conditions(
            next(entry["axis"] for entry in representations if entry["experiment"] == name),
            list(dict.fromkeys(entry["name"] for entry in representations if entry["experiment"] == name)),
        )
        for name in experiments
    }
    return sorted(
        representations,
        key=lambda entry: (
            models.index(entry["model"]),
            experiments.index(entry["experiment"]),
            places[entry["experiment"]][entry["name"]],
        ),
    )


def label_representations(representations: Sequence[dict[str, Any]]) -> list[str]:
    """Return the model and condition of each representation, and its experiment where others have both too."""
    labels = [
        entry["model"]
        if entry["name"] == BASELINE
        else f"{entry['model']}, {format_condition(entry['axis'], entry['name'])}"
        for entry in representations
    ]
    counts = Counter(labels)
    return [
        f"{label} ({entry['experiment']})" if counts[label] > 1 else label
        for label, entry in zip(labels, representations, strict=True)
    ]


def tabulate_agreement(agreement: Statistics) -> pd.DataFrame:
    """Return, for each two models and each measure, the two conditions that agree most, and how much.

    Rows are (dataset, one model, other), columns (measure, ``condition_a``, ``condition_b``, ``value``, ``low``,
    ``high``). A model stands beside itself where it has several representations.
    """
    rows = {}
    for dataset, table in agreement.items():
        for models, pairs in table.groupby(["model_a", "model_b"], sort=False):
            rows[dataset, *models] = pd.concat({measure: _find_highest(pairs, measure) for measure in TITLES})
    index = pd.MultiIndex.from_tuples(rows, names=["dataset", "model", "other model"])
    return pd.DataFrame(list(rows.values()), index=index)


def format_agreement(values: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    """Return what :func:`tabulate_agreement` returns, in words to read."""
    printed = pd.DataFrame(
        {
            TITLES[measure].split(",")[0] if "{k}" in TITLES[measure] else TITLES[measure]: [
                _format_cell(cell, markup) for _, cell in values[measure].iterrows()
            ]
            for measure in TITLES
        }
    )
    names = [tuple(map(markup.escape, row)) for row in values.index]
    printed.index = pd.MultiIndex.from_tuples(names, names=values.index.names)
    return printed


def _find_highest(pairs: pd.DataFrame, measure: str) -> pd.Series:
    of_measure = pairs[pairs["measure"] == measure].reset_index(drop=True)
    known = of_measure["value"].fillna(-np.inf)
    return of_measure.loc[known.idxmax(), ["condition_a", "condition_b", "value", "low", "high"]]


def _format_cell(cell: pd.Series, markup: Markup) -> str:
    if pd.isna(cell["value"]):
        return _NOTHING
    interval = "" if pd.isna(cell["low"]) else f" ({cell['low']:.3f} to {cell['high']:.3f})"
    names = " and ".join(markup.escape(cell[f"condition_{side}"].replace("_", " ")) for side in _SIDES)
    return f"{cell['value']:.3f}{interval}: {names}"


def _key(entry: dict[str, Any]) -> tuple[str, ...]:
    return entry["experiment"], entry["model"], entry["name"]


def _fill_square(table: pd.DataFrame, places: dict[tuple[str, ...], int]) -> np.ndarray:
    """Return the values of all pairs, (representations, representations); NaN on the diagonal."""
    square = np.full((len(places),) * 2, np.nan)
    i, j = ([places[key] for key in zip(*(table[f"{name}_{side}"] for name in _KEYS), strict=True)] for side in _SIDES)
    square[i, j] = square[j, i] = table["value"]
    return square


def _draw_square(
    panel: plt.Axes,
    square: np.ndarray,
    labels: list[str],
    divided: list[int],
    limits: dict[str, float],
    letters: float,
) -> None:
    numbers = np.array([[f"{value:.2f}".replace("0.", ".", 1) for value in line] for line in square])
    sns.heatmap(
        square,
        ax=panel,
        cmap="viridis",
        cbar=False,
        annot=numbers if len(labels) <= _NUMBERED else None,
        fmt="",
        annot_kws={"fontsize": 0.75 * letters},
        square=True,
        **limits,
    )
    panel.grid(visible=False)
    panel.set_facecolor("0.9")
    for y, x in np.argwhere(np.isnan(square)):
        if x != y:
            panel.plot([x, x + 1, np.nan, x, x + 1], [y, y + 1, np.nan, y + 1, y], color="0.5", linewidth=0.6)
    for place in divided:
        panel.axhline(place, color="white", linewidth=1.5)
        panel.axvline(place, color="white", linewidth=1.5)
    ticks = np.arange(len(labels)) + 0.5
    panel.set_xticks(ticks, labels, rotation=90, fontsize=0.85 * letters)
    panel.set_yticks(ticks, labels, rotation=0, fontsize=0.85 * letters)
