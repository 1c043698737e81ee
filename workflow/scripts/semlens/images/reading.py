"""Images from disk, checked against their annotations."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

# What Pillow reads by itself. It would start other programs for some formats that are not named here.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
ORIENTATION = "semlens_orientation"  # key of an image's info: what was done about its EXIF orientation
_TAG = 0x0112
_TURNS = {  # by orientation: what makes stored pixels upright, and the reverse
    2: (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_LEFT_RIGHT),
    3: (Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_180),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_TOP_BOTTOM),
    5: (Image.Transpose.TRANSPOSE, Image.Transpose.TRANSPOSE),
    6: (Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_90),
    7: (Image.Transpose.TRANSVERSE, Image.Transpose.TRANSVERSE),
    8: (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270),
}
_SWAPS = (5, 6, 7, 8)  # orientations whose upright image has the other proportions
_PLAIN = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "1", "CMYK", "YCbCr")
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")


def find_image_folder(images: str | Path) -> Path:
    """Return the folder of images: the path itself, or the folder of a list of downloaded images."""
    images = Path(images)
    return images.parent if images.is_file() else images


def read_image(path: str | Path, *, width: int, height: int, exif: str = "ignore") -> Image.Image:
    """Return an RGB image of the annotated size, its pixels turned as the annotation has them.

    Grey, palette and CMYK images become RGB. Of 16 bits of grey, 65535 becomes 255. Transparency is left out: pixels
    have the colour that is stored. Of several frames or pages, the first is read.

    An EXIF orientation is applied if only the upright size is the annotated one, and ignored if only the stored size
    is. The image's ``info`` says at ``ORIENTATION`` what was done about one.

    Parameters
    ----------
    exif
        "apply" or "ignore": what to do about an orientation if both sizes are the annotated one.

    Raises
    ------
    FileNotFoundError, ValueError
        If the image is missing, truncated, in no format of ``FORMATS``, of pixels that cannot be scaled to 8 bits, or
        not ``width`` x ``height`` pixels.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"image {path} does not exist")
    try:
        with Image.open(path, formats=FORMATS) as file:
            orientation = _read_orientation(file)
            stored = file.size[::-1] if file.format == "TIFF" and orientation in _SWAPS else file.size
            done = _choose_turn(stored, orientation, (width, height), exif)
            upright = file.format == "TIFF"  # Pillow turns TIFF itself
            image = file if done is None else _convert(file)
    except UnidentifiedImageError as error:
        raise ValueError(f"image {path} cannot be read: it is in none of the formats {', '.join(FORMATS)}") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"image {path} cannot be read: {error}") from error
    if done is None:
        raise ValueError(f"image {path} is {image.width}x{image.height} pixels, its annotation says {width}x{height}")
    if orientation in _TURNS and upright != done.startswith("applied"):
        image = image.transpose(_TURNS[orientation][upright])
    image.info = {ORIENTATION: done} if done else {}
    return image


def swaps_sides(path: str | Path) -> bool:
    """Return whether an image's EXIF orientation exchanges its width and height; not if there is no such image."""
    try:
        with Image.open(path, formats=FORMATS) as file:
            return _read_orientation(file) in _SWAPS
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _read_orientation(file: ImageFile.ImageFile) -> int:
    """Return an image's EXIF orientation; 1, upright, where it has none that can be read."""
    try:
        orientation = file.getexif().get(_TAG, 1)
    except Exception:  # damaged metadata fail in any way
        return 1
    return orientation if orientation in _TURNS else 1


def _choose_turn(stored: tuple[int, int], orientation: int, annotated: tuple[int, int], exif: str) -> str | None:
    """Return what is done about an orientation, in words; "" if there is none, None if no size fits."""
    upright = stored[::-1] if orientation in _SWAPS else stored
    if annotated not in (stored, upright):
        return None
    if orientation == 1:
        return ""
    if stored != upright:
        return (
            "applied, because only the upright size is the annotated one"
            if annotated == upright
            else "ignored, because only the stored size is the annotated one"
        )
    return "applied, because 'exif' is apply" if exif == "apply" else "ignored, because 'exif' is ignore"


def _convert(file: ImageFile.ImageFile) -> Image.Image:
    if file.mode in _DEEP or (file.mode == "I" and file.format in ("PNG", "PPM")):
        deep = np.asarray(file).astype(np.uint32)
        return Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if file.mode not in _PLAIN:
        raise ValueError(
            f"its pixels have mode {file.mode}, which has no exact 8-bit form; save it as 8-bit RGB or 16-bit grey"
        )
    return file.convert("RGB")
