"""Prototypes of several layers, with what a test plants in some of them."""

import numpy as np
from planted import encode_classes, plant_objects

from semlens.statistics.gram import LayerProducts
from semlens.statistics.labels import Labels


def plant_layers(seed, n_layers, *, widths=(7, 4, 9), signal=(), images=60, classes=4, noise=1.0):
    """Labels, and vectors of layers of these widths in turn; layers of the signal show different parts of the class."""
    rng = np.random.default_rng(seed)
    rows, _ = plant_objects(rng, images=images, classes=classes)
    of_class = encode_classes(rows, len(signal) or 1)
    layers = {}
    for number in range(n_layers):
        vectors = noise * rng.standard_normal((len(rows), widths[number % len(widths)])) + 0.3 * number
        if number in signal:
            vectors[:, 0] += 3 * of_class[:, signal.index(number)]
        layers[f"l{number}"] = vectors.astype(np.float32)
    return rows, Labels.from_rows(rows), layers


def multiply(layers):
    return LayerProducts.from_vectors(layers.items(), len(layers))
