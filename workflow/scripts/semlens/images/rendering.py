"""Images and masks under a view: cropped, padded, stretched to a square, transformed."""

from typing import Any

import numpy as np
from PIL import Image

from semlens.images.views import CropBox, View


def render_view(
    view: View, image: Image.Image, instance: Any, *, seed: int, size: int, resize: str, resample: str = "bicubic"
) -> np.ndarray:  # (3, size, size) float32 in [-1, 1]
    """Return an image as the model sees it under a view.

    Parameters
    ----------
    instance
        The row of the manifest that a crop is about; image-level views do not look at it.
    resize
        "stretch", or "letterbox" to pad with black.
    resample
        How it is resized where the view does not say: "bicubic" or "bilinear".
    """
    fitted = Image.fromarray(fit_pixels(view, np.asarray(image), instance, seed=seed, resize=resize))
    return view.transform_image(stretch_to_square(fitted, size, Image.Resampling[(view.resample or resample).upper()]))


def fit_pixels(view: View, pixels: np.ndarray, instance: Any, *, seed: int, resize: str) -> np.ndarray:
    """Return an image or mask, (height, width[, channels]), cropped by a view and padded as ``resize`` says.

    Stretching it to a square comes next, then the view's transformation of image or mask.
    """
    if view.find_crop_box is not None:
        pixels = crop_pixels(pixels, view.find_crop_box(instance, seed), cuts_out=view.cuts_out)
    return pad_to_square(pixels) if resize == "letterbox" else pixels


def crop_pixels(pixels: np.ndarray, box: CropBox, *, cuts_out: bool) -> np.ndarray:
    """Return an image or mask, (height, width[, channels]), without what lies outside a box: cut off, or black."""
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    if cuts_out:
        return pixels[rows, columns]
    cropped = np.zeros_like(pixels)
    cropped[rows, columns] = pixels[rows, columns]
    return cropped


def pad_to_square(pixels: np.ndarray) -> np.ndarray:
    """Return an image or mask, (height, width[, channels]), centred on a black square of its longer side."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, *pixels.shape[2:]), pixels.dtype)
    square[top : top + height, left : left + width] = pixels
    return square


def stretch_to_square(
    image: Image.Image, size: int, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> np.ndarray:  # (3, size, size) float32 in [-1, 1]
    """Return an RGB image resized to a square, whatever its proportions (section 5): values / 127.5 - 1."""
    resized = np.asarray(image.resize((size, size), resample), dtype=np.float32)
    return np.ascontiguousarray(resized.transpose(2, 0, 1)) / 127.5 - 1
