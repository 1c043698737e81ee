"""The image rotated by 180 degrees."""

from functools import partial

import numpy as np

from semlens.images.views import View

rotate = partial(np.rot90, k=2, axes=(-2, -1))

VIEW = View("rot180", transform_image=rotate, transform_mask=rotate)
