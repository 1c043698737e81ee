"""The image rotated by 90 degrees counter-clockwise."""

from functools import partial

import numpy as np

from semlens.images.views import View

rotate = partial(np.rot90, k=1, axes=(-2, -1))

VIEW = View("rot90", transform_image=rotate, transform_mask=rotate)
