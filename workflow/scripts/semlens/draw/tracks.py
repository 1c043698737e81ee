"""One object followed through a video: later frames, everyone outlined, distances written on them (Fig. 10)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from semlens.draw.style import set_style
from semlens.draw.tables import Markup, format_number
from semlens.images.masks import decode_mask
from semlens.images.paths import find_image
from semlens.images.reading import read_image
from semlens.runtime.files import quarantine_if_corrupt
from semlens.runtime.logs import log

SAME, OTHER = "#3ddc50", "#4da3ff"  # seen against pictures


def load_track(distances: str | Path, manifests: Sequence[str | Path], reference: str) -> pd.DataFrame:
    """Return the reference and everyone that it is compared with in later frames.

    Columns are those of the manifests, ``condition`` (null for the reference), ``set`` and ``distance``.

    Raises
    ------
    ValueError
        If the reference is compared with no one.
    """
    with quarantine_if_corrupt(distances):
        pairs = pd.read_parquet(distances).astype({"condition": str, "set": str, "instance_b": str})
    pairs = pairs[(pairs["instance_a"] == reference) & pairs["set"].isin(["sidi", "scdi", "dcdi"])]
    if pairs.empty:
        raise ValueError(f"{reference!r} is compared with no one: its video ends, or shows no one, at each offset")
    instances = pd.concat([pd.read_parquet(path) for path in manifests])
    later = pairs.rename(columns={"instance_b": "instance_id"})[["instance_id", "condition", "set", "distance"]]
    return pd.concat([instances[instances["instance_id"] == reference], later.merge(instances, on="instance_id")])


def draw_track(people: dict[str, pd.DataFrame], folder: str | Path, *, title: str) -> plt.Figure:
    """Return the frames side by side, a row per model: the reference and itself later in green, the others in blue.

    Parameters
    ----------
    people
        What :func:`followed` returns, by model.
    folder
        The dataset's.
    """
    set_style()
    rows = [list(of.groupby(of["condition"].fillna(""), sort=False)) for of in people.values()]
    first = next(iter(people.values())).iloc[0]
    height, columns = 4.2 * first["height"] / first["width"], max(map(len, rows))
    figure, panels = plt.subplots(
        len(rows),
        columns,
        figsize=(4.2 * columns, (height + 0.4) * len(rows) + 0.5),
        squeeze=False,
        layout="constrained",
    )
    for line, model, frames in zip(panels, people, rows, strict=True):
        for panel, (condition, shown) in zip(line, frames, strict=True):
            one = shown.iloc[0]
            panel.imshow(read_image(find_image(folder, one["file"]), width=one["width"], height=one["height"]))
            for person in shown.itertuples():
                _draw_outline(panel, person, OTHER if person.set in ("scdi", "dcdi") else SAME)
            when = f"+{condition}" if condition else "reference"
            panel.set_title(f"{when}: {one['video']}, frame {one['frame']}", fontsize="medium")
            panel.set(xticks=[], yticks=[])
        if len(rows) > 1:
            line[0].set_ylabel(model)
    figure.suptitle(title, fontsize="large")
    log.info("%s through %d frames", first["instance_id"], columns)
    return figure


def tabulate_track(people: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the distance of everyone (rows) in every later frame (columns), the followed one first, model by model."""
    tables = {model: _tabulate(of) for model, of in people.items()}
    return pd.concat(tables) if len(tables) > 1 else next(iter(tables.values()))


def _tabulate(people: pd.DataFrame) -> pd.DataFrame:
    later = people[people["condition"].notna()].assign(
        offset=lambda rows: "+" + rows["condition"],
        who=lambda rows: np.where(rows["set"] == "sidi", "the same, ", "another, ") + rows["identity"],
    )
    table = later.pivot(index="who", columns="offset", values="distance")
    order = later.sort_values("set", key=lambda names: names != "sidi", kind="stable")["who"].unique()
    return table.loc[order, list(dict.fromkeys(later["offset"]))]


def format_track_table(distances: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    """Return what :func:`distances_of` found as text."""
    return distances.map(format_number).rename(index=markup.escape, columns=markup.escape)


def _draw_outline(panel: plt.Axes, person: Any, colour: str) -> None:
    mask = decode_mask(person.rle, width=person.width, height=person.height)
    panel.contour(mask, levels=[0.5], colors=colour, linewidths=1.6)
    if not np.isnan(person.distance):
        panel.text(
            person.bbox_x + person.bbox_w / 2,
            max(person.bbox_y, 0.06 * person.height),
            f"{person.distance:.3f}",
            color=colour,
            fontsize="medium",
            fontweight="bold",
            ha="center",
            va="bottom",
            path_effects=[effects.withStroke(linewidth=2.5, foreground="black")],
        )
