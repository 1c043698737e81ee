"""How much each cell of a map counts for each instance, under a view."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from semlens.images.masks import decode_mask, shrink_weights
from semlens.images.rendering import find_frame, fit_pixels
from semlens.images.run_lengths import RunLengths
from semlens.images.views import View
from semlens.runtime.devices import copy_to_device


class MaskWeights:
    """How much each cell counts for each instance of one sample, per prototype column.

    ``shown`` (instances,) says which of them the view shows. For these, ``on_grid`` holds weights (shown, side, side)
    by the side of the grid, and ``counts`` the columns ``n_cells@{side}`` and ``area_weighted@{side}``.

    Parameters
    ----------
    instances
        Rows of a manifest.
    """

    def __init__(
        self, view: View, instances: Sequence[Any], columns: Sequence[str], *, resize: str, mask: str, seed: int
    ) -> None:
        sides = sorted({int(column.split("@")[1]) for column in columns})
        weights = {side: np.zeros((len(instances), side, side), np.float32) for side in sides}
        by_area = {side: np.zeros(len(instances), bool) for side in sides}
        alike = defaultdict(list)
        for place, one in enumerate(instances):
            size = {"width": one.width, "height": one.height}
            alike[one.width, one.height, find_frame(view, one, **size, seed=seed, resize=resize)].append(place)
        for (width, height, frame), places in alike.items():
            runs = RunLengths([instances[place].rle for place in places], width=width, height=height)
            for side in sides:
                weights[side][places] = centres = runs.sample_centres(frame, side)
                by_area[side][places] = vanished = ~centres.any(axis=(1, 2))
                for number in np.flatnonzero(vanished | (mask == "area")):
                    weights[side][places[number]] = runs.measure_coverage(number, frame, side)
        self.shown = weights[sides[0]].any(axis=(1, 2))
        self.on_grid: dict[int, np.ndarray] = {}
        self.counts: dict[str, np.ndarray] = {}
        for side in sides:
            cells = weights[side][self.shown]
            self.on_grid[side] = view.transform_mask(cells)
            self.counts[f"n_cells@{side}"] = np.count_nonzero(cells, axis=(1, 2)).astype(np.int32)
            self.counts[f"area_weighted@{side}"] = by_area[side][self.shown]
        self._small: dict[tuple[int, int], np.ndarray] = {}

    def shares(self, column: str, side: int) -> np.ndarray:  # (instances, side * side) float32, rows sum to 1
        """Return how much each cell of a layer's own map, of this side, counts in the mean of a column."""
        large = int(column.split("@")[1])
        if (large, side) not in self._small:
            weights = self.on_grid[large]
            if side < large:
                weights = shrink_weights(weights, side)
            weights = weights.reshape(len(weights), side * side)
            self._small[large, side] = weights / weights.sum(axis=1, keepdims=True)
        return self._small[large, side]


class BatchWeights:
    """How much each cell counts for the instances of several samples, ready where maps are pooled.

    ``shares`` holds, by prototype column, a tensor (shown, cells of the layer's own map) per sample. ``rows`` says
    which of all instances these are, one sample after the other, ``counts`` is theirs, and ``lost`` are not shown.

    Parameters
    ----------
    samples
        Places of each sample's instances among all.
    instances
        All rows of the manifest.
    grids
        The side of each layer's own map.
    """

    def __init__(
        self,
        view: View,
        samples: Sequence[np.ndarray],
        instances: Sequence[Any],
        columns: Sequence[str],
        grids: Mapping[str, int],
        *,
        device: torch.device,
        **masks: Any,
    ) -> None:
        weights = [MaskWeights(view, [instances[row] for row in rows], columns, **masks) for rows in samples]
        self.rows = np.concatenate([rows[one.shown] for rows, one in zip(samples, weights, strict=True)])
        self.counts = {name: np.concatenate([one.counts[name] for one in weights]) for name in weights[0].counts}
        self.lost = sum(np.count_nonzero(~one.shown) for one in weights)
        on_device = {}
        for column in columns:
            layer, large = column.split("@")
            if (large, grids[layer]) not in on_device:
                shares = [torch.from_numpy(one.shares(column, grids[layer])) for one in weights]
                on_device[large, grids[layer]] = [copy_to_device(share, device) for share in shares]
        self.shares = {column: on_device[column.split("@")[1], grids[column.split("@")[0]]] for column in columns}


def render_mask(view: View, instance: Any, *, resize: str, seed: int) -> np.ndarray:  # (height, width)
    """Return the mask of a manifest's row, cropped and padded; ``view.transform_mask`` follows on a grid."""
    mask = decode_mask(instance.rle, width=instance.width, height=instance.height)
    return fit_pixels(view, mask, instance, seed=seed, resize=resize)
