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
        decoded = [render_mask(view, instance, resize=resize, seed=seed) for instance in instances]
        self.shown = np.array([pixels.any() for pixels in decoded])
        decoded = [pixels for pixels, shown in zip(decoded, self.shown, strict=True) if shown]
        self.on_grid: dict[int, np.ndarray] = {}
        self.counts: dict[str, np.ndarray] = {}
        for side in sorted({int(column.split("@")[1]) for column in columns}):
            centres = np.array([sample_centres(pixels, side) for pixels in decoded], np.float32).reshape(-1, side, side)
            vanished = ~centres.any(axis=(1, 2))
            for place in range(len(decoded)) if mask == "area" else np.flatnonzero(vanished):
                centres[place] = measure_coverage(decoded[place], side)
            self.on_grid[side] = view.transform_mask(centres)
            self.counts[f"n_cells@{side}"] = np.count_nonzero(centres, axis=(1, 2)).astype(np.int32)
            self.counts[f"area_weighted@{side}"] = vanished
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
