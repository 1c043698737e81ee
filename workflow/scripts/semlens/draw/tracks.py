"""One object tracked through a video: its later frames, with its distances and those of the others (Fig. 10)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from pyarrow.dataset import field

from semlens.draw.style import apply_style, format_condition
from semlens.draw.tables import Markup, format_number
from semlens.images.masks import decode_mask
from semlens.images.paths import find_image
from semlens.images.reading import read_image
from semlens.runtime.logs import log
from semlens.storage.table_reader import read_table

REFERENCE_COLOUR, OTHER_COLOUR = "#3ddc50", "#4da3ff"  # bright, to be seen on images
SETS = ("sidi", "scdi", "dcdi")  # between a reference and a later frame


def load_track(distances: str | Path, manifests: Sequence[str | Path], reference: str) -> pd.DataFrame:
    """Return the reference and every object that it is compared with in later frames.

    Columns are those of the manifests, ``condition`` (null for the reference), ``set`` and ``distance``.

    Raises
    ------
    ValueError
        If the reference is compared with no object.
    """
    pairs = read_table(distances, where=(field("instance_a") == reference) & field("set").isin(SETS))
    if pairs.empty:
        raise ValueError(
            f"{reference!r} is compared with no object: at every offset its video has ended, or shows no object"
        )
    instances = pd.concat(map(read_table, manifests))
    later = pairs[["instance_b", "condition", "set", "distance"]].rename(columns={"instance_b": "instance_id"})
    later = later.astype({"instance_id": str, "condition": str, "set": str}).merge(instances, on="instance_id")
    return pd.concat([instances[instances["instance_id"] == reference], later])


@apply_style()
def draw_track(tracks: dict[str, pd.DataFrame], folder: str | Path, *, title: str, exif: str = "ignore") -> plt.Figure:
    """Return the frames side by side, a row per model: the reference and itself later in green, the others in blue.

    Parameters
    ----------
    tracks
        As :func:`load_track` returns them, by model.
    folder
        The dataset's.
    exif
        See :func:`semlens.images.reading.read_image`.
    """
    rows = [list(track.groupby(track["condition"].fillna(""), sort=False)) for track in tracks.values()]
    reference = next(iter(tracks.values())).iloc[0]
    height, columns = 4.2 * reference["height"] / reference["width"], max(map(len, rows))
    figure, panels = plt.subplots(
        len(rows),
        columns,
        figsize=(4.2 * columns, (height + 0.4) * len(rows) + 0.5),
        squeeze=False,
        layout="constrained",
    )
    for row, model, frames in zip(panels, tracks, rows, strict=True):
        for panel, (condition, objects) in zip(row, frames, strict=True):
            frame = objects.iloc[0]
            path = find_image(folder, frame["file"])
            panel.imshow(read_image(path, width=frame["width"], height=frame["height"], exif=exif))
            for instance in objects.itertuples():
                _draw_outline(panel, instance, OTHER_COLOUR if instance.set in ("scdi", "dcdi") else REFERENCE_COLOUR)
            heading = format_condition("offset", condition) if condition else "reference"
            panel.set_title(f"{heading}: {frame['video']}, frame {frame['frame']}", fontsize="medium")
            panel.set(xticks=[], yticks=[])
        if len(rows) > 1:
            row[0].set_ylabel(model)
    figure.suptitle(title, fontsize="large")
    log.info("%s through %d frames", reference["instance_id"], columns)
    return figure


def tabulate_track(tracks: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the distance of each object (rows) in each later frame (columns), by model; the reference is first."""
    tables = {model: _tabulate_model(track) for model, track in tracks.items()}
    return pd.concat(tables) if len(tables) > 1 else next(iter(tables.values()))


def format_track_table(distances: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    """Return what :func:`tabulate_track` returns as text."""
    return distances.map(format_number).rename(index=markup.escape, columns=markup.escape)


def _tabulate_model(track: pd.DataFrame) -> pd.DataFrame:
    later = track[track["condition"].notna()].assign(
        offset=lambda rows: [format_condition("offset", condition) for condition in rows["condition"]],
        object=lambda rows: np.where(rows["set"] == "sidi", "the same, ", "another, ") + rows["identity"],
    )
    table = later.pivot(index="object", columns="offset", values="distance")
    objects = later.sort_values("set", key=lambda names: names != "sidi", kind="stable")["object"].unique()
    return table.loc[objects, list(dict.fromkeys(later["offset"]))]


def _draw_outline(panel: plt.Axes, instance: Any, colour: str) -> None:
    mask = decode_mask(instance.rle, width=instance.width, height=instance.height)
    panel.contour(mask, levels=[0.5], colors=colour, linewidths=1.6)
    if not np.isnan(instance.distance):
        panel.text(
            instance.bbox_x + instance.bbox_w / 2,
            max(instance.bbox_y, 0.06 * instance.height),
            f"{instance.distance:.3f}",
            color=colour,
            fontsize="medium",
            fontweight="bold",
            ha="center",
            va="bottom",
            path_effects=[effects.withStroke(linewidth=2.5, foreground="black")],
        )
