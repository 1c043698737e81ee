"""The image flipped upside down."""

import numpy as np

from semlens.images.views import View


def flip_rows(square: np.ndarray) -> np.ndarray:  # (..., side, side)
    """Return an image or masks mirrored top to bottom."""
    return square[..., ::-1, :]


VIEW = View("vflip", transform_image=flip_rows, transform_mask=flip_rows)
