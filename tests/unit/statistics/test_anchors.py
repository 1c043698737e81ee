"""Separation from anchors, against the ranking that measures all else."""

import numpy as np
import pytest
from layer_vectors import multiply, plant_layers

from semlens.statistics.anchors import compute_shares, list_classes, mark_neighbours, measure_anchors, sample_anchors
from semlens.statistics.gram import METRICS
from semlens.statistics.neighbours import iterate_between
from semlens.statistics.ranking import rank_rows
from semlens.statistics.separation import measure_separation
from semlens.statistics.subsets import list_subsets


@pytest.mark.parametrize("digits", [None, 1, 0], ids=["as measured", "with ties", "with many ties"])
def test_shares_are_those_of_the_full_ranking(digits):
    _, labels, layers = plant_layers(0, 1)
    (distances,) = multiply(layers).iterate_distances([(0,)], "euclidean", *[np.arange(len(labels))] * 2)
    distances = distances if digits is None else np.round(distances, digits)
    rows = np.arange(len(labels))
    like = labels.classes[:, None] == labels.classes
    expected = rank_rows(distances, like, labels.units[:, None] != labels.units).separation
    assert not np.isnan(expected).any()
    np.testing.assert_allclose(compute_shares(distances, mark_neighbours(labels, rows)), expected, atol=1e-12)


@pytest.mark.parametrize("by", ["classes", "objects"])
@pytest.mark.parametrize("metric", METRICS)
def test_a_sample_of_all_objects_gives_the_exact_value(metric, by):
    _, labels, layers = plant_layers(1, 3, signal=(1,))
    products, everyone, subsets = multiply(layers), np.arange(len(labels)), list_subsets(3)
    classes = list_classes(labels)
    anchors = sample_anchors(labels, classes, by, 0, n_anchors=10_000)
    found = measure_anchors(products, metric, subsets, everyone, labels, anchors)
    for subset, value in zip(subsets, found, strict=True):
        (distances,) = products.iterate_distances([subset], metric, everyone, everyone)
        exact = measure_separation(iterate_between(distances, labels), labels, labels.classes).average(by)
        assert value == pytest.approx(exact.value, abs=1e-12)


def test_anchors_are_as_many_of_each_class_and_count_by_what_is_averaged():
    _, labels, _ = plant_layers(0, 1, images=200)
    classes = list_classes(labels)
    for by in ("classes", "objects"):
        anchors = sample_anchors(labels, classes, by, 0, n_anchors=40)
        assert list(np.bincount(labels.classes[anchors.rows])) == [10] * 4
        assert anchors.weights.sum() == pytest.approx(1)
        shares = np.bincount(labels.classes) / len(labels) if by == "objects" else np.full(4, 0.25)
        np.testing.assert_allclose(np.bincount(labels.classes[anchors.rows], anchors.weights), shares)
    again = sample_anchors(labels, classes, "objects", 0, n_anchors=40)
    np.testing.assert_array_equal(anchors.rows, again.rows)


def test_classes_that_count_are_those_of_separation():
    _, labels, layers = plant_layers(3, 1, images=16, classes=6)
    (distances,) = multiply(layers).iterate_distances([(0,)], "euclidean", *[np.arange(len(labels))] * 2)
    separation = measure_separation(iterate_between(distances, labels), labels, labels.classes)
    np.testing.assert_array_equal(list_classes(labels), separation.list_classes())
    assert 0 < len(list_classes(labels)) < 6


def test_what_is_undefined_has_no_value_and_the_rest_has():
    _, labels, layers = plant_layers(0, 2)
    layers["l0"][:] = 1
    anchors = sample_anchors(labels, list_classes(labels), "classes", 0)
    everyone = np.arange(len(labels))
    found = measure_anchors(multiply(layers), "correlation", [(0,), (0, 1), (1,)], everyone, labels, anchors)
    np.testing.assert_array_equal(np.isnan(found), [True, False, False])
