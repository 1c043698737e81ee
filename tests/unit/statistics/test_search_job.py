"""The search as a job: shards of prototypes to tables."""

import numpy as np
import prototype_shards
import pytest
from prototype_shards import write_shard

from semlens.compare.prototypes import open_prototypes
from semlens.statistics import search_job
from semlens.statistics.search import Options
from semlens.statistics.search_job import load_products, search_layers, sort_layers
from semlens.storage.csv_tables import read_csv

COLUMNS = {
    "64": ["enc64.1@64", "dec64.1@64"],
    "enc16.1": ["enc16.1@16"],
    "mid8": ["mid8@8"],
    "enc16.1+mid8": ["enc16.1@16", "mid8@8"],
}
OPTIONS = Options(average="classes", beam=2, seed=0, n_exact=2)


def list_images(start, count, video=None):
    return [
        (f"i{number}", video, number, [(name, None) for name in ("dog", "cat", "dog")[: 1 + number % 3]])
        for number in range(start, start + count)
    ]


@pytest.fixture
def shards(tmp_path, monkeypatch):
    dimensions = {"enc64.1@64": 3, "dec64.1@64": 3, "enc16.1@16": 6, "mid8@8": 5}
    monkeypatch.setattr(prototype_shards, "DIMENSIONS", dimensions)
    passes = [("identity", 0), ("identity", 50), ("hflip", 0)]
    return [
        write_shard(
            tmp_path / f"{shard}.parquet", list_images(20 * shard, 20), seed=shard, passes=passes, columns=COLUMNS
        )
        for shard in range(2)
    ]


def run(shards, tmp_path, layers, metrics=("cosine",)):
    tables = tmp_path / "table.csv", tmp_path / "summary.csv"
    search_layers(
        prototypes=shards,
        layers=layers,
        timestep=50,
        metrics=metrics,
        options=OPTIONS,
        out=tables[0],
        out_summary=tables[1],
    )
    return [read_csv(table) for table in tables]


def test_all_subsets_are_told_for_every_metric_with_layers_in_forward_order(shards, tmp_path):
    table, summary = run(shards, tmp_path, ["mid8", "64", "enc16.1"], ["cosine", "euclidean"])
    names = {"64", "enc16.1", "mid8", "64+enc16.1", "64+mid8", "enc16.1+mid8", "64+enc16.1+mid8"}
    for _, of_metric in table.groupby("metric"):
        assert set(of_metric["layers"]) == names
        assert of_metric.set_index("layers").loc["64+mid8", "n_channels"] == 11
    assert list(summary["metric"].unique()) == ["cosine", "euclidean"]
    assert (summary["n_objects"] == summary["n_all"]).all()


def test_the_same_search_gives_the_same_files(shards, tmp_path):
    first = [table.to_csv() for table in run(shards, tmp_path, ["mid8", "64"])]
    assert first == [table.to_csv() for table in run(shards, tmp_path, ["64", "mid8"])]


def test_products_are_those_of_the_originals_at_the_timestep(shards):
    opened = open_prototypes(shards)
    rows, n_all, products = load_products(opened, ["64", "mid8"], 50, seed=0)
    assert set(rows["view"]) == {"identity"} and set(rows["timestep"]) == {50}
    assert len(products) == len(rows) == n_all
    assert products.widths.tolist() == [6, 5]


def test_of_too_many_objects_whole_images_take_part(shards, monkeypatch):
    monkeypatch.setattr(search_job, "MAX_OBJECTS", 30)
    rows, n_all, products = load_products(open_prototypes(shards), ["64", "mid8"], 0, seed=0)
    assert 25 < len(rows) == len(products) <= 30 < n_all
    everyone = load_products(open_prototypes(shards), ["64"], 50, seed=0)[0]
    monkeypatch.undo()
    whole = load_products(open_prototypes(shards), ["64"], 0, seed=0)[0].groupby("image_id").size()
    assert (rows.groupby("image_id").size() == whole.loc[rows["image_id"].unique()].sort_index()).all()
    assert list(everyone["instance_id"]) == list(rows["instance_id"])


def test_of_more_layers_fewer_objects_take_part_so_that_memory_does_not_grow(shards, monkeypatch):
    monkeypatch.setattr(search_job, "_MAX_BYTES", 2 * 40**2 * 8)
    counts = [
        len(load_products(open_prototypes(shards), names, 0, seed=0)[0])
        for names in (["64"], ["64", "mid8"], ["64", "mid8", "enc16.1"])
    ]
    assert counts[0] > 40 >= counts[1] > counts[2] > 25
    assert np.prod([3, *[counts[2]] * 2]) * 8 <= search_job._MAX_BYTES


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (["enc16.1+mid8", "mid8"], "layers 'enc16.1.mid8' and 'mid8' of a search share layer 'mid8'"),
        (["64", "enc32.1"], "no prototypes of layers 'enc32.1'; there are 64, enc16.1, mid8"),
    ],
)
def test_layers_that_cannot_be_joined_are_named(shards, layers, words):
    with pytest.raises(ValueError, match=words):
        sort_layers(open_prototypes(shards), layers)


def test_a_timestep_that_is_not_there_is_named(shards, tmp_path):
    with pytest.raises(ValueError, match="at t = 7"):
        load_products(open_prototypes(shards), ["64"], 7, seed=0)
