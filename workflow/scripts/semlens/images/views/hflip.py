"""The image flipped left to right."""

import numpy as np

from semlens.images.views import View


def flip_columns(square: np.ndarray) -> np.ndarray:  # (..., side, side)
    """Return an image or masks mirrored left to right."""
    return square[..., ::-1]


VIEW = View("hflip", transform_image=flip_columns, transform_mask=flip_columns)
