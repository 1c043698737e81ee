"""The nearest objects of other images."""

import numpy as np
import pandas as pd
import pytest

from semlens.compare.nearest import find_nearest


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
