"""Correlation distance: 1 - Pearson's correlation of the components of x and y.

It is the cosine distance of x - mean(x) and y - mean(y).
"""

import numpy as np

from semlens.compare.metrics import CONSTANT
from semlens.compare.metrics._products import make_product_metric, normalize_length


def _normalize(prototypes: np.ndarray) -> np.ndarray:
    x = prototypes.astype(np.float64)
    x -= x.mean(axis=1, keepdims=True)
    return normalize_length(x)


METRIC = make_product_metric("correlation", _normalize, undefined=CONSTANT)
