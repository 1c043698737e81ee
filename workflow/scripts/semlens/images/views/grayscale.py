"""The image without colour: its luminance in all three channels."""

import numpy as np

from semlens.images.views import View

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue (ITU-R BT.601, as Pillow's "L")


def take_luminance(square: np.ndarray) -> np.ndarray:  # (3, side, side)
    """Return 0.299 R + 0.587 G + 0.114 B in each channel."""
    return np.tile(np.tensordot(LUMINANCE, square, axes=1), (3, 1, 1))


VIEW = View("grayscale", transform_image=take_luminance)
