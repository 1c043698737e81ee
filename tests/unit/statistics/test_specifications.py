"""What a specification gives is what an experiment with the same settings does."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
from prototype_shards import write_shard

from semlens.compare.distances import compare_prototypes
from semlens.statistics.compute import STATISTICS, compute_statistics
from semlens.statistics.measure import Options
from semlens.statistics.specifications import measure_specifications

CLASSES = ("dog", "cat", "owl")
IMAGES = [
    (f"image {number}", None, None, [(CLASSES[(number + place) % 3], None) for place in (0, 1, 3, 4)[: 1 + number % 4]])
    for number in range(24)
]
SETS = ["scsi", "scdi", "dcsi", "dcdi"]
OF_VIEWS = ["sidi", "scsi", "dcsi"]
PLAIN = {"view": "identity", "timestep": 0, "layers": "enc16.1", "metric": "correlation", "offset": None}
OPTIONS = Options(average="classes", permutations=49, max_objects=10_000, seed=0, device="cpu")


def write_objects(path, images, small=()):
    """A manifest, as far as specifications read it; small objects cover 0.5 % of their image, others 5 %."""
    rows = pd.DataFrame(
        {"image_id": image, "video": None, "instance_id": f"{image}/{n}", "class_name": name, "identity": None}
        for image, *_, objects in images
        for n, (name, _) in enumerate(objects, start=1)
    ).astype({"video": "string", "identity": "string"})
    shape = {"bbox_x": 1.0, "bbox_y": 1.0, "bbox_w": 5.0, "bbox_h": 5.0, "width": 100, "height": 50}
    area = np.where(rows["instance_id"].isin(list(small)), 0.005, 0.05)
    rows.assign(area_fraction=area, **shape).to_parquet(path, index=False)
    return path


def specify(**changes):
    settings = {**PLAIN, "average": "classes", "dunn": "table1", "by_area": False} | changes
    return settings | {"name": ", ".join(f"{key}={value}" for key, value in changes.items()) or "base"}


def measure(folder, shards, manifest, specifications, order=SETS, options=OPTIONS):
    """Estimates by specification and quantity; influences; permutations."""
    out = {name: folder / f"{name}.{kind}" for name, kind in (
        ("estimates", "csv"), ("influence", "parquet"), ("permuted", "parquet")
    )}  # fmt: skip
    measure_specifications(
        prototypes=shards,
        manifests=[manifest],
        specifications=specifications,
        expected_order=order,
        min_area=0.01,
        max_pairs=100_000,
        options=options,
        **{f"out_{name}": path for name, path in out.items()},
    )
    estimates = pd.read_csv(out["estimates"]).set_index(["specification", "quantity"])
    return estimates, pd.read_parquet(out["influence"]), pd.read_parquet(out["permuted"])


def ask(folder, shards, manifest, condition, order=SETS, average="classes"):
    """The tables of an experiment with one condition."""
    common = {"prototypes": shards, "conditions": [condition | {"name": "x"}], "sets": order, "reference": "all"}
    files = {name: folder / f"{name}.parquet" for name in ("distances", "unit_totals")}
    outputs = {f"out_{name}": path for name, path in files.items()}
    compare_prototypes(**common, max_pairs=100_000, seed=0, device="cpu", **outputs)
    out = {name: str(folder / f"{name}.csv") for name in STATISTICS}
    options = Options(**{**OPTIONS.__dict__, "average": average})
    influence = folder / "of_experiment.parquet"
    compute_statistics(
        **common, **files, manifests=[manifest], expected_order=order, options=options, out=out, out_influence=influence
    )
    return {name: pd.read_csv(path) for name, path in out.items()} | {"influence": pd.read_parquet(influence)}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    passes = [("identity", 0), ("hflip", 0)]
    return [
        write_shard(folder / f"{place}.parquet", images, seed=place, passes=passes)
        for place, images in enumerate((IMAGES[:12], IMAGES[12:]))
    ]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return write_objects(tmp_path_factory.mktemp("manifest") / "0.parquet", IMAGES)


CASES = {
    "as they are": {},
    "another metric": {"metric": "euclidean"},
    "other layers": {"layers": "64+16"},
    "over objects": {"average": "objects"},
    "a metric over objects": {"metric": "cosine", "average": "objects", "dunn": "eq10"},
}


@pytest.mark.parametrize("case", CASES)
def test_a_specification_is_an_experiment_of_one_condition(shards, manifest, tmp_path, case):
    one, other = specify(**CASES[case]), specify(metric="cityblock")  # another beside it changes nothing
    estimates, influence, permuted = measure(tmp_path, shards, manifest, [other, one])
    condition = {key: one[key] for key in PLAIN}
    expected = ask(tmp_path, shards, manifest, condition, average=one["average"])
    found = estimates.loc[one["name"]]
    separation = expected["separation"].set_index("comparison")
    for comparison in ("between", "inside"):
        assert found.loc[comparison, "value"] == separation.loc[comparison, "separation"]
        assert found.loc[comparison, "n_units"] == separation.loc[comparison, "n_units"]
        own = influence.query("specification == @one['name'] and quantity == @comparison").set_index("unit")
        stored = expected["influence"].query("comparison == @comparison").set_index("unit")["influence"]
        pd.testing.assert_series_equal(own["influence"][stored.index], stored, check_exact=True)
    null = permuted.query("specification == @one['name']").sort_values("permutation")["separation"].to_numpy()
    p = (1 + np.count_nonzero(null >= separation.loc["between", "separation"] - 1e-6)) / 50
    assert len(null) == 49 and p == separation.loc["between", "p"]
    means = expected["sets"].set_index("set")["mean"]
    for a, b in pairwise(SETS):
        assert found.loc[f"{a} < {b}", "value"] == pytest.approx(means[b] - means[a], rel=1e-9)
    assert found.loc["mean dcdi", "value"] == pytest.approx(means["dcdi"], rel=1e-12)
    (pair,) = expected["tests"].query("set_a == 'scsi' and set_b == 'dcdi'").itertuples()
    assert found.loc["dunn scsi, dcdi", "value"] == pytest.approx(getattr(pair, f"dunn_{one['dunn']}"), rel=1e-12)
    assert (found["n_objects"] == 60).all()


@pytest.mark.parametrize("across", [False, True])
def test_a_view_is_compared_as_an_experiment_does(shards, manifest, tmp_path, across):
    changes = {"view": "hflip"} | ({"across": True} if across else {})
    estimates, _, permuted = measure(tmp_path, shards, manifest, [specify(**changes)], OF_VIEWS)
    expected = ask(tmp_path, shards, manifest, PLAIN | changes, OF_VIEWS)
    found, means = estimates.droplevel("specification"), expected["sets"].set_index("set")["mean"]
    assert found.loc["identity", "value"] == expected["separation"]["separation"].item()
    for a, b in pairwise(OF_VIEWS):
        assert found.loc[f"{a} < {b}", "value"] == pytest.approx(means[b] - means[a], rel=1e-9)
    assert "between" not in found.index and permuted.empty


SMALL = [f"image {number}/1" for number in range(0, 24, 5)]


def test_small_objects_are_left_out_as_if_they_had_not_been_read(shards, tmp_path):
    manifest = write_objects(tmp_path / "manifest.parquet", IMAGES, SMALL)
    chosen, every = specify(by_area=True), specify()
    estimates, _, _ = measure(tmp_path, shards, manifest, [chosen, every])
    kept = []
    for place, path in enumerate(shards):
        table = pd.read_parquet(path)
        read = parquet.read_table(path)
        kept.append(tmp_path / f"kept-{place}.parquet")
        parquet.write_table(read.filter(~table["instance_id"].isin(SMALL).to_numpy()), kept[-1])
    expected = ask(tmp_path, kept, manifest, PLAIN)
    separation = expected["separation"].set_index("comparison")["separation"]
    assert estimates.loc[(chosen["name"], "between"), "value"] == separation["between"]
    assert estimates.loc[(chosen["name"], "between"), "n_objects"] == 55
    assert estimates.loc[(every["name"], "between"), "n_objects"] == 60


def test_permutations_are_the_same_whichever_objects_are_compared(shards, tmp_path):
    """Where the objects that are left out belong to no class that counts, nothing that is permuted differs much."""
    manifest = write_objects(tmp_path / "manifest.parquet", IMAGES, SMALL)
    _, _, permuted = measure(tmp_path, shards, manifest, [specify(by_area=True), specify(), specify(metric="cosine")])
    table = permuted.pivot(index="permutation", columns="specification", values="separation")
    correlations = np.corrcoef(table.to_numpy().T)
    assert table.shape == (49, 3) and correlations.min() > 0.5


def test_an_empty_set_leaves_its_gaps_without_a_value(tmp_path):
    images = [(f"image {number}", None, None, [(CLASSES[number % 3], None)]) for number in range(24)]
    shard = write_shard(tmp_path / "0.parquet", images, seed=0)
    manifest = write_objects(tmp_path / "manifest.parquet", images)
    estimates, _, _ = measure(tmp_path, [shard], manifest, [specify(), specify(dunn="eq10")])
    found = estimates["value"].unstack("quantity").loc["base"]
    assert found[["scsi < scdi", "scdi < dcsi", "dcsi < dcdi", "dunn scsi, dcdi"]].isna().all()
    assert found[["between", "mean dcdi"]].notna().all()


def test_of_too_many_objects_whole_images_stand_for_all(shards, manifest, tmp_path):
    options = Options(**{**OPTIONS.__dict__, "max_objects": 30})
    estimates, influence, _ = measure(tmp_path, shards, manifest, [specify(), specify(metric="cosine")], SETS, options)
    assert estimates["n_objects"].nunique() == 1 and estimates["n_objects"].max() <= 30
    assert influence.groupby("specification")["unit"].unique().map(frozenset).nunique() == 1
