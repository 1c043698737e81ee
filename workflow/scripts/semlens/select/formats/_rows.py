"""What readers share: rows and run lengths."""

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from semlens.select.formats import Row
from semlens.select.formats._palettes import VOID


def make_row(mask_rle: dict[str, Any], **columns: Any) -> Row:
    """Return the row of an instance: size, area and bounding box of its mask, and the other columns."""
    x, y, w, h = coco_mask.toBbox(mask_rle)
    height, width = mask_rle["size"]
    area = int(coco_mask.area(mask_rle))
    return {
        "identity": None,
        "video": None,
        "frame": None,
        **columns,
        "width": width,
        "height": height,
        "area_fraction": area / (width * height),
        "bbox_x": x,
        "bbox_y": y,
        "bbox_w": w,
        "bbox_h": h,
        "rle": mask_rle["counts"].decode("ascii"),
    }


def encode_mask(mask: np.ndarray) -> dict[str, Any]:
    """Return the compressed run lengths of a mask (height, width)."""
    return coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))


def list_labels(objects: np.ndarray) -> list[int]:
    """Return the labels of objects in a mask, in order."""
    return [
        int(number) for number in np.flatnonzero(np.bincount(objects.ravel(), minlength=256)) if number not in (0, VOID)
    ]
