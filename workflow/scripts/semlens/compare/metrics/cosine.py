"""Cosine distance (Eq. 9): 1 - x . y / (|x| |y|), half the squared distance of the unit vectors."""

from semlens.compare.metrics._products import make_product_metric, normalize_length

METRIC = make_product_metric(
    "cosine",
    normalize_length,
    find_undefined=lambda prototypes: ~prototypes.any(axis=1),
    why_undefined="it has no direction",
)
