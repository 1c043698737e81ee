"""How much each cell of a map counts for each instance, under a view."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from semlens.images.masks import decode_mask, shrink_weights
from semlens.images.rendering import find_frame, fit_pixels
from semlens.images.run_lengths import RunLengths
from semlens.images.views import View

_AT_ONCE = 64  # masks whose columns of pixels are in memory


class MaskWeights:
    """How much each cell counts for each instance, per prototype column.

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
        widths, heights = [one.width for one in instances], [one.height for one in instances]
        frames = [
            find_frame(view, one, width=one.width, height=one.height, seed=seed, resize=resize) for one in instances
        ]
        names = [one.instance_id for one in instances]
        runs = RunLengths([one.rle for one in instances], widths, heights, names)
        self.on_grid: dict[int, np.ndarray] = {}
        self.counts: dict[str, np.ndarray] = {}
        for side in sorted({int(column.split("@")[1]) for column in columns}):
            cells = runs.sample_centres(frames, side)
            vanished = ~cells.any(axis=(1, 2))
            by_area = np.flatnonzero(vanished | (mask == "area"))
            for start in range(0, len(by_area), _AT_ONCE):
                some = by_area[start : start + _AT_ONCE]
                cells[some] = runs.measure_coverage(some, frames, side)
            self.shown = cells.any(axis=(1, 2))
            cells = cells[self.shown]
            self.on_grid[side] = view.transform_mask(cells)
            self.counts[f"n_cells@{side}"] = np.count_nonzero(cells, axis=(1, 2)).astype(np.int32)
            self.counts[f"area_weighted@{side}"] = vanished[self.shown]

    def shares(self, large: int, side: int) -> np.ndarray:  # (instances, side * side) float32, rows sum to 1
        """Return how much a cell of a layer's own map, of this side, counts in means on a grid of side ``large``."""
        weights = self.on_grid[large]
        if side < large:
            weights = shrink_weights(weights, side)
        weights = weights.reshape(len(weights), side * side)
        return weights / weights.sum(axis=1, keepdims=True)


class BatchWeights:
    """How much each cell counts for the instances of several samples.

    ``sides`` holds by prototype column the sides of its grid and of the layer's own map, and ``shares`` by these
    (shown, cells of the map) of all instances, one sample after the other. Those of sample k are ``ends[k]`` to
    ``ends[k + 1]``. ``rows`` says which of all instances these are, ``counts`` is theirs; ``vanished`` of these count
    by area at some grid, and ``lost`` others are not shown.

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
        **masks: Any,
    ) -> None:
        rows = np.concatenate(samples)
        weights = MaskWeights(view, [instances[row] for row in rows], columns, **masks)
        self.rows, self.counts = rows[weights.shown], weights.counts
        self.lost = np.count_nonzero(~weights.shown)
        by_area = [values for name, values in weights.counts.items() if name.startswith("area_weighted@")]
        self.vanished = np.count_nonzero(np.any(by_area, axis=0))
        ends = np.cumsum([0, *map(len, samples)])
        self.ends = np.concatenate([[0], np.cumsum(weights.shown)])[ends].tolist()
        parts = {column: column.split("@") for column in columns}
        self.sides = {column: (int(large), grids[layer]) for column, (layer, large) in parts.items()}
        self.shares = {sides: weights.shares(*sides) for sides in set(self.sides.values())}


def render_mask(view: View, instance: Any, *, resize: str, seed: int) -> np.ndarray:  # (height, width)
    """Return the mask of a manifest's row, cropped and padded; ``view.transform_mask`` follows on a grid."""
    mask = decode_mask(instance.rle, width=instance.width, height=instance.height)
    return fit_pixels(view, mask, instance, seed=seed, resize=resize)
