"""How an object becomes a prototype, in pictures: what the model sees, the cells that count, what a layer says.

One object per dataset, under each condition of an experiment (Figs. 1 and 2).
"""

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
from scipy.sparse.linalg import svds

from semlens.draw.style import format_heading, set_style
from semlens.extract.mask_weights import MaskWeights, render_mask
from semlens.extract.prototypes import PASSES
from semlens.images.masks import build_bilinear, sample_centres
from semlens.images.paths import find_image
from semlens.images.reading import read_image
from semlens.images.rendering import render_view
from semlens.images.samples import iterate_samples
from semlens.images.views import ORIGINAL, View, load_view
from semlens.models.layers import expand_layers, parse_grid
from semlens.runtime.files import quarantine_if_corrupt
from semlens.runtime.logs import log
from semlens.storage.shard_reader import open_shard, read_samples, read_texts

SIZE = 256  # pixels of the pictures on a plate


TYPICAL_AREA = 0.15  # of the image: an object that fills some cells, and not all


class ObjectView(NamedTuple):
    """One object under one condition."""

    picture: np.ndarray  # (SIZE, SIZE, 3) in [0, 1]
    outline: np.ndarray  # (SIZE, SIZE), its mask
    cells: np.ndarray  # (grid, grid), how much each counts; all 0 where the view does not show it
    features: np.ndarray | None  # (channels, grid, grid); None where only their prototypes are kept


class Panel(NamedTuple):
    """One image of a plate."""

    heading: str
    image: np.ndarray
    outline: np.ndarray | None = None
    caption: str = ""


def draw_example_objects(
    sources: dict[str, "ExampleObject"], conditions: Sequence[dict[str, Any]], *, title: str, axis: str
) -> plt.Figure:
    """Return what the model sees of an object, the cells that count, and feature maps, condition by condition.

    Where conditions are views, a dataset has a row of pictures, one of cells and one of maps, with the original first;
    otherwise it has one row, in which nothing is repeated. Maps are coloured by their three principal components,
    those of the first map with the same layers, so that its colours can be compared with those of the others. Where
    no maps are kept, an empty panel says so.

    Parameters
    ----------
    sources
        By dataset.
    conditions
        Each names a ``view``, ``timestep`` and feature set.
    """
    rows = [
        (f"{dataset}: {source.class_name}" if place == 0 else "", row)
        for dataset, source in sources.items()
        for place, row in enumerate(_arrange(source, conditions, axis))
    ]
    set_style()
    columns = max(len(row) for _, row in rows)
    figure, panels = plt.subplots(
        len(rows), columns, figsize=(1.6 * columns + 0.4, 1.85 * len(rows) + 0.5), squeeze=False, layout="constrained"
    )
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[], frame_on=False)
        panel.grid(visible=False)
    for line, (name, row) in zip(panels, rows, strict=True):
        line[0].set_ylabel(name, fontsize="small")
        for panel, shown in zip(line, row, strict=False):
            panel.imshow(shown.image, cmap="gray", vmin=0, vmax=max(shown.image.max(), 1e-9))
            if shown.outline is not None:
                for colour, width in (("black", 2.2), ("white", 1)):
                    panel.contour(shown.outline, levels=[0.5], colors=colour, linewidths=width)
            panel.set_title(shown.heading, fontsize="small", pad=3)
            panel.set_xlabel(shown.caption, fontsize="x-small", labelpad=2)
    figure.suptitle(title, fontsize="large")
    return figure


def _arrange(source: "ExampleObject", conditions: Sequence[dict[str, Any]], axis: str) -> list[list[Panel]]:
    if axis == "view":
        original = {**conditions[0], "view": ORIGINAL, "name": ORIGINAL}
        conditions = [original, *(condition for condition in conditions if condition["view"] != ORIGINAL)]
    colours: dict[str, PcaColours] = {}
    steps = []
    for condition in conditions:
        stage = source.stage(condition)
        name, side = format_heading(axis, condition["name"]), len(stage.cells)
        counted = f"{np.count_nonzero(stage.cells)} of {stage.cells.size} cells"
        pictured = Panel(name if axis == "view" else "picture", stage.picture, stage.outline)
        masked = Panel(f"mask at {side}x{side}", stage.cells, caption=counted)
        if stage.features is None:
            said = Panel("maps not kept", np.ones((1, 1, 3)))
        else:
            if condition["layers"] not in colours:
                colours[condition["layers"]] = PcaColours(stage.features)
            said = Panel(name, colours[condition["layers"]](stage.features))
        steps.append([pictured, masked, said])
        if axis != "view":
            steps[-1].insert(1, Panel("mask", stage.outline))
    if axis == "view":
        return [list(row) for row in zip(*steps, strict=True)]
    kept: list[Panel] = []
    for panel in chain.from_iterable(steps):
        if not any(np.array_equal(panel.image, other.image) for other in kept):
            kept.append(panel)
    return [kept]


class ExampleObject:
    """One object of a dataset's first shard, and what extractions hold of it."""

    def __init__(self, folder: str | Path, manifest: str | Path, extractions: dict[str | Path, dict[str, Any]]) -> None:
        """Choose the object, and read its picture.

        Parameters
        ----------
        extractions
            By shard of features, or of prototypes where only these are kept (``.parquet``): the ``seed``, and what
            ``resize`` and ``mask`` mean to its prototypes.
        """
        with quarantine_if_corrupt(manifest):
            self._instances = pd.read_parquet(manifest)
        typical = (self._instances["area_fraction"] - TYPICAL_AREA).abs().argmin()
        self._object = self._instances.iloc[typical]
        self.class_name = self._object["class_name"]
        self._picture = read_image(
            find_image(folder, self._object["file"]), width=self._object["width"], height=self._object["height"]
        )
        self._captures = extractions
        log.info("%s: %s in %s", self._object["dataset"], self._object["instance_id"], self._object["file"])

    def stage(self, condition: dict[str, Any]) -> ObjectView:
        """Return the object under a condition.

        Raises
        ------
        ValueError
            If no capture holds the condition's features.
        """
        view, timestep, layer_set = (condition[key] for key in ("view", "timestep", "layers"))
        side = max(map(parse_grid, layer_set.split("+")))
        for path, how in self._captures.items():
            if Path(path).suffix == ".parquet":
                if [view, timestep] in json.loads(parquet.read_schema(path).metadata[PASSES]):
                    return self._stage(load_view(view), side, None, how)
            else:
                with open_shard(path) as shard:
                    if f"{view}/t{timestep}" in shard:
                        maps = self._maps(shard, view, timestep, layer_set, side)
                        return self._stage(load_view(view), side, maps, how)
        raise ValueError(f"none of {', '.join(map(str, self._captures))} holds view {view!r} of {condition['name']!r}")

    def _maps(
        self, shard: h5py.File, view: str, timestep: int, layer_set: str, side: int
    ) -> np.ndarray:  # (channels, side, side)
        names = expand_layers(layer_set, list(shard.attrs["layers"]))
        sample = next(
            sample for sample in iterate_samples(load_view(view), self._instances)
            if self._object["instance_id"] in set(sample.instances["instance_id"])
        )  # fmt: skip
        place = read_texts(shard, f"{view}/sample_id").index(sample.id)
        maps = [read_samples(shard, f"{view}/t{timestep}/{name}", place).astype(np.float32) for name in names]
        return np.concatenate([_enlarge(one, side) for one in maps])

    def _stage(self, view: View, side: int, maps: np.ndarray | None, how: dict[str, Any]) -> ObjectView:
        weights = MaskWeights(view, [self._object], [f"any@{side}"], **how).on_grid[side]
        picture = render_view(view, self._picture, self._object, seed=how["seed"], size=SIZE, resize=how["resize"])
        return ObjectView(
            picture=(np.clip(picture, -1, 1).transpose(1, 2, 0) + 1) / 2,
            outline=_outline(view, self._object, how),
            cells=weights[0] if len(weights) else np.zeros((side, side)),
            features=maps,
        )


class PcaColours:
    """Three principal components of a feature map's cells, as red, green and blue."""

    def __init__(self, features: np.ndarray) -> None:
        cells = features.reshape(len(features), -1).T  # (cells, channels)
        self._mean = cells.mean(axis=0)
        components = svds(cells - self._mean, k=3, rng=np.random.default_rng(0))[2][::-1]  # largest first
        strongest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
        self._components = components * np.sign(strongest)  # (3, channels)
        self._low, self._high = np.percentile(self._project(features), [1, 99], axis=(0, 1))

    def __call__(self, features: np.ndarray) -> np.ndarray:  # (grid, grid, 3) in [0, 1]
        """Return a map of these channels in colours, on the scale of the first."""
        return np.clip((self._project(features) - self._low) / (self._high - self._low), 0, 1)

    def _project(self, features: np.ndarray) -> np.ndarray:
        return np.einsum("kc,chw->hwk", self._components, features - self._mean[:, None, None])


def _enlarge(features: np.ndarray, side: int) -> np.ndarray:  # (channels, side, side)
    """A layer's map on a larger grid (section 4.1, step 3)."""
    if features.shape[-1] == side:
        return features
    upsample = build_bilinear(features.shape[-1], side)
    return np.einsum("ij,cjk,lk->cil", upsample, features, upsample, optimize=True)


def _outline(view: View, instance: pd.Series, how: dict[str, Any]) -> np.ndarray:  # (SIZE, SIZE)
    mask = render_mask(view, instance, resize=how["resize"], seed=how["seed"])
    return view.transform_mask(sample_centres(mask, SIZE))
