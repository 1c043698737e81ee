"""The image rotated by 270 degrees counter-clockwise."""

from functools import partial

import numpy as np

from semlens.images.views import View

rotate = partial(np.rot90, k=3, axes=(-2, -1))

VIEW = View("rot270", transform_image=rotate, transform_mask=rotate)
