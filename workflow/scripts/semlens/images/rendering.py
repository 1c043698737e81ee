"""Images and masks under a view: cropped, padded, stretched to a square, transformed."""

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from semlens.images.views import View


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
    height, width = pixels.shape[:2]
    frame = find_frame(view, instance, width=width, height=height, seed=seed, resize=resize)
    (top, bottom), (left, right) = frame.rows, frame.columns
    shown = pixels[top:bottom, left:right]
    if shown.shape[:2] == (frame.height, frame.width):
        return shown
    fitted = np.zeros((frame.height, frame.width, *pixels.shape[2:]), pixels.dtype)
    fitted[top - frame.top : bottom - frame.top, left - frame.left : right - frame.left] = shown
    return fitted


class Frame(NamedTuple):
    """The rectangle that becomes a view's square, and what of an image is seen in it; the rest is black.

    All are pixels of the image. ``top`` and ``left`` are negative where a letterbox begins outside it. ``rows`` and
    ``columns`` are the first that is seen and the first that no longer is.
    """

    top: int
    left: int
    height: int
    width: int
    rows: tuple[int, int]
    columns: tuple[int, int]


def find_frame(view: View, instance: Any, *, width: int, height: int, seed: int, resize: str) -> Frame:
    """Return the frame of a view in an image of this size; a letterbox puts what it holds into its middle."""
    top, left, rows, columns = 0, 0, (0, height), (0, width)
    if view.find_crop_box is not None:
        box = view.find_crop_box(instance, seed)
        rows, columns = (box.top, box.bottom), (box.left, box.right)
        if view.cuts_out:
            top, left, height, width = box.top, box.left, box.bottom - box.top, box.right - box.left
    if resize == "letterbox":
        side = max(height, width)
        top, left = top - (side - height) // 2, left - (side - width) // 2
        height = width = side
    return Frame(top, left, height, width, rows, columns)


def stretch_to_square(
    image: Image.Image, size: int, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> np.ndarray:  # (3, size, size) float32 in [-1, 1]
    """Return an RGB image resized to a square, whatever its proportions (section 5): values / 127.5 - 1."""
    channels = np.asarray(image.resize((size, size), resample)).transpose(2, 0, 1)
    square = np.divide(channels, np.float32(127.5), out=np.empty(channels.shape, np.float32))
    square -= 1
    return square
