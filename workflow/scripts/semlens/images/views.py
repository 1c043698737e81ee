"""Views: transformations that carry a picture and its masks together (section 5.4).

Image-level views turn the whole stretched square, picture and mask alike, so the mask of the turned picture is exactly
the turned mask. Instance-level views crop the picture around one instance, so each instance is a sample of its own.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda square: square,
    "hflip": lambda square: square[..., ::-1],
    "vflip": lambda square: square[..., ::-1, :],
    "rot90": lambda square: np.rot90(square, 1, axes=(-2, -1)),
    "rot180": lambda square: np.rot90(square, 2, axes=(-2, -1)),
    "rot270": lambda square: np.rot90(square, 3, axes=(-2, -1)),
}


CROPS = ("crop_pad", "crop_resize", "crop_shift20", "crop_shift40", "crop_shift60")


class CropBox(NamedTuple):
    """A rectangle of whole pixels, right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int


class Sample(NamedTuple):
    """One picture that goes through the model: its id, and the rows of the manifest that it shows."""

    id: str
    instances: pd.DataFrame


def iterate_samples(view: str, manifest: pd.DataFrame) -> Iterator[Sample]:
    """Yield the samples of a view: images of a manifest, or its instances, in the manifest's order."""
    key = "instance_id" if view in CROPS else "image_id"
    for name, instances in manifest.groupby(key, sort=False):
        yield Sample(name, instances)


def find_crop_box(view: str, instance: pd.Series, *, seed: int) -> CropBox | None:
    """Return the part of the picture that a view keeps; None where it keeps all.

    ``crop_shift40`` moves the instance's bounding box by 40 % of its size, in a direction seeded by (seed, view,
    instance), and keeps what of it lies within the picture.
    """
    if view not in CROPS:
        return None
    shift = int(re.search(r"\d*$", view)[0] or 0) / 100
    digest = hashlib.sha256(f"{seed}/{view}/{instance.instance_id}".encode()).digest()
    angle = 2 * np.pi * int.from_bytes(digest[:4], "big") / 2**32
    left = instance.bbox_x + shift * instance.bbox_w * np.cos(angle)
    top = instance.bbox_y + shift * instance.bbox_h * np.sin(angle)
    return CropBox(
        max(0, round(left)),
        max(0, round(top)),
        min(instance.width, round(left + instance.bbox_w)),
        min(instance.height, round(top + instance.bbox_h)),
    )


def crop_view(view: str, pixels: np.ndarray, kept: CropBox | None) -> np.ndarray:
    """Return a picture or mask as a view shows it before it is stretched and turned.

    ``crop_resize`` cuts the window out, to fill the square; the other crops blacken what lies around it, in place.

    Parameters
    ----------
    pixels
        (height, width) or (height, width, channels).
    """
    if kept is None:
        return pixels
    rows, columns = slice(kept.top, kept.bottom), slice(kept.left, kept.right)
    if view == "crop_resize":
        return pixels[rows, columns]
    padded = np.zeros_like(pixels)
    padded[rows, columns] = pixels[rows, columns]
    return padded


def pad_to_square(resize: str, pixels: np.ndarray) -> np.ndarray:
    """Return a picture or mask as it is before it becomes a square: letterboxed (centred on black), or as it is.

    Parameters
    ----------
    pixels
        (height, width) or (height, width, channels).
    """
    if resize != "letterbox":
        return pixels
    height, width = pixels.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, *pixels.shape[2:]), pixels.dtype)
    square[top : top + height, left : left + width] = pixels
    return square


def flip_or_rotate(view: str, square: np.ndarray) -> np.ndarray:
    """Return a stretched picture or a mask on a grid, (..., side, side), as an image-level view turns it."""
    return TURNS.get(view, TURNS["identity"])(square)
