"""Classes: how far apart they lie, by loops over all pairs; and where their objects do, by an eigenvalue problem."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import distance as scipy_distance

from semlens.draw.kinds import KINDS
from semlens.statistics import classes
from semlens.statistics.classes import CLASS_DISTANCES, MAX_PER_CLASS, PCA, average_class_distances
from semlens.statistics.components import project_pca


def objects(count=40, images=9, seed=0):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "instance_id": [f"i{number}" for number in range(count)],
            "image_id": rng.integers(images, size=count).astype(str),
            "class_name": rng.choice(["cow", "bus", "cat"], count),
            "identity": None,
        }
    )
    return rows, rng.standard_normal((count, 12)).astype(np.float32)


@pytest.mark.parametrize("metric", ["correlation", "euclidean", "cityblock", "cosine"])
def test_means_are_those_of_all_pairs_in_different_images(metric):
    rows, vectors = objects()
    between = getattr(scipy_distance, metric)
    found = {}
    for i, j in combinations(range(len(rows)), 2):
        if rows["image_id"][i] != rows["image_id"][j]:
            pair = tuple(sorted((rows["class_name"][i], rows["class_name"][j])))
            found.setdefault(pair, []).append(between(vectors[i].astype(float), vectors[j].astype(float)))
    for row in average_class_distances(rows, vectors, metric).itertuples():
        expected = found[tuple(sorted((row.class_a, row.class_b)))]
        assert row.n == len(expected)
        assert row.mean == pytest.approx(np.mean(expected), rel=1e-5)


def test_classes_that_never_meet_in_two_images_have_no_distance():
    rows, vectors = objects(count=3)
    rows = rows.assign(image_id=["a", "a", "b"], class_name=["cow", "bus", "cat"])
    table = average_class_distances(rows, vectors, "euclidean").set_index(["class_a", "class_b"])
    assert table.loc[("cow", "bus"), "n"] == 0 and np.isnan(table.loc[("cow", "bus"), "mean"])
    assert table.loc[("cow", "cow"), "n"] == 0
    assert table.loc[("cow", "cat"), "n"] == table.loc[("cat", "cow"), "n"] == 1


def test_one_object_in_several_images_is_one_object():
    rows, vectors = objects(count=4)
    rows = rows.assign(image_id=list("abcd"), class_name="person", identity=["one", "one", "one", None])
    table = average_class_distances(rows, vectors, "euclidean")
    assert table["n"].tolist() == [3]
    assert table["mean"].tolist() == pytest.approx([np.mean(scipy_distance.cdist(vectors[:3], vectors[3:]))], rel=1e-5)


def test_a_plane_is_that_of_the_largest_variance():
    rows, vectors = objects()
    found = project_pca(rows, vectors, "euclidean")
    values, axes = np.linalg.eigh(np.cov(vectors.astype(float).T))
    for name, number in (("x", -1), ("y", -2)):
        projected = (vectors - vectors.mean(axis=0)) @ axes[:, number]
        assert abs(np.corrcoef(projected, found[name])[0, 1]) == pytest.approx(1, abs=1e-6)
        assert found[name].var() == pytest.approx(values[number], rel=1e-5)
    assert found["explained"].iloc[0] == pytest.approx(values[-2:].sum() / values.sum(), rel=1e-5)


def test_what_correlation_does_not_see_moves_nothing_in_the_plane():
    rows, vectors = objects()
    moved = vectors * np.arange(1, len(rows) + 1)[:, None] + 3
    one, other = (project_pca(rows, these, "correlation") for these in (vectors, moved))
    np.testing.assert_allclose(one[["x", "y"]], other[["x", "y"]], atol=1e-5)


def test_one_object_lies_in_the_middle():
    rows, vectors = objects(count=1)
    assert project_pca(rows, vectors, "euclidean")[["x", "y", "explained"]].to_numpy().tolist() == [[0, 0, 0]]


def test_the_caption_says_how_many_objects_represent_a_class():
    captions = {kind.name: kind.caption for kind in KINDS}
    assert f"more than {MAX_PER_CLASS} objects is represented by {MAX_PER_CLASS}" in captions["class_distances"]


@pytest.mark.parametrize("contract", [CLASS_DISTANCES, PCA])
def test_every_column_is_described(contract):
    assert all(column.description for column in contract.columns.values())


def test_a_large_class_is_represented_by_some_of_its_objects():
    rows, _ = objects(count=2 * MAX_PER_CLASS)
    rows.loc[:, "class_name"] = np.where(np.arange(len(rows)) % 20, "cow", "bus")
    chosen = classes._sample_classes(rows, seed=0)
    counts = rows["class_name"].iloc[chosen].value_counts()
    assert counts.to_dict() == {"cow": MAX_PER_CLASS, "bus": (rows["class_name"] == "bus").sum()}
    assert (np.diff(chosen) > 0).all()
    assert np.array_equal(chosen, classes._sample_classes(rows, seed=0))
    assert not np.array_equal(chosen, classes._sample_classes(rows, seed=1))


def test_an_anchor_stands_for_each_class_that_is_in_several_images():
    rows, _ = objects(count=12, images=5)
    rows = rows.assign(
        class_name=[*["cow"] * 4, *["bus"] * 3, *["cat"] * 3, *["dog"] * 2],
        image_id=[*"abcd", *"abb", *"aaa", *"ab"],
        video=pd.array([None] * 12, dtype="string"),
    )
    anchors = classes.draw_anchors(rows, seed=0)
    assert rows["class_name"].iloc[anchors].tolist() == ["cow", "bus", "dog"]  # cats are in a single image
    assert any(classes.draw_anchors(rows, seed=seed) != anchors for seed in range(1, 9))
    assert anchors == classes.draw_anchors(rows, seed=0)
