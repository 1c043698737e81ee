"""Tables of agreement: which objects, their intervals, and what stands in a row."""

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
from prototype_shards import write_shard
from scipy import stats

from semlens.statistics.agreement import table as tables
from semlens.statistics.agreement.measure import MEASURES, Representations, measure_agreement
from semlens.statistics.agreement.table import write_agreement
from semlens.statistics.jackknife import deal_units
from semlens.storage.csv_tables import read_csv


def list_images(numbers, objects=3):
    return [(f"image{number}", None, None, [("cow", None)] * objects) for number in numbers]


def represent(experiment, model, layers, extraction="plain", **options):
    condition = {"name": layers, "layers": layers, "view": "identity", "timestep": 0, "metric": "euclidean"}
    names = {"experiment": experiment, "model": model, "extractions": [extraction], "axis": "layers"}
    return condition | names | options


REPRESENTATIONS = [
    represent("where", "small", "enc16.1"),
    represent("where", "small", "64+16"),
    represent("blocks", "large", "enc16.1", "others"),
]


@pytest.fixture
def write(tmp_path):
    """Write the agreement of shards: images by extraction and model, a list per shard. Return table and objects."""

    def write(shards, representations=REPRESENTATIONS, neighbours=4):
        paths = []
        for seed, ((extraction, model), parts) in enumerate(shards.items()):
            folder = tmp_path / "prototypes" / extraction / model / "coco"
            folder.mkdir(parents=True, exist_ok=True)
            for number, images in enumerate(parts):
                paths.append(write_shard(folder / f"{number:05d}.parquet", images, seed=10 * seed + number))
        out = {"out": tmp_path / "coco.csv", "out_objects": tmp_path / "coco.objects.csv"}
        write_agreement(
            prototypes=paths, representations=representations, neighbours=neighbours, seed=0, device="cpu", **out
        )
        return read_csv(out["out"]), read_csv(out["out_objects"])

    return write


def both(first, second):
    return {("plain", "small"): first, ("others", "large"): second}


def test_each_pair_has_every_measure_once(write):
    table, _ = write(both([list_images(range(6))], [list_images(range(6))]))
    names = [f"{side}_{end}" for end in "ab" for side in ("experiment", "model", "condition")]
    pairs = table[names].drop_duplicates().apply(tuple, axis=1).tolist()
    first, second, third = (tuple(entry[key] for key in ("experiment", "model", "name")) for entry in REPRESENTATIONS)
    assert pairs == [(*first, *second), (*first, *third), (*second, *third)]
    assert table["measure"].tolist() == [*MEASURES] * 3
    assert set(table["k"]) == {4} and set(table["n_objects"]) == {18} and set(table["n_units"]) == {6}


def test_objects_are_those_of_all_representations_in_the_order_of_the_first(write):
    first = [list_images([0, 1, 2]), list_images([3, 4])]
    second = [list_images([9, 4]), list_images([2, 1, 7])]
    _, objects = write(both(first, second))
    assert objects["instance_id"].tolist() == [f"image{image}/{number}" for image in (1, 2, 4) for number in (1, 2, 3)]
    assert objects["unit"].tolist() == [f"image{image}" for image in (1, 2, 4) for _ in range(3)]


def test_prototypes_of_one_object_stand_together_whatever_the_order_of_rows_and_shards(tmp_path):
    """The same vectors, in shards that have other rows in another order: a representation agrees with itself."""
    folders = [tmp_path / "prototypes" / "plain" / model / "coco" for model in ("small", "twin")]
    for folder in folders:
        folder.mkdir(parents=True)
    paths = [write_shard(folders[0] / "00000.parquet", list_images(range(8)), seed=0)]
    rows = parquet.read_table(paths[0])
    for number, part in enumerate(np.array_split(np.random.default_rng(1).permutation(len(rows)), 3)):
        paths.append(folders[1] / f"{number:05d}.parquet")
        parquet.write_table(rows.take(part), paths[-1])
    same = [represent("where", "small", "enc16.1"), represent("where", "twin", "enc16.1")]
    out = {"out": tmp_path / "coco.csv", "out_objects": tmp_path / "coco.objects.csv"}
    write_agreement(prototypes=paths, representations=same, neighbours=4, seed=0, device="cpu", **out)
    values = read_csv(out["out"]).set_index("measure")["value"]
    assert values["mutual_knn"] == 1
    np.testing.assert_allclose(values[["cka", "cka_debiased", "rsa"]], 1, rtol=1e-6)


def test_of_many_objects_whole_images_are_taken(write, monkeypatch):
    monkeypatch.setattr(tables, "MAX_OBJECTS", 13)
    table, objects = write(both([list_images(range(20))], [list_images(range(20))]))
    assert objects["unit"].value_counts().tolist() == [3] * 4
    assert set(table["n_objects"]) == {12}


def test_no_object_in_all_is_an_error_that_names_them(write):
    with pytest.raises(ValueError, match=r"no object is in all .*where, small, enc16\.1.*take experiments of the same"):
        write(both([list_images([0, 1])], [list_images([2, 3])]))


def test_few_images_have_values_without_intervals(write):
    table, _ = write(both([list_images(range(4))], [list_images(range(4))]))
    assert table["value"].notna().all() and table[["se", "low", "high"]].isna().all(axis=None)


def test_values_do_not_depend_on_what_else_is_compared(write):
    images = both([list_images(range(9))], [list_images(range(9))])
    alone, _ = write(images, [REPRESENTATIONS[0], REPRESENTATIONS[2]])
    among, _ = write(images)
    columns = ["value", "se", "low", "high", "chance"]
    chosen = among[(among["condition_a"] == "enc16.1") & (among["model_b"] == "large")]
    pd.testing.assert_frame_equal(chosen[columns].reset_index(drop=True), alone[columns], rtol=1e-9)


def make(units, shared=1.0, seed=0):
    """Two representations that share what an image and an object are."""
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((units.max() + 1, 3))[units]
    common = shared * (images + rng.standard_normal((len(units), 3)))
    return [(common @ rng.standard_normal((3, 8)) + rng.standard_normal((len(units), 8))) for _ in range(2)]


def test_intervals_are_those_of_a_jackknife_of_groups():
    units = np.repeat(np.arange(70), 2)
    groups, vectors = deal_units(units, seed=0), make(units)
    found = measure_agreement(vectors, ["euclidean"] * 2, groups, 5).set_index("measure")
    left = [
        {
            name: square[0, 1]
            for name, square in Representations(
                [x[groups != group] for x in vectors], ["euclidean"] * 2, np.sum(groups != group), 5, 0
            )
            .measure(np.ones(np.sum(groups != group), bool))
            .items()
        }
        for group in range(50)
    ]
    for name in MEASURES:
        values = np.array([one[name] for one in left])
        se = np.sqrt(49 / 50 * np.sum((values - values.mean()) ** 2))
        # Ranks are those among all objects: nearly, but not quite, as without the group.
        assert found.loc[name, "se"] == pytest.approx(se, rel=0.05 if name == "rsa" else 1e-6)
        reach = stats.t.ppf(0.975, 49) * found.loc[name, "se"]
        assert found.loc[name, "low"] == pytest.approx(found.loc[name, "value"] - reach)


def test_no_interval_leaves_the_range_of_its_measure():
    units = np.arange(12)
    x, y = make(units, shared=0.1)
    found = measure_agreement([x, x + 1e-3 * y, y], ["euclidean"] * 3, units, 3)
    bounded = found[found["measure"] != "cknna"]
    assert (bounded["high"] <= 1).all() and (bounded["low"] >= -1).all()
    assert (bounded.loc[bounded["measure"].isin(["cka", "mutual_knn"]), "low"] >= 0).all()


@pytest.mark.parametrize("value", [1.0, 0.0])
def test_a_constant_representation_has_empty_values_and_no_chance(value):
    units = np.arange(20)
    x, y = make(units)
    found = measure_agreement([x, np.full_like(y, value)], ["euclidean"] * 2, units, 3)
    assert found[["value", "se", "low", "high", "chance"]].isna().all(axis=None)


def test_standard_errors_are_not_below_what_samples_differ_by():
    """Two given ways to see objects, and samples of 60 images; docs/statistics.md says how far they are."""
    units, runs = np.repeat(np.arange(60), 2), 40
    ways = np.random.default_rng(0).standard_normal((2, 3, 8))

    def draw(seed):
        rng = np.random.default_rng(seed)
        common = rng.standard_normal((60, 3))[units] + rng.standard_normal((120, 3))
        return [common @ way + rng.standard_normal((120, 8)) for way in ways]

    found = [measure_agreement(draw(seed), ["euclidean"] * 2, deal_units(units, seed), 5) for seed in range(1, runs)]
    values, errors = (np.array([one[name] for one in found]) for name in ("value", "se"))
    ratios = dict(zip(MEASURES, errors.mean(axis=0) / values.std(axis=0, ddof=1), strict=True))
    assert all(0.7 < ratio < 2.1 for ratio in ratios.values()), ratios
