"""What tests of dataset formats write and read: masks, palette images, and errors that name what is wrong."""

import re

import numpy as np
import pytest
from PIL import Image

from semlens.images.masks import decode_mask

HEIGHT, WIDTH = 24, 36


def draw_box(top, left, bottom, right):
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def decode_row(row):
    return decode_mask(row["rle"], width=row["width"], height=row["height"])


def write_palette(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels.astype(np.uint8))
    image.putpalette([level for level in range(256) for _ in "rgb"])
    image.save(path)


def expect_error(error, *names):
    """Expect an error whose message has all ``names``."""
    return pytest.raises(error, match="(?s)" + "".join(f"(?=.*{re.escape(str(name))})" for name in names))
