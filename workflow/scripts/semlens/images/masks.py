"""Instance masks on feature grids: which cells of a small map belong to an object, and how much.

A mask M of (height, width) pixels and a map of (grid, grid) cells cover the same square. Sampling, coverage and the
adjoint of upsampling treat rows and columns alike, so each is A M B^T with one small matrix per side.
"""

from functools import cache

import numpy as np
from pycocotools import mask as coco_mask


def decode_mask(rle: str, *, width: int, height: int) -> np.ndarray:  # (height, width) uint8, 0 or 1
    """Return the mask of compressed COCO run lengths."""
    return coco_mask.decode({"size": [height, width], "counts": rle.encode("ascii")})


def sample_centres(mask: np.ndarray, grid: int) -> np.ndarray:  # (grid, grid) float32
    """Return the mask at each cell's centre, as nearest-neighbour resizing reads it (section 4.1, step 4).

    Cell (i, j) is M[floor((i + 1/2) height / grid), floor((j + 1/2) width / grid)].
    """
    height, width = mask.shape
    return mask[np.ix_(find_centres(grid, height), find_centres(grid, width))].astype(np.float32)


def find_centres(grid: int, pixels: int) -> np.ndarray:  # (grid) int64
    """Return the pixel at the centre of each of ``grid`` cells along a side."""
    return ((np.arange(grid) + 0.5) * pixels / grid).astype(int)


def measure_coverage(mask: np.ndarray, grid: int) -> np.ndarray:  # (grid, grid) float32 in [0, 1]
    """Return the fraction of each cell that the mask covers: R M C^T.

    R and C hold the share of each cell's height and width that a pixel takes up.
    """
    height, width = mask.shape
    return (_build_overlap(grid, height) @ mask @ _build_overlap(grid, width).T).astype(np.float32)


def shrink_weights(weights: np.ndarray, grid: int) -> np.ndarray:  # (..., grid, grid) float32
    """Return U^T W U of each W: weights for a small map f that give the sum that W gives for f upsampled.

    Upsampling bilinearly is U f U^T (:func:`build_bilinear`), and sum(W * (U f U^T)) = sum((U^T W U) * f). So the
    large map of section 4.1, step 3 is never made.
    """
    upsample = build_bilinear(grid, weights.shape[-1])
    return (upsample.T @ weights @ upsample).astype(np.float32)


@cache
def build_bilinear(small: int, large: int) -> np.ndarray:  # (large, small), rows sum to 1
    """Return the matrix U that upsamples one side of a map, as torch does with ``align_corners=False``.

    Large cell i lies at p = (i + 1/2) small / large - 1/2 of the small grid, kept within it; with k = floor(p), its row
    holds 1 - (p - k) at k and p - k at k + 1.
    """
    position = np.clip((np.arange(large) + 0.5) * small / large - 0.5, 0, small - 1)
    left = np.floor(position).astype(int)
    right = np.minimum(left + 1, small - 1)
    matrix = np.zeros((large, small))
    np.add.at(matrix, (np.arange(large), left), 1 - (position - left))
    np.add.at(matrix, (np.arange(large), right), position - left)
    return matrix


@cache
def _build_overlap(cells: int, pixels: int) -> np.ndarray:  # (cells, pixels), rows sum to 1
    edges = np.arange(cells + 1) * pixels / cells
    pixel = np.arange(pixels)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.clip(covered, 0, None) * cells / pixels
