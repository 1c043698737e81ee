"""Instance masks on feature grids: which cells of a small map belong to an object, and how much.

All three are separable linear maps of the full-resolution mask, so each is a matrix per side.
"""

from functools import cache

import numpy as np
from pycocotools import mask as coco_mask


def decode_mask(rle: str, *, width: int, height: int) -> np.ndarray:  # (height, width) uint8
    """Return the mask of compressed COCO run lengths."""
    return coco_mask.decode({"size": [height, width], "counts": rle.encode("ascii")})


def sample_centres(mask: np.ndarray, grid: int) -> np.ndarray:  # (grid, grid) float32
    """Return the mask at each cell's centre (section 4.1, step 4)."""
    height, width = mask.shape
    rows = ((np.arange(grid) + 0.5) * height / grid).astype(int)
    columns = ((np.arange(grid) + 0.5) * width / grid).astype(int)
    return mask[np.ix_(rows, columns)].astype(np.float32)


def measure_coverage(mask: np.ndarray, grid: int) -> np.ndarray:  # (grid, grid) float32
    """Return the fraction of each cell that the mask covers."""
    height, width = mask.shape
    return (_overlap(grid, height) @ mask @ _overlap(grid, width).T).astype(np.float32)


def shrink_weights(weights: np.ndarray, grid: int) -> np.ndarray:  # (grid, grid) float32
    """Return weights for a small map that give the same sum as ``weights`` give for the map upsampled.

    Upsampling bilinearly (as torch does, ``align_corners=False``) is a matrix U per side, so the sum of
    ``weights * (U f U^T)`` is the sum of ``(U^T weights U) * f``: the adjoint replaces the large map of
    section 4.1, step 3.
    """
    upsample = build_bilinear(grid, weights.shape[0])
    return (upsample.T @ weights @ upsample).astype(np.float32)


@cache
def _overlap(cells: int, pixels: int) -> np.ndarray:  # (cells, pixels), rows sum to 1
    edges = np.arange(cells + 1) * pixels / cells
    pixel = np.arange(pixels)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.clip(covered, 0, None) * cells / pixels


@cache
def build_bilinear(small: int, large: int) -> np.ndarray:  # (large, small), rows sum to 1
    """Return the matrix that upsamples one side of a map, as torch does with ``align_corners=False``."""
    position = np.clip((np.arange(large) + 0.5) * small / large - 0.5, 0, small - 1)
    left = np.floor(position).astype(int)
    right = np.minimum(left + 1, small - 1)
    matrix = np.zeros((large, small))
    np.add.at(matrix, (np.arange(large), left), 1 - (position - left))
    np.add.at(matrix, (np.arange(large), right), position - left)
    return matrix
