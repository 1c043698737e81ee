"""What readers share: rows, run lengths, and labels in palette images."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from semlens.select.formats import Row

VOID = 255


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


def read_palette(path: Path) -> np.ndarray:  # (height, width) uint8
    """Return the labels of a palette image.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing, damaged, or no palette image.
    """
    if not path.is_file():
        raise FileNotFoundError(f"mask {path} does not exist")
    try:
        with Image.open(path) as image:
            if image.mode != "P":
                raise ValueError(f"mask {path} has mode {image.mode!r}; a palette PNG (mode 'P') is expected")
            return np.asarray(image)
    except OSError as error:
        raise ValueError(f"mask {path} cannot be read: {error}") from error


def list_labels(objects: np.ndarray) -> list[int]:
    """Return the labels of objects in a mask, in order."""
    return [int(number) for number in np.unique(objects) if number not in (0, VOID)]
