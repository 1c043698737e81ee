"""Distances of layers joined, from their inner products, against scipy's on concatenated vectors."""

import numpy as np
import pytest
from layer_vectors import multiply, plant_layers
from scipy.spatial.distance import cdist

from semlens.statistics.gram import METRICS
from semlens.statistics.subsets import list_subsets


def measure(products, subsets, metric, rows=None, columns=None):
    everyone = np.arange(len(products))
    rows, columns = (everyone if chosen is None else np.array(chosen) for chosen in (rows, columns))
    found = [one.copy() for one in products.iterate_distances(subsets, metric, rows, columns)]
    return np.sqrt(found) if metric == "euclidean" else np.array(found)


@pytest.mark.parametrize("metric", METRICS)
def test_distances_are_those_of_concatenated_vectors(metric):
    _, _, layers = plant_layers(0, 4)
    subsets = list_subsets(4)
    found = measure(multiply(layers), subsets, metric)
    assert len(found) == 15
    for subset, distances in zip(subsets, found, strict=True):
        joined = np.hstack([list(layers.values())[layer] for layer in subset]).astype(np.float64)
        np.testing.assert_allclose(distances, cdist(joined, joined, metric), rtol=2e-7, atol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_the_order_of_subsets_does_not_matter(metric):
    products = multiply(plant_layers(0, 5)[2])
    subsets = list_subsets(5)
    shuffled = [subsets[place] for place in np.random.default_rng(0).permutation(len(subsets))]
    by_name = dict(zip(shuffled, measure(products, shuffled, metric, [3, 1], [0, 2, 4]), strict=True))
    for subset, distances in zip(subsets, measure(products, subsets, metric, [3, 1], [0, 2, 4]), strict=True):
        np.testing.assert_array_equal(by_name[subset], distances)


@pytest.mark.parametrize("metric", METRICS)
def test_equal_prototypes_have_no_distance_whatever_is_rounded(metric):
    _, _, layers = plant_layers(0, 3, widths=(300,))
    twins = {name: np.vstack([vectors, vectors]) + np.float32(50) for name, vectors in layers.items()}
    n = len(layers["l0"])
    (found,) = measure(multiply(twins), [(0, 1, 2)], metric)
    assert (found[np.arange(n), n + np.arange(n)] == 0).all()
    assert (found[0, 1:n] > 0).all()


def test_a_small_layer_is_not_lost_beside_a_large_one():
    """Sums are built up and never taken away: what a large layer leaves behind would drown a small one."""
    _, _, layers = plant_layers(0, 2)
    products = multiply({"l0": layers["l0"] * np.float32(1e6), "l1": layers["l1"]})
    both, alone = measure(products, [(0, 1), (1,)], "euclidean")
    small = layers["l1"].astype(np.float64)
    np.testing.assert_allclose(alone, cdist(small, small), rtol=2e-7, atol=1e-6)
    assert both[0, 1] > 1e5


def test_metrics_are_undefined_where_all_layers_joined_are_constant_or_zero():
    _, _, layers = plant_layers(0, 3)
    layers["l0"][5] = 2
    layers["l1"][5] = 2
    layers["l2"][7] = 0
    products = multiply(layers)
    subsets = list_subsets(3)
    undefined = {metric: [one for one in subsets if not products.is_defined(one, metric)] for metric in METRICS}
    assert undefined == {"correlation": [(0,), (0, 1), (1,), (2,)], "cosine": [(2,)], "euclidean": []}


def test_names_and_channels_are_joined():
    products = multiply(plant_layers(0, 3)[2])
    assert products.name_subset((0, 2)) == "l0+l2"
    assert products.count_channels((0, 2)) == 16
