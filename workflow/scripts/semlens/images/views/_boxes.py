"""Crop boxes around an instance."""

from typing import Any

from semlens.images.views import CropBox


def find_box(instance: Any, seed: int) -> CropBox:
    """Return an instance's bounding box, whatever the seed."""
    return move_box(instance)


def move_box(instance: Any, *, right: float = 0, down: float = 0) -> CropBox:
    """Return what lies within the image of an instance's bounding box that is moved by this many pixels.

    Sides are rounded to whole pixels.
    """
    left, top = instance.bbox_x + right, instance.bbox_y + down
    return CropBox(
        max(0, round(left)),
        max(0, round(top)),
        min(instance.width, round(left + instance.bbox_w)),
        min(instance.height, round(top + instance.bbox_h)),
    )
