"""Pictures from disk to what the VAE reads."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from semlens.images.views import crop_view, find_crop_box, flip_or_rotate, pad_to_square


def find_image_folder(pictures: str | Path) -> Path:
    """Return the folder of pictures: it is given itself, or as the list beside those that were downloaded."""
    pictures = Path(pictures)
    return pictures.parent if pictures.is_file() else pictures


def read_image(path: str | Path, *, width: int, height: int) -> Image.Image:
    """Return a whole RGB picture of the annotated size.

    Raises
    ------
    FileNotFoundError, ValueError
        If the picture is missing, truncated, or not ``width`` x ``height`` pixels.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"image {path} does not exist")
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"image {path} cannot be read: {error}") from error
    if picture.size != (width, height):
        raise ValueError(
            f"image {path} is {picture.width}x{picture.height} pixels, its annotation says {width}x{height}"
        )
    return picture


def stretch_to_square(
    picture: Image.Image, size: int, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> np.ndarray:  # (3, size, size) float32 in [-1, 1]
    """Return the picture resized to a square, whatever its proportions (section 5)."""
    resized = np.asarray(picture.resize((size, size), resample), dtype=np.float32)
    return np.ascontiguousarray(resized.transpose(2, 0, 1)) / 127.5 - 1


def render_view(
    view: str, picture: Image.Image, instance: pd.Series, *, seed: int, size: int, resize: str
) -> np.ndarray:  # (3, size, size) float32 in [-1, 1]
    """Return a picture as the VAE reads it under a view.

    Parameters
    ----------
    instance
        The row of the manifest that a crop is about; image-level views do not look at it.
    """
    cropped = pad_to_square(resize, crop_view(view, np.asarray(picture), find_crop_box(view, instance, seed=seed)))
    # section 5.4 resizes crops bilinearly
    resample = Image.Resampling.BILINEAR if view == "crop_resize" else Image.Resampling.BICUBIC
    return flip_or_rotate(view, stretch_to_square(Image.fromarray(cropped), size, resample))
