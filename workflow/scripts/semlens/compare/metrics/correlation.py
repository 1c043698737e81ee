"""Correlation distance: 1 - Pearson's correlation of the components, the cosine distance of centred prototypes."""

import numpy as np

from semlens.compare.metrics._products import make_product_metric, normalize_length


def _centre_and_normalize(prototypes: np.ndarray) -> np.ndarray:
    x = prototypes.astype(np.float64)
    x -= x.mean(axis=1, keepdims=True)
    return normalize_length(x)


METRIC = make_product_metric(
    "correlation",
    _centre_and_normalize,
    find_undefined=lambda prototypes: prototypes.min(axis=1) == prototypes.max(axis=1),
    why_undefined="it is constant",
)
