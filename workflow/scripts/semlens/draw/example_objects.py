"""One object per dataset from image to prototype: what the model sees, the cells that count, the feature maps.

Each condition of an experiment has a row or column (Figs. 1 and 2).
"""

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse.linalg import svds

from semlens.draw.style import apply_style, format_condition
from semlens.extract.mask_weights import MaskWeights, render_mask
from semlens.images.masks import build_bilinear, sample_centres
from semlens.images.original import ORIGINAL
from semlens.images.paths import find_image
from semlens.images.reading import find_image_folder, read_image
from semlens.images.rendering import render_view
from semlens.images.samples import iterate_samples
from semlens.images.views import View, load_view
from semlens.models.layers import expand_layers
from semlens.runtime.logs import log
from semlens.storage.prototype_keys import LAYER_SETS, PASSES
from semlens.storage.shard_reader import open_shard, read_attribute, read_names, read_samples, read_texts
from semlens.storage.table_reader import read_schema, read_table

SIZE = 256  # side of the images in the figure, in pixels
TYPICAL_AREA = 0.15  # of the image: an object that fills some cells, and not all


class ObjectView(NamedTuple):
    """One object under one condition."""

    image: np.ndarray  # (SIZE, SIZE, 3) in [0, 1]
    outline: np.ndarray  # (SIZE, SIZE), its mask
    cells: np.ndarray  # (grid, grid), the weight of each; all 0 where the view does not show the object
    features: np.ndarray | None  # (channels, grid, grid); None where only prototypes are kept


class Panel(NamedTuple):
    """One image of the figure."""

    heading: str
    image: np.ndarray
    outline: np.ndarray | None = None
    caption: str = ""


class ExampleObject:
    """One object of a dataset's first shard, and what extractions hold of it.

    It is the object whose area is nearest to ``TYPICAL_AREA``.

    Parameters
    ----------
    folder
        Of the dataset's images.
    manifest
        The shard's instances.
    extractions
        By path of a shard of features, or of prototypes where only these are kept (``.parquet``): what decides its
        masks and views, ``resize``, ``mask`` and ``seed``.
    exif
        See :func:`semlens.images.reading.read_image`.
    """

    def __init__(
        self,
        folder: str | Path,
        manifest: str | Path,
        extractions: dict[str | Path, dict[str, Any]],
        exif: str = "ignore",
    ) -> None:
        self._instances = read_table(manifest)
        position = (self._instances["area_fraction"] - TYPICAL_AREA).abs().argmin()
        self._instance = self._instances.iloc[position]
        self.class_name = self._instance["class_name"]
        self._image = read_image(
            find_image(folder, self._instance["file"]),
            width=self._instance["width"],
            height=self._instance["height"],
            exif=exif,
        )
        self._extractions = extractions
        log.info("%s: %s in %s", self._instance["dataset"], self._instance["instance_id"], self._instance["file"])

    def render(self, condition: dict[str, Any]) -> ObjectView:
        """Return the object under a condition, which names a ``view``, ``timestep`` and layer set (``layers``).

        Raises
        ------
        ValueError
            If no extraction holds the condition's features.
        """
        view, timestep, layer_set = (condition[key] for key in ("view", "timestep", "layers"))
        for path, options in self._extractions.items():
            if Path(path).suffix == ".parquet":
                metadata = read_schema(path).metadata
                if [view, timestep] in json.loads(metadata[PASSES]):
                    side = int(json.loads(metadata[LAYER_SETS])[layer_set][0].split("@")[1])
                    return self._render_view(load_view(view), side, options, None)
            else:
                with open_shard(path) as shard:
                    if view in read_names(shard) and f"t{timestep}" in read_names(shard, view):
                        features = self._read_features(shard, view, timestep, layer_set)
                        return self._render_view(load_view(view), features.shape[-1], options, features)
        paths = ", ".join(map(str, self._extractions))
        raise ValueError(f"none of {paths} holds view {view!r} of {condition['name']!r}")

    def _read_features(
        self, shard: h5py.File, view: str, timestep: int, layer_set: str
    ) -> np.ndarray:  # (channels, side, side)
        layers = expand_layers(layer_set, read_attribute(shard, "layers"))
        sample = next(
            sample for sample in iterate_samples(load_view(view), self._instances)
            if self._instance["instance_id"] in set(sample.instances["instance_id"])
        )  # fmt: skip
        position = read_texts(shard, f"{view}/sample_id").index(sample.id)
        maps = [read_samples(shard, f"{view}/t{timestep}/{layer}", position).astype(np.float32) for layer in layers]
        side = max(features.shape[-1] for features in maps)
        return np.concatenate([_upsample(features, side) for features in maps])

    def _render_view(self, view: View, side: int, options: dict[str, Any], features: np.ndarray | None) -> ObjectView:
        resize, seed = options["resize"], options["seed"]
        weights = MaskWeights(view, [self._instance], [f"any@{side}"], **options).on_grid[side]
        image = render_view(view, self._image, self._instance, seed=seed, size=SIZE, resize=resize)
        mask = sample_centres(render_mask(view, self._instance, resize=resize, seed=seed), SIZE)
        return ObjectView(
            image=(np.clip(image, -1, 1).transpose(1, 2, 0) + 1) / 2,
            outline=view.transform_mask(mask),
            cells=weights[0] if len(weights) else np.zeros((side, side)),
            features=features,
        )


class PcaColours:
    """Three principal components of a feature map's cells, as red, green and blue."""

    def __init__(self, features: np.ndarray) -> None:
        cells = features.reshape(len(features), -1).T  # (cells, channels)
        self._mean = cells.mean(axis=0)
        components = svds(cells - self._mean, k=3, rng=np.random.default_rng(0))[2][::-1]  # largest first
        largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
        self._components = components * np.sign(largest)  # (3, channels)
        self._low, self._high = np.percentile(self._project(features), [1, 99], axis=(0, 1))

    def paint(self, features: np.ndarray) -> np.ndarray:  # (grid, grid, 3) in [0, 1]
        """Return a map of these channels in colours, on the scale of the first map."""
        return np.clip((self._project(features) - self._low) / (self._high - self._low), 0, 1)

    def _project(self, features: np.ndarray) -> np.ndarray:
        return np.einsum("kc,chw->hwk", self._components, features - self._mean[:, None, None])


def load_example_objects(extractions: Iterable[dict[str, Any]]) -> dict[str, ExampleObject]:
    """Return the example object of each comparison.

    Parameters
    ----------
    extractions
        For each shard: the ``name`` of the comparison that reads it; paths of its ``features``, ``manifest`` and
        ``images``; ``exif``; and what decides its masks and views, ``resize``, ``mask`` and ``seed``.
    """
    inputs: dict[tuple[str, str, str, str], dict[str | Path, dict[str, Any]]] = {}
    for entry in extractions:
        options = {key: entry[key] for key in ("resize", "mask", "seed")}
        example = (entry["name"], entry["images"], entry["manifest"], entry["exif"])
        inputs.setdefault(example, {})[entry["features"]] = options
    return {
        name: ExampleObject(find_image_folder(images), manifest, options, exif)
        for (name, images, manifest, exif), options in inputs.items()
    }


@apply_style()
def draw_example_objects(
    examples: dict[str, ExampleObject], conditions: Sequence[dict[str, Any]], *, title: str, axis: str
) -> plt.Figure:
    """Return what the model sees of an object, the cells that count, and feature maps, condition by condition.

    Where conditions are views, a comparison has a row of images, one of cells and one of maps, with the original first.
    Otherwise it has one row, in which nothing is repeated. Maps are coloured by the three principal components of the
    first map with the same layers, so that their colours can be compared. Where no maps are kept, an empty panel says
    so.

    Parameters
    ----------
    examples
        By the name of the comparison.
    conditions
        Each has a ``name``, and names a ``view``, ``timestep`` and layer set (``layers``).
    """
    rows = [
        (f"{name}: {example.class_name}" if number == 0 else "", row)
        for name, example in examples.items()
        for number, row in enumerate(_arrange_panels(example, conditions, axis))
    ]
    columns = max(len(row) for _, row in rows)
    figure, grid = plt.subplots(
        len(rows), columns, figsize=(1.6 * columns + 0.4, 1.85 * len(rows) + 0.5), squeeze=False, layout="constrained"
    )
    for place in grid.flat:
        place.set(xticks=[], yticks=[], frame_on=False)
        place.grid(visible=False)
    for line, (label, row) in zip(grid, rows, strict=True):
        line[0].set_ylabel(label, fontsize="small")
        for place, panel in zip(line, row, strict=False):
            place.imshow(panel.image, cmap="gray", vmin=0, vmax=max(panel.image.max(), 1e-9))
            if panel.outline is not None:
                for colour, width in (("black", 2.2), ("white", 1)):
                    place.contour(panel.outline, levels=[0.5], colors=colour, linewidths=width)
            place.set_title(panel.heading, fontsize="small", pad=3)
            place.set_xlabel(panel.caption, fontsize="x-small", labelpad=2)
    figure.suptitle(title, fontsize="large")
    return figure


def _arrange_panels(example: ExampleObject, conditions: Sequence[dict[str, Any]], axis: str) -> list[list[Panel]]:
    """Return the rows of one comparison."""
    if axis != "view":
        return [_drop_repeated(chain.from_iterable(_build_panels(example, conditions, axis)))]
    original = {**conditions[0], "view": ORIGINAL, "name": ORIGINAL}
    others = [condition for condition in conditions if condition["view"] != ORIGINAL]
    columns = _build_panels(example, [original, *others], axis)
    return [[column[row] for column in columns] for row in range(3)]


def _build_panels(example: ExampleObject, conditions: Sequence[dict[str, Any]], axis: str) -> list[list[Panel]]:
    """Return, for each condition, the panels of the image, the cells and the map; the mask too unless views vary."""
    colours: dict[str, PcaColours] = {}
    panels = []
    for condition in conditions:
        view = example.render(condition)
        heading = condition["layers"] if axis == "offset" else format_condition(axis, condition["name"])
        side, counts = len(view.cells), f"{np.count_nonzero(view.cells)} of {view.cells.size} cells"
        cells = Panel(f"mask at {side}x{side}", view.cells, caption=counts)
        if view.features is None:
            features = Panel("maps not kept", np.ones((1, 1, 3)))
        else:
            if condition["layers"] not in colours:
                colours[condition["layers"]] = PcaColours(view.features)
            features = Panel(heading, colours[condition["layers"]].paint(view.features))
        if axis == "view":
            panels.append([Panel(heading, view.image, view.outline), cells, features])
        else:
            panels.append([Panel("image", view.image, view.outline), Panel("mask", view.outline), cells, features])
    return panels


def _drop_repeated(panels: Iterable[Panel]) -> list[Panel]:
    """Return the panels, each image once."""
    kept: list[Panel] = []
    for panel in panels:
        if not any(np.array_equal(panel.image, other.image) for other in kept):
            kept.append(panel)
    return kept


def _upsample(features: np.ndarray, side: int) -> np.ndarray:  # (channels, side, side)
    """Return a layer's map on a larger grid (section 4.1, step 3)."""
    if features.shape[-1] == side:
        return features
    upsample = build_bilinear(features.shape[-1], side)
    return np.einsum("ij,cjk,lk->cil", upsample, features, upsample, optimize=True)
