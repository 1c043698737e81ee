"""The image blurred by a Gaussian whose standard deviation is this share of the image's side."""

from functools import cache

import numpy as np

from semlens.images.views import View


def build_view(name: str, share: float) -> View:
    """Return the view that blurs the resized square, black bars of a letterbox included.

    The standard deviation is share x side pixels, so that it means the same to models that read images of different
    sizes.
    """

    def blur(square: np.ndarray) -> np.ndarray:  # (3, side, side) float32
        side = square.shape[-1]
        gaussian = build_gaussian(share * side, side)
        return (gaussian @ square @ gaussian.T).astype(np.float32)

    return View(name, transform_image=blur)


@cache
def build_gaussian(sigma: float, side: int) -> np.ndarray:  # (side, side), rows sum to 1
    """Return the matrix G that blurs each side of an image X as G X G^T.

    Weights are exp(-d^2 / (2 sigma^2)) for distances d up to 4 sigma, normalised; the image is mirrored at its edges.
    """
    reach = int(4 * sigma + 0.5)
    distance = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    place = (np.arange(side)[:, None] + distance) % (2 * side)
    matrix = np.zeros((side, side))
    np.add.at(matrix, (np.arange(side)[:, None], np.minimum(place, 2 * side - 1 - place)), weights / weights.sum())
    return matrix
