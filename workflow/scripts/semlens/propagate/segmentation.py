"""Region similarity J and contour accuracy F of a mask, as the DAVIS challenge of 2017 measures them.

Perazzi et al. (2016), Pont-Tuset et al. (2017); numbers agree with the official toolkit, davis2017-evaluation.
"""

import math

import numpy as np
from scipy.ndimage import distance_transform_edt

TOLERANCE = 0.008  # of a contour, as a share of the image's diagonal


def measure_region(mask: np.ndarray, truth: np.ndarray) -> float:
    """Return J: what both masks cover over what either does; 1 where both are empty.

    Parameters
    ----------
    mask, truth
        (height, width) bool.
    """
    union = np.count_nonzero(mask | truth)
    return np.count_nonzero(mask & truth) / union if union else 1.0


def measure_contour(mask: np.ndarray, truth: np.ndarray) -> float:
    """Return F: the harmonic mean of the shares of both contours that lie near the other one.

    Near is a distance of at most ceil(0.008 x diagonal) pixels. An empty contour has the precision (recall) 1, so that
    F is 1 where both are empty, and 0 where one is.

    Parameters
    ----------
    mask, truth
        (height, width) bool.
    """
    found, wanted = _find_contour(mask), _find_contour(truth)
    if not found.any() or not wanted.any():
        return float(found.any() == wanted.any())
    inside = _find_extent(found | wanted)  # distances between contours need no more
    found, wanted = found[inside], wanted[inside]
    tolerance = math.ceil(TOLERANCE * math.hypot(*mask.shape))
    precision = np.mean(distance_transform_edt(~wanted)[found] <= tolerance)
    recall = np.mean(distance_transform_edt(~found)[wanted] <= tolerance)
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def _find_contour(mask: np.ndarray) -> np.ndarray:  # (height, width) bool
    """Return the pixels that differ from the one to the right, the one below, or the one below that to the right."""
    edged = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    return (mask ^ edged[:-1, 1:]) | (mask ^ edged[1:, :-1]) | (mask ^ edged[1:, 1:])


def _find_extent(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
