"""Labels of a frame on the grid of a feature map, and back at the frame's own size.

A frame becomes the square that a model reads, stretched or padded, and the square's cells are those of the map.
"""

from collections.abc import Sequence

import numpy as np
import torch

from semlens.images.masks import build_bilinear, measure_coverage, sample_centres
from semlens.images.original import ORIGINAL
from semlens.images.rendering import fit_pixels
from semlens.images.views import load_view

CONSTANT = 1e-6  # a label that varies by less is the same everywhere: so much is float32's own


def place_labels(
    objects: np.ndarray, labels: Sequence[int], grid: int, *, resize: str, mask: str
) -> np.ndarray:  # (1 + labels, grid, grid) float32, cells sum to 1
    """Return how much of each cell is background, and how much each object.

    Parameters
    ----------
    objects
        (height, width) Labels of a frame.
    labels
        Of the objects.
    resize
        How frames become squares: "stretch" or "letterbox". Padding is background.
    mask
        "nearest": a cell is what its centre shows. "area": objects have the share of the cell that they cover. An
        object that shows at no centre counts by area.
    """
    shares = []
    for label in labels:
        shown = (objects == label).astype(np.uint8)
        pixels = fit_pixels(load_view(ORIGINAL), shown, None, seed=0, resize=resize)
        centres = sample_centres(pixels, grid)
        shares.append(centres if mask == "nearest" and centres.any() else measure_coverage(pixels, grid))
    covered = np.stack(shares)
    background = np.clip(1 - covered.sum(axis=0, keepdims=True), 0, None)
    placed = np.concatenate([background, covered])
    return (placed / placed.sum(axis=0)).astype(np.float32)


def restore_labels(
    soft: torch.Tensor, height: int, width: int, *, resize: str
) -> np.ndarray:  # (height, width) int64, places in ``soft``
    """Return which label each pixel of a frame has.

    Labels are upsampled bilinearly to the frame's size. Then each is scaled, over the frame, to reach from 0 to 1, as
    Caron et al. (DINO, 2021) do; the largest wins, and of equal ones the first. A label that is the same everywhere
    stays as it is.

    Parameters
    ----------
    soft
        (labels, grid, grid), the background first.
    """
    grid = soft.shape[-1]
    if resize == "letterbox":
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        rows, columns = build_bilinear(grid, side)[top : top + height], build_bilinear(grid, side)[left : left + width]
    else:
        rows, columns = build_bilinear(grid, height), build_bilinear(grid, width)
    down, across = (torch.from_numpy(matrix).to(soft.device, soft.dtype) for matrix in (rows, columns))
    large = down @ soft @ across.T
    low, high = large.amin(dim=(1, 2), keepdim=True), large.amax(dim=(1, 2), keepdim=True)
    scaled = torch.where(high - low > CONSTANT, (large - low) / (high - low), large)
    return scaled.argmax(dim=0).cpu().numpy()
