"""Segmentations of COCO's annotations, checked before pycocotools, which believes any number, sees them."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

_FARTHEST = 10  # image sides by which a polygon may leave its image


class Mask(NamedTuple):
    """Compressed run lengths; or None, and ``lacking`` says in the plural what such annotations are.

    ``normalised``: whether all coordinates lie between 0 and 1, as if they were shares of the image's sides.
    ``n_short``: polygons of fewer than three points beside others, which are left out.
    """

    rle: dict[str, Any] | None
    lacking: str = ""
    normalised: bool = False
    n_short: int = 0


def encode_segmentation(segmentation: Any, height: int, width: int, where: str) -> Mask:
    """Return polygons, or compressed or uncompressed run lengths, as compressed run lengths.

    Raises
    ------
    ValueError
        Beginning with ``where``, if the segmentation breaks the format.
    """
    if segmentation is None or segmentation in ([], {}):
        return Mask(None, "annotations without a mask")
    try:
        if isinstance(segmentation, list):
            return _encode_polygons(segmentation, height, width)
        if not isinstance(segmentation, dict):
            raise TypeError("it is neither a list nor an object")
        rle = _encode_runs(segmentation, height, width)
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f"{where}: segmentation is neither polygons nor run lengths: {error}") from None
    return Mask(rle) if coco_mask.area(rle) else Mask(None, "masks without a pixel")


def _encode_polygons(polygons: list[Any], height: int, width: int) -> Mask:
    if all(isinstance(part, Real) for part in polygons):
        raise ValueError("a polygon is not in a list of polygons")
    whole = []
    for polygon in polygons:
        if not isinstance(polygon, list) or not all(_is_number(value) for value in polygon):
            raise TypeError("a polygon is not a list of numbers")
        if len(polygon) % 2:
            raise ValueError(f"a polygon has {len(polygon)} coordinates, which are not pairs")
        if len(polygon) >= 6:  # pycocotools takes four numbers for a box
            whole.append(polygon)
    if not whole:
        return Mask(None, "polygons of fewer than three points")
    values = np.concatenate(whole)
    if not np.all(np.abs(values) <= _FARTHEST * max(height, width)):
        raise ValueError("a polygon lies far outside the image")
    rle = coco_mask.merge(coco_mask.frPyObjects(whole, height, width))
    normalised = bool(values.min() >= 0 and values.max() <= 1)
    if not coco_mask.area(rle):
        return Mask(None, "masks without a pixel", normalised)
    return Mask(rle, normalised=normalised, n_short=len(polygons) - len(whole))


def leaves(segmentation: Any, height: int, width: int) -> bool:
    """Return whether a polygon goes more than a pixel beyond the right or the lower side of an image."""
    if not isinstance(segmentation, list):
        return False
    polygons = [part for part in segmentation if isinstance(part, list) and part and all(map(_is_number, part))]
    return any(max(part[::2]) > width + 1 or max(part[1::2], default=0) > height + 1 for part in polygons)


def _encode_runs(segmentation: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    if segmentation.get("size") != [height, width]:
        raise ValueError(f"mask size {segmentation.get('size')} is not its image's {[height, width]}")
    counts = segmentation["counts"]
    if isinstance(counts, str):
        runs = _read_runs(counts)
    elif isinstance(counts, list) and all(_is_number(run) and run == int(run) for run in counts):
        runs = list(map(int, counts))
    else:
        raise TypeError("counts are neither text nor a list of whole numbers")
    if any(run < 0 for run in runs):
        raise ValueError("a run length is negative")
    # pycocotools decodes runs that end early to a mask that is partly uninitialised memory
    if sum(runs) != height * width:
        raise ValueError(f"run lengths cover {sum(runs)} pixels, its image has {height * width}")
    if isinstance(counts, str):
        return {"size": [height, width], "counts": counts.encode("ascii")}
    return coco_mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)


def _read_runs(counts: str) -> list[int]:
    """Return the numbers of compressed run lengths.

    They are little-endian base-32 numbers, each from the third on less the one before last.
    """
    runs, value, shift = [], 0, 0
    for character in counts:
        digit = ord(character) - 48
        if not 0 <= digit < 64:
            raise ValueError(f"counts have the character {character!r}")
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            if digit & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("the last run length does not end")
    return runs


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(value)
