"""Frames of a video with their true masks, and with those that features carried there."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from semlens.draw.style import apply_style
from semlens.images.paths import find_image
from semlens.images.reading import read_image
from semlens.propagate.videos import list_frames
from semlens.select.formats._palettes import read_labels
from semlens.storage.csv_tables import read_csv

N_FRAMES = 5  # that are shown, at even distances
COLOURS = ("#ffd400", "#4da3ff", "#ff5a36", "#3ddc50", "#e07bff", "#00e0d0")  # bright, to be seen on images
_OPACITY = 0.55


class Shown(NamedTuple):
    """One frame: its number, its file's name without the ending, (height, width, 3) pixels, and its objects' labels."""

    frame: int
    stem: str
    image: np.ndarray
    labels: np.ndarray


class Carried(NamedTuple):
    """What a model carried into the same frames with its best layers: labels, and J and F of each frame."""

    name: str
    labels: list[np.ndarray]
    scores: list[str]


def load_frames(format: str, folder: str | Path, sequence: str, *, exif: str) -> list[Shown]:
    """Return ``N_FRAMES`` frames of a video at even distances, from the first to the last."""
    frames, masks = list_frames(format, folder, sequence)
    chosen = {round(place) for place in np.linspace(0, len(frames) - 1, min(N_FRAMES, len(frames)))}
    return list(_read_frames(frames, masks, chosen, folder, exif))


def _read_frames(
    frames: pd.DataFrame, masks: Iterator[np.ndarray], chosen: set[int], folder: str | Path, exif: str
) -> Iterator[Shown]:
    for place, (row, labels) in enumerate(zip(frames.itertuples(), masks, strict=True)):
        if place in chosen:
            image = read_image(find_image(folder, row.file), width=row.width, height=row.height, exif=exif)
            yield Shown(row.frame, Path(row.file).stem, np.asarray(image), labels)


def load_carried(
    name: str, table: str | Path, scores: str | Path, masks: str | Path, shown: Sequence[Shown]
) -> Carried:
    """Return what a model's best layers, by J&F over all videos, carried into some frames of one.

    Parameters
    ----------
    table, scores, masks
        See :mod:`semlens.statistics.propagation` and :func:`semlens.propagate.masks.propagate_masks`.
    """
    measured = read_csv(table)
    best = measured.loc[measured["jf_mean"].idxmax()]
    frames = read_csv(scores)
    frames = frames[(frames["layers"] == best["layers"]) & (frames["timestep"] == best["timestep"])]
    means = frames.groupby("frame")[["j", "f"]].mean()
    folder = Path(masks, best["layers"], f"t{best['timestep']}")
    return Carried(
        f"{name}\n{best['layers']}, t = {best['timestep']}",
        [read_labels(folder / f"{one.stem}.png") for one in shown],
        [f"J {means.loc[one.frame, 'j']:.2f}  F {means.loc[one.frame, 'f']:.2f}" for one in shown],
    )


@apply_style()
def draw_propagated_frames(
    videos: Mapping[tuple[str, str], tuple[list[Shown], list[Carried]]], *, title: str
) -> plt.Figure:
    """Return rows of frames: of each video the true masks, and below them those that each model carried.

    Parameters
    ----------
    videos
        By dataset and video.
    """
    rows = sum(1 + len(carried) for _, carried in videos.values())
    columns = max(len(shown) for shown, _ in videos.values())
    height, width = next(iter(videos.values()))[0][0].labels.shape
    figure, panels = plt.subplots(
        rows,
        columns,
        figsize=(2.6 * columns, (2.45 * height / width + 0.25) * rows + 0.5),
        squeeze=False,
        layout="constrained",
    )
    lines = iter(panels)
    several = len({dataset for dataset, _ in videos}) > 1
    for (dataset, video), (shown, carried) in videos.items():
        name = f"{dataset}, {video}" if several else video
        truth = Carried(f"{name}\ntrue", [one.labels for one in shown], [f"frame {one.frame}" for one in shown])
        objects = [int(label) for label in np.unique(shown[0].labels) if label]
        for label, masks, notes in (truth, *carried):
            line = next(lines)
            for panel, frame, of_frame, note in zip(line, shown, masks, notes, strict=False):
                panel.imshow(_paint(frame.image, of_frame, objects))
                panel.set_title(note, fontsize="small", pad=3)
            line[0].set_ylabel(label, fontsize="small")
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[])
        panel.grid(visible=False)
        panel.set_frame_on(bool(panel.images))
    figure.suptitle(title, fontsize="large")
    return figure


def _paint(image: np.ndarray, labels: np.ndarray, objects: Sequence[int]) -> np.ndarray:  # (height, width, 3)
    painted = image / 255
    for number, label in enumerate(objects):
        inside = labels == label
        colour = np.array(to_rgb(COLOURS[number % len(COLOURS)]))
        painted[inside] = (1 - _OPACITY) * painted[inside] + _OPACITY * colour
    return painted
