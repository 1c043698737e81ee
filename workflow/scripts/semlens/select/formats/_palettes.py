"""Labels in mask images: what number each pixel stands for, by its palette or colour.

VOC and DAVIS number objects and classes and store the numbers with one palette, :func:`build_colours`. A program that
writes such a file anew may number the colours otherwise; then the colours say what the numbers were.
"""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

FORMATS = ("PNG", "TIFF", "BMP", "GIF", "WEBP")  # without loss
VOID = 255
_KNOWN = "a palette or colours of VOC or DAVIS, or grey levels that are the labels themselves"


@cache
def build_colours() -> np.ndarray:  # (256, 3) uint8
    """Return VOC's colour of each label: its bits, three by three, from the highest bit of each channel downwards."""
    labels = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((labels >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def read_labels(path: Path, colours: np.ndarray | None = None) -> np.ndarray:  # (height, width) uint8
    """Return the labels of a mask image.

    Parameters
    ----------
    colours
        (labels, 3) of the labels, if not VOC's.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing, damaged, or its colours are those of no label.
    """
    if not path.is_file():
        raise FileNotFoundError(f"mask {path} does not exist")
    try:
        with Image.open(path, formats=FORMATS) as image:
            image.load()
    except UnidentifiedImageError as error:
        raise ValueError(f"mask {path} cannot be read: it is in none of the formats {', '.join(FORMATS)}") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"mask {path} cannot be read: {error}") from error
    known = build_colours() if colours is None else colours
    if image.mode == "P":
        return _read_indices(np.asarray(image), image.getpalette("RGB"), known, path)
    if image.mode == "L":
        return np.asarray(image)
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8)
    if image.mode in ("RGB", "RGBA"):
        return _read_colours(np.asarray(image)[..., :3], known, path)
    raise ValueError(f"mask {path} has mode {image.mode!r}; {_KNOWN} are expected")


def _read_indices(indices: np.ndarray, palette: list[int], known: np.ndarray, path: Path) -> np.ndarray:
    given = np.array(palette, np.uint8).reshape(-1, 3)
    used = np.flatnonzero(np.bincount(indices.ravel(), minlength=256))
    stated = used[used < len(given)]
    if any(_agree(given[stated], expected, stated) for expected in (known, build_colours(), _GREYS)):
        return indices
    table = np.arange(256, dtype=np.uint8)
    table[stated] = _find_labels(given[stated], known, path)
    return table[indices]


def _agree(given: np.ndarray, expected: np.ndarray, labels: np.ndarray) -> bool:
    return bool(np.all(labels < len(expected)) and np.array_equal(given, expected[labels]))


def _read_colours(pixels: np.ndarray, known: np.ndarray, path: Path) -> np.ndarray:
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)  # (height, width)
    used, place = np.unique(packed, return_inverse=True)
    colours = np.stack([used >> 16, used >> 8 & 255, used & 255], axis=1)
    return _find_labels(colours, known, path)[place].reshape(packed.shape)


def _find_labels(colours: np.ndarray, known: np.ndarray, path: Path) -> np.ndarray:
    """Return the label of each colour."""
    label_of = {tuple(colour): label for label, colour in reversed(list(enumerate(known.tolist())))}
    label_of.setdefault(tuple(build_colours()[VOID].tolist()), VOID)
    found = [label_of.get(tuple(colour)) for colour in colours.tolist()]
    if None in found:
        colour = colours[found.index(None)].tolist()
        raise ValueError(f"mask {path} has the colour {colour}, which stands for no label; {_KNOWN} are expected")
    return np.array(found, np.uint8)


_GREYS = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
