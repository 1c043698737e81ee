"""Shards of prototypes, read by condition."""

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
from prototype_shards import COLUMNS, write_shard

from semlens.compare.prototypes import load_prototypes, open_prototypes

IMAGES = [
    [("a", None, None, [("cat", None), ("dog", None)]), ("b", None, None, [("cat", None)])],
    [("c", None, None, [("dog", None)])],
]
CONDITION = {"name": "second", "view": "identity", "timestep": 0, "layers": "64+16"}


@pytest.fixture
def paths(tmp_path):
    passes = [("hflip", 0), ("identity", 0), ("identity", 50)]
    return [
        write_shard(tmp_path / f"{seed}.parquet", images, seed=seed, passes=passes)
        for seed, images in enumerate(IMAGES)
    ]


def read(paths, layer_set, *, view="identity", timestep=0):
    rows = pd.concat([parquet.read_table(path).to_pandas() for path in paths], ignore_index=True)
    rows = rows[(rows["view"] == view) & (rows["timestep"] == timestep)]
    return rows, np.hstack([np.stack(rows[column]) for column in COLUMNS[layer_set]])


@pytest.mark.parametrize("changes", [{}, {"view": "hflip"}, {"timestep": 50}])
@pytest.mark.parametrize("layer_set", COLUMNS)
def test_a_condition_has_its_rows_and_vectors(paths, layer_set, changes):
    rows, vectors = load_prototypes(open_prototypes(paths), {**CONDITION, "layers": layer_set, **changes})
    expected_rows, expected = read(paths, layer_set, **changes)
    assert rows["instance_id"].to_list() == expected_rows["instance_id"].to_list() == ["a/1", "a/2", "b/1", "c/1"]
    assert rows.index.to_list() == expected_rows.index.to_list()
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, expected)


def test_some_rows_are_chosen(paths):
    rows, vectors = load_prototypes(open_prototypes(paths), CONDITION, lambda rows: np.array([1, 3]))
    assert rows["instance_id"].to_list() == ["a/2", "c/1"]
    np.testing.assert_array_equal(vectors, read(paths, "64+16")[1][[1, 3]])


def test_an_extraction_without_the_layers_is_passed_over(tmp_path):
    other = write_shard(tmp_path / "one.parquet", IMAGES[0], seed=0, columns={"enc16.1": COLUMNS["enc16.1"]})
    path = write_shard(tmp_path / "two.parquet", IMAGES[0], seed=1, columns={"64+16": COLUMNS["64+16"]})
    _, vectors = load_prototypes(open_prototypes([other, path]), CONDITION)
    np.testing.assert_array_equal(vectors, read([path], "64+16")[1])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"view": "rot90"}, "layers '64+16' of view 'rot90' at t = 0"),
        ({"timestep": 999}, "layers '64+16' of view 'identity' at t = 999"),
        ({"layers": "mid8"}, "layers 'mid8' of view 'identity' at t = 0"),
    ],
)
def test_what_no_extraction_holds_is_named(paths, changes, words):
    with pytest.raises(ValueError) as error:
        load_prototypes(open_prototypes(paths), {**CONDITION, **changes})
    assert str(error.value) == f"condition 'second': no extraction of the experiment holds {words}"


def test_two_extractions_of_the_same_instances_are_refused(tmp_path):
    paths = [write_shard(tmp_path / f"{seed}.parquet", IMAGES[0], seed=seed) for seed in range(2)]
    with pytest.raises(ValueError, match="condition 'second': several extractions hold the same instances"):
        load_prototypes(open_prototypes(paths), CONDITION)
