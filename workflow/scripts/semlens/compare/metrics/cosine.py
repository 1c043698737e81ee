"""Cosine distance (Eq. 9): 1 - x . y / (|x| |y|), which is half the squared distance of the unit vectors."""

from semlens.compare.metrics import Undefined
from semlens.compare.metrics._products import make_product_metric, normalize_length

ZERO = Undefined(lambda prototypes: ~prototypes.any(axis=1), "it has no direction")

METRIC = make_product_metric("cosine", normalize_length, undefined=ZERO)
