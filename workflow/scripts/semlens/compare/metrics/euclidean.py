"""Euclidean distance (Eq. 4): |x - y|."""

import numpy as np

from semlens.compare.metrics._products import make_product_metric

METRIC = make_product_metric("Euclidean", lambda prototypes: prototypes.astype(np.float64), root=True)
