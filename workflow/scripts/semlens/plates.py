"""How an object becomes a prototype, in pictures: what the model sees, the cells that count, what a layer says.

One object per dataset, under each condition of an experiment (Figs. 1 and 2).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.sparse.linalg import svds

from semlens import figures, images, masks, shards, views
from semlens.datasets import image_path
from semlens.layers import grid, members
from semlens.logs import log
from semlens.prototypes import Weights, mask_under

SIZE = 256  # pixels of the pictures on a plate
TYPICAL_AREA = 0.15  # of the image: an object that fills some cells, and not all


class Stage(NamedTuple):
    """One object under one condition."""

    picture: np.ndarray  # (SIZE, SIZE, 3) in [0, 1]
    outline: np.ndarray  # (SIZE, SIZE), its mask
    cells: np.ndarray  # (grid, grid), how much each counts; all 0 where the view does not show it
    features: np.ndarray  # (channels, grid, grid)


def plate(sources: dict[str, "Source"], conditions: Sequence[dict[str, Any]], *, title: str, axis: str) -> plt.Figure:
    """Return three rows per dataset (picture with outlined object, cells, feature map) and a column per condition.

    Feature maps are coloured by their three principal components, those of the first column with the same layers, so
    that colours can be compared along a row. Where all conditions see and say the same there is one column, laid flat.

    Parameters
    ----------
    sources
        By dataset.
    conditions
        Each names a ``view``, ``timestep`` and feature set. A view is preceded by what it transforms.
    """
    shown = _different(conditions, axis)
    figures.style()
    columns = 3 if len(shown) == 1 else len(shown)
    rows = 3 * len(shown) * len(sources) // columns
    figure, panels = plt.subplots(
        rows, columns, figsize=(1.5 * columns + 0.6, 1.55 * rows + 0.6), squeeze=False, layout="constrained"
    )
    for lines, (dataset, source) in zip(panels.reshape(len(sources), 3, len(shown)), sources.items(), strict=True):
        colours: dict[str, Colours] = {}
        for column, condition in zip(lines.T, shown, strict=True):
            stage = source.stage(condition)
            paint = colours.setdefault(condition["features"], Colours(stage.features))
            column[0].imshow(stage.picture)
            for colour, width in (("black", 2.2), ("white", 1)):
                column[0].contour(stage.outline, levels=[0.5], colors=colour, linewidths=width)
            column[1].imshow(stage.cells, cmap="gray", vmin=0, vmax=max(stage.cells.max(), 1e-9))
            column[2].imshow(paint(stage.features))
            column[1].set_xlabel(f"{np.count_nonzero(stage.cells)} of {stage.cells.size} cells", fontsize="x-small")
            if len(shown) > 1:
                column[0].set_title(figures.heading(axis, condition["name"]), fontsize="small", fontweight="bold")
        for panel, what in zip(lines[:, 0], (f"{dataset}: {source.category}", "cells", "features"), strict=True):
            panel.set_ylabel(what, fontsize="small")
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[])
        panel.grid(visible=False)
    figure.suptitle(title, fontsize="large")
    return figure


class Source:
    """One object of a dataset's first shard, and what captures hold of it."""

    def __init__(
        self, folder: str | Path, manifest: str | Path, features: Sequence[str | Path], how: dict[str, dict[str, Any]]
    ) -> None:
        """``how`` is by capture: the ``seed``, and what ``resize`` and ``mask`` mean to its prototypes."""
        self._instances = pd.read_parquet(manifest)
        typical = (self._instances["area_fraction"] - TYPICAL_AREA).abs().argmin()
        self._object = self._instances.iloc[typical]
        self.category = self._object["category"]
        self._picture = images.load(
            image_path(folder, self._object["file"]), width=self._object["width"], height=self._object["height"]
        )
        self._features = features
        self._how = how
        log.info("%s: %s in %s", self._object["dataset"], self._object["instance_id"], self._object["file"])

    def stage(self, condition: dict[str, Any]) -> Stage:
        """Return the object under a condition.

        Raises
        ------
        ValueError
            If no capture holds the condition's features.
        """
        view = condition["view"]
        for path in self._features:
            with shards.opened(path) as shard:
                where = f"{view}/t{condition['timestep']}"
                if where in shard:
                    how = self._how[shard.attrs["capture"]]
                    return self._stage(shard, view, where, condition["features"], how)
        raise ValueError(f"none of {', '.join(map(str, self._features))} holds view {view!r} of {condition['name']!r}")

    def _stage(self, shard: h5py.File, view: str, where: str, feature_set: str, how: dict[str, Any]) -> Stage:
        names = members(feature_set, list(shard.attrs["layers"]))
        side = max(map(grid, names))
        sample = next(
            sample for sample in views.samples(view, self._instances)
            if self._object["instance_id"] in set(sample.instances["instance_id"])
        )  # fmt: skip
        place = shards.texts(shard, f"{view}/sample_id").index(sample.id)
        maps = [_enlarged(shards.read(shard, f"{where}/{name}", place).astype(np.float32), side) for name in names]
        alone = self._instances.loc[[self._object.name]]
        weights = Weights(view, alone, [f"{names[0]}@{side}"], **how).on_grid[side]
        picture = images.seen(view, self._picture, self._object, seed=how["seed"], size=SIZE, resize=how["resize"])
        return Stage(
            picture=(np.clip(picture, -1, 1).transpose(1, 2, 0) + 1) / 2,
            outline=_outline(view, self._object, how),
            cells=weights[0] if len(weights) else np.zeros((side, side)),
            features=np.concatenate(maps),
        )


class Colours:
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


def _different(conditions: Sequence[dict[str, Any]], axis: str) -> list[dict[str, Any]]:
    """Conditions that show something of their own; a view's are preceded by the original."""
    if axis == "view":
        conditions = [{**conditions[0], "view": "identity", "name": "identity"}, *conditions]
    different: dict[tuple, dict[str, Any]] = {}
    for condition in conditions:
        different.setdefault((condition["view"], condition["timestep"], condition["features"]), condition)
    return list(different.values())


def _enlarged(features: np.ndarray, side: int) -> np.ndarray:  # (channels, side, side)
    """A layer's map on a larger grid (section 4.1, step 3)."""
    if features.shape[-1] == side:
        return features
    upsample = masks.bilinear(features.shape[-1], side)
    return np.einsum("ij,cjk,lk->cil", upsample, features, upsample, optimize=True)


def _outline(view: str, instance: pd.Series, how: dict[str, Any]) -> np.ndarray:  # (SIZE, SIZE)
    mask = mask_under(view, instance, resize=how["resize"], seed=how["seed"])
    return views.turn(view, masks.nearest(mask, SIZE))
