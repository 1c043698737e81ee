"""How much each cell of a map counts for each instance, under a view."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from semlens.images.masks import decode_mask, measure_coverage, sample_centres, shrink_weights
from semlens.images.rendering import fit_pixels
from semlens.images.views import View


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
        shown, cells, vanished = [], {side: [] for side in sides}, {side: [] for side in sides}
        for instance in instances:  # one at a time, because an image may have thousands
            pixels = render_mask(view, instance, resize=resize, seed=seed)
            shown.append(bool(pixels.any()))
            for side in sides if shown[-1] else ():
                centres = sample_centres(pixels, side)
                vanished[side].append(not centres.any())
                counts_area = mask == "area" or vanished[side][-1]
                cells[side].append(measure_coverage(pixels, side) if counts_area else centres)
        self.shown = np.array(shown)
        self.on_grid: dict[int, np.ndarray] = {}
        self.counts: dict[str, np.ndarray] = {}
        for side in sides:
            weights = np.array(cells[side], np.float32).reshape(-1, side, side)
            self.on_grid[side] = view.transform_mask(weights)
            self.counts[f"n_cells@{side}"] = np.count_nonzero(weights, axis=(1, 2)).astype(np.int32)
            self.counts[f"area_weighted@{side}"] = np.array(vanished[side], bool)
        self._small: dict[tuple[int, int], np.ndarray] = {}

    def shares(self, column: str, side: int) -> np.ndarray:  # (instances, side * side) float32, rows sum to 1
        """Return how much each cell of a layer's own map, of this side, counts in the mean of a column."""
        large = int(column.split("@")[1])
        if (large, side) not in self._small:
            weights = self.on_grid[large]
            if side < large:
                weights = np.array([shrink_weights(mask, side) for mask in weights], np.float32)
            weights = weights.reshape(len(weights), side * side)
            self._small[large, side] = weights / weights.sum(axis=1, keepdims=True)
        return self._small[large, side]


def render_mask(view: View, instance: Any, *, resize: str, seed: int) -> np.ndarray:  # (height, width)
    """Return the mask of a manifest's row, cropped and padded; ``view.transform_mask`` follows on a grid."""
    mask = decode_mask(instance.rle, width=instance.width, height=instance.height)
    return fit_pixels(view, mask, instance, seed=seed, resize=resize)
