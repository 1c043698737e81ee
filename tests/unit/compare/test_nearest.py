"""The nearest objects of other images."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from semlens.compare.nearest import SURPRISING, find_nearest, find_surprising_pairs


@pytest.fixture
def objects():
    """Thirty objects in ten images, and their prototypes."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "instance_id": [f"o{number}" for number in range(30)],
            "class_name": np.tile(["cat", "dog"], 15),
            "image_id": np.repeat([f"i{number}" for number in range(10)], 3),
            "video": pd.array([None] * 30, dtype="string"),
        }
    )
    return rows, rng.standard_normal((30, 7)).astype(np.float32)


def test_the_nearest_are_those_of_a_loop_over_all_others(objects):
    rows, vectors = objects
    table = find_nearest(rows, vectors, [4, 20], "euclidean", n=5)
    for anchor in (4, 20):
        elsewhere = rows.index[rows["image_id"] != rows["image_id"][anchor]]
        expected = sorted((float(np.linalg.norm(vectors[anchor] - vectors[other])), other) for other in elsewhere)[:5]
        found = table[table["instance_a"] == f"o{anchor}"]
        assert found["instance_b"].tolist() == [f"o{other}" for _, other in expected]
        assert found["distance"].tolist() == pytest.approx([distance for distance, _ in expected], abs=1e-5)
        assert found["class_b"].tolist() == rows["class_name"][[other for _, other in expected]].tolist()
        assert found["rank"].tolist() == [1, 2, 3, 4, 5]


def test_objects_of_the_same_video_are_no_neighbours(objects):
    rows, vectors = objects
    rows = rows.assign(video=pd.array(["a"] * 27 + ["b"] * 3, dtype="string"))
    table = find_nearest(rows, vectors, [0], "cosine")
    assert set(table["instance_b"]) == {"o27", "o28", "o29"}


def test_of_equally_near_ones_the_first_comes_first(objects):
    rows, _ = objects
    table = find_nearest(rows, np.ones((30, 2), np.float32), [0], "euclidean", n=3)
    assert table["instance_b"].tolist() == ["o3", "o4", "o5"]


@pytest.mark.parametrize(("count", "anchors"), [(3, [0]), (30, [])])
def test_where_there_is_nothing_to_find_the_table_is_empty(objects, count, anchors):
    rows, vectors = objects
    table = find_nearest(rows[:count], vectors[:count], anchors, "cosine")
    assert table.empty
    assert "instance_b" in table


def surprise_slowly(rows, vectors, *, one_class, farthest, n):
    """All pairs between images, sorted; then each whose objects are still free."""
    pairs = sorted(
        (np.linalg.norm(vectors[i] - vectors[j]), i, j)
        for i, j in combinations(range(len(rows)), 2)
        if rows["image_id"][i] != rows["image_id"][j] and (rows["class_name"][i] == rows["class_name"][j]) == one_class
    )
    taken, found = set(), []
    for _, i, j in reversed(pairs) if farthest else pairs:
        if not taken & {i, j} and len(found) < n:
            taken |= {i, j}
            found.append((f"o{i}", f"o{j}"))
    return found


def test_surprising_pairs_are_those_of_a_sorted_list_of_all(objects):
    rows, vectors = objects
    vectors = np.concatenate([vectors[:-1], 9 * vectors[-1:]])  # an outlier, which is every object's farthest
    table = find_surprising_pairs(rows, vectors, "euclidean", n=7)
    for kind, (one_class, farthest) in SURPRISING.items():
        found = table[table["kind"] == kind]
        expected = surprise_slowly(rows, vectors, one_class=one_class, farthest=farthest, n=7)
        assert list(zip(found["instance_a"], found["instance_b"], strict=True)) == expected
        assert found["rank"].tolist() == [*range(1, 8)]
        assert (found["class_a"] == found["class_b"]).unique().tolist() == [one_class]
        assert found["distance"].is_monotonic_increasing is not farthest


def test_there_are_no_more_pairs_than_objects_allow(objects):
    rows, vectors = objects
    table = find_surprising_pairs(rows[:5], vectors[:5], "cosine", n=7)  # two images, of three and of two objects
    assert table["kind"].value_counts().to_dict() == {"different classes, nearest": 2, "same class, farthest": 2}
    assert find_surprising_pairs(rows[:3], vectors[:3], "cosine").empty
