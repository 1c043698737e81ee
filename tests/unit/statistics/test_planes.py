"""Planes: every layer set and timestep that is asked for, and the neighbours of each object."""

import numpy as np
import pytest
from prototype_shards import write_shard

from semlens.compare.nearest import find_nearest
from semlens.compare.prototypes import load_prototypes, open_prototypes
from semlens.statistics import planes
from semlens.statistics.planes import project_objects
from semlens.storage.planes import NEIGHBOURS, PLANES
from semlens.storage.table_reader import read_table

ASKED = [
    {"layers": "enc16.1", "timestep": 0, "metric": "cosine"},
    {"layers": "64+16", "timestep": 50, "metric": "euclidean"},
]


@pytest.fixture
def prototypes(tmp_path):
    images = [(f"i{number}", None, None, [("cow", None), ("bus", None)]) for number in range(6)]
    passes = (("identity", 0), ("identity", 50), ("hflip", 0))
    return [
        write_shard(tmp_path / "0.parquet", images[:4], seed=0, passes=passes),
        write_shard(tmp_path / "1.parquet", images[4:], seed=1, passes=passes),
    ]


def project(prototypes, out):
    project_objects(prototypes=prototypes, planes=ASKED, seed=0, device="cpu", out=out)
    return read_table(out)


def test_a_plane_has_every_object_once(prototypes, tmp_path):
    table = project(prototypes, tmp_path / "planes.parquet")
    counts = table.groupby(["layers", "timestep", "metric"], sort=False)["instance_id"].agg(["size", "nunique"])
    assert counts.to_dict("index") == {tuple(plane.values()): {"size": 12, "nunique": 12} for plane in ASKED}


def test_neighbours_are_those_that_one_object_after_another_has(prototypes, tmp_path):
    table = project(prototypes, tmp_path / "planes.parquet")
    for plane in ASKED:
        condition = {**plane, "name": "asked", "view": "identity"}
        rows, vectors = load_prototypes(open_prototypes(prototypes), condition)
        expected = find_nearest(rows, vectors, range(12), plane["metric"], n=len(NEIGHBOURS))
        found = table[table["layers"] == plane["layers"]].set_index("instance_id")[NEIGHBOURS]
        for name, nearest in expected.groupby("instance_a"):
            assert found.loc[name].tolist() == nearest["instance_b"].tolist()


def test_where_few_are_elsewhere_neighbours_are_missing(tmp_path):
    images = [("a", None, None, [("cow", None), ("bus", None)]), ("b", None, None, [("cow", None)])]
    shard = write_shard(tmp_path / "0.parquet", images, seed=0)
    project_objects(prototypes=[shard], planes=ASKED[:1], seed=0, device="cpu", out=tmp_path / "planes.parquet")
    table = read_table(tmp_path / "planes.parquet").set_index("instance_id")[NEIGHBOURS]
    assert table.notna().sum(axis=1).to_dict() == {"a/1": 1, "a/2": 1, "b/1": 2}


def test_of_many_objects_the_same_are_drawn_everywhere(prototypes, tmp_path, monkeypatch):
    monkeypatch.setattr(planes, "MAX_OBJECTS", 5)
    table = project(prototypes, tmp_path / "planes.parquet")
    drawn = [set(plane["instance_id"]) for _, plane in table.groupby("layers")]
    assert len(drawn[0]) == 5 and drawn[0] == drawn[1]
    assert set(np.ravel(table[NEIGHBOURS].dropna())) <= drawn[0]


def test_every_column_is_described():
    assert all(column.description for column in PLANES.columns.values())
