"""Images from disk, checked against their annotations."""

from pathlib import Path

from PIL import Image


def find_image_folder(images: str | Path) -> Path:
    """Return the folder of images: the path itself, or the folder of a list of downloaded images."""
    images = Path(images)
    return images.parent if images.is_file() else images


def read_image(path: str | Path, *, width: int, height: int) -> Image.Image:
    """Return an RGB image of the annotated size.

    Raises
    ------
    FileNotFoundError, ValueError
        If the image is missing, truncated, or not ``width`` x ``height`` pixels.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"image {path} does not exist")
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"image {path} cannot be read: {error}") from error
    if image.size != (width, height):
        raise ValueError(f"image {path} is {image.width}x{image.height} pixels, its annotation says {width}x{height}")
    return image
