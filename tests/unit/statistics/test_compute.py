"""From shards of prototypes to every table of an experiment's statistics."""

import numpy as np
import pandas as pd
import pytest
from prototype_shards import write_manifest, write_shard
from scipy import stats

from semlens.compare.distances import compare_prototypes
from semlens.compare.pairs import get_units
from semlens.statistics.compute import STATISTICS, compute_statistics, read_samples
from semlens.statistics.intervals import compute_se, widen_extremes
from semlens.statistics.measure import Options, sample_units
from semlens.statistics.permutation import adjust_p
from semlens.statistics.separation_tables import INFLUENCE

CLASSES = ("dog", "cat", "owl")
IMAGES = [
    (f"image {number}", None, None, [(CLASSES[(number + place) % 3], None) for place in range(1 + number % 3)])
    for number in range(24)
]
VIDEOS = [
    (f"{video}/{frame}", video, frame, [("dog", f"{number}") for number in range(3)])
    for video in "abcdef"
    for frame in range(4)
]
PLAIN = {"view": "identity", "timestep": 0, "layers": "enc16.1", "metric": "correlation", "offset": None}
SETS = ["scsi", "scdi", "dcsi", "dcdi"]
OPTIONS = Options(average="classes", permutations=19, max_objects=10_000, seed=0, device="cpu")


def compute(
    folder, shards, conditions, *, images=IMAGES, sets=SETS, expected_order=SETS, options=OPTIONS, max_pairs=10_000
):
    """All tables by name, with ``influence``."""
    common = {"prototypes": shards, "conditions": conditions, "sets": sets, "reference": "all"}
    files = {name: folder / f"{name}.parquet" for name in ("distances", "unit_totals")}
    outputs = {f"out_{name}": path for name, path in files.items()}
    compare_prototypes(**common, max_pairs=max_pairs, seed=0, device="cpu", **outputs)
    out = {name: str(folder / f"{name}.csv") for name in STATISTICS}
    influence, manifest = folder / "influence.parquet", write_manifest(folder / "manifest.parquet", images)
    compute_statistics(
        **common,
        **files,
        manifests=[manifest],
        expected_order=expected_order,
        options=options,
        out=out,
        out_influence=influence,
    )
    text = dict.fromkeys(("condition", "condition_a", "condition_b"), str)
    tables = {name: pd.read_csv(path, dtype=text) for name, path in out.items()}
    return tables | {"influence": pd.read_parquet(influence)}


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("computed")
    shards = [
        write_shard(folder / "0.parquet", IMAGES[:12], seed=0),
        write_shard(folder / "1.parquet", IMAGES[12:], seed=1),
    ]
    conditions = [{**PLAIN, "name": "16"}, {**PLAIN, "name": "64+16", "layers": "64+16"}]
    return compute(folder, shards, conditions)


FEW = {
    "one object": [("a", None, None, [("dog", None)])],
    "one object per image": [(name, None, None, [("dog", None)]) for name in "ab"],
    "one image": [("a", None, None, [("dog", None), ("cat", None), ("dog", None)])],
    "one class": [(name, None, None, [("dog", None)] * 2) for name in "abc"],
    "a class per image": [("a", None, None, [("dog", None)] * 2), ("b", None, None, [("cat", None)] * 2)],
}


@pytest.mark.parametrize("images", FEW.values(), ids=FEW)
def test_too_few_objects_give_empty_values_and_no_error(images, tmp_path):
    shard = write_shard(tmp_path / "0.parquet", images, seed=0)
    tables = compute(tmp_path, [shard], [{**PLAIN, "name": "16"}], images=images)
    separation = tables["separation"].set_index("comparison")
    assert separation.index.tolist() == ["between", "inside"]
    assert (separation["separation"].notna() == (separation["n_objects"] > 0)).all()
    assert tables["order"]["verdict"].tolist() == ["empty"]
    assert tables["sets"]["n"].sum() == len(pd.read_parquet(tmp_path / "distances.parquet"))


@pytest.mark.parametrize("images", FEW.values(), ids=FEW)
def test_too_few_objects_under_a_view_give_empty_values(images, tmp_path):
    shard = write_shard(tmp_path / "0.parquet", images, seed=0, passes=[("identity", 0), ("hflip", 0)])
    tables = compute(
        tmp_path,
        [shard],
        [{**PLAIN, "view": "hflip", "name": "x"}],
        images=images,
        sets=["sidi", "scdi"],
        expected_order=["sidi", "scdi"],
    )
    assert tables["separation"]["comparison"].tolist() == ["identity"]


@pytest.mark.parametrize("frames", [VIDEOS[:1], VIDEOS[:2], VIDEOS[:5]], ids=["a frame", "two frames", "two videos"])
def test_too_few_frames_give_empty_values(frames, tmp_path):
    shard = write_shard(tmp_path / "0.parquet", frames, seed=0)
    tables = compute(
        tmp_path,
        [shard],
        [{**PLAIN, "offset": 2, "name": "2"}],
        images=frames,
        sets=["sidi", "scdi"],
        expected_order=["sidi", "scdi"],
    )
    assert tables["separation"]["comparison"].tolist() == ["identity"]


def test_every_table_has_every_condition(computed):
    for name in ("sets", "tests", "order", "separation", "class_separation", "artefacts", "influence"):
        assert computed[name]["condition"].unique().tolist() == ["16", "64+16"], name
    contrasts = computed["contrasts"]
    assert contrasts[["condition_a", "condition_b"]].drop_duplicates().to_numpy().tolist() == [["16", "64+16"]]


def test_separation_is_measured_between_and_inside_images(computed):
    table = computed["separation"].set_index(["condition", "comparison"])
    assert table.index.tolist() == [(name, kind) for kind in ("between", "inside") for name in ("16", "64+16")]
    assert (table["n_all"] == 48).all() and (table.loc[("16", "between"), "n_objects"]) == 48
    assert table.loc[("16", "between"), ["n_classes", "n_units"]].tolist() == [3, 24]
    inside = [image for image, *_, objects in IMAGES if len(objects) == 3]  # only there, no two are of one class
    assert len(inside) == 8 and table.loc[("16", "inside"), "n_classes"] == 0


def test_values_of_classes_average_to_the_separation(computed):
    means = computed["class_separation"].query("comparison == 'between'").groupby("condition")["separation"].mean()
    table = computed["separation"].query("comparison == 'between'").set_index("condition")["separation"]
    assert means.to_dict() == pytest.approx(table.to_dict())


def test_errors_and_contrasts_follow_from_the_influences_that_are_stored(computed):
    stored = (
        computed["influence"]
        .query("comparison == 'between'")
        .pivot(index="unit", columns="condition", values="influence")
    )
    table = computed["separation"].query("comparison == 'between'").set_index("condition")
    for name in ("16", "64+16"):
        assert compute_se(stored[name].to_numpy(), 24) == pytest.approx(table.loc[name, "se"])
    (row,) = computed["contrasts"].query("comparison == 'between'").itertuples()
    assert row.difference == pytest.approx(table.loc["16", "separation"] - table.loc["64+16", "separation"])
    assert row.se == pytest.approx(compute_se((stored["16"] - stored["64+16"]).to_numpy(), 24))
    assert row.band_low <= row.low < row.difference < row.high <= row.band_high


def test_the_best_alone_has_a_value_elsewhere(computed):
    table = computed["separation"].query("comparison == 'between'")
    best = table["separation"].idxmax()
    assert table["elsewhere"].notna().tolist() == (table.index == best).tolist()
    assert table.loc[best, "among_best"]


def test_a_view_and_later_frames_are_asked_for_identity(tmp_path):
    images = [(f"i{number}", None, None, [("dog", None)] * 2) for number in range(6)]
    shard = write_shard(tmp_path / "v.parquet", images, seed=0, passes=[("identity", 0), ("hflip", 0)])
    tables = compute(
        tmp_path,
        [shard],
        [{**PLAIN, "name": "hflip", "view": "hflip"}],
        images=images,
        sets=["sidi", "scdi"],
        expected_order=["sidi", "scdi"],
    )
    (row,) = tables["separation"].itertuples()
    assert (row.comparison, row.n_objects, row.n_units) == ("identity", 12, 6) and np.isnan(row.p)
    shard = write_shard(tmp_path / "f.parquet", VIDEOS, seed=0)
    tables = compute(
        tmp_path,
        [shard],
        [{**PLAIN, "name": "1", "offset": 1}],
        images=VIDEOS,
        sets=["sidi", "scdi"],
        expected_order=["sidi", "scdi"],
    )
    (row,) = tables["separation"].itertuples()
    assert (row.comparison, row.n_objects, row.n_units) == ("identity", 6 * 3 * 3, 6)


def test_the_papers_tests_are_those_of_the_distances(computed, tmp_path):
    shards = [write_shard(tmp_path / "0.parquet", IMAGES, seed=0)]
    tables = compute(tmp_path, shards, [{**PLAIN, "name": "16"}])
    distances = pd.read_parquet(tmp_path / "distances.parquet")
    by_set = {name: group["distance"].to_numpy(float) for name, group in distances.groupby("set", observed=True)}
    row = tables["tests"].set_index(["set_a", "set_b"]).loc[("scdi", "dcdi")]
    assert row["p"] == pytest.approx(stats.kruskal(by_set["scdi"], by_set["dcdi"]).pvalue)
    assert row["gap"] == pytest.approx(by_set["dcdi"].mean() - by_set["scdi"].mean())
    sets = tables["sets"].set_index("set")
    assert sets["n"].to_dict() == {name: len(by_set.get(name, [])) for name in SETS}
    assert tables["order"]["verdict"].tolist() == ["empty"]  # no image has two objects of one class


def test_means_are_of_all_pairs_and_ranks_of_those_that_are_stored(tmp_path):
    shards = [write_shard(tmp_path / "0.parquet", IMAGES, seed=0)]
    whole = compute(tmp_path, shards, [{**PLAIN, "name": "16"}])
    part = compute(tmp_path, shards, [{**PLAIN, "name": "16"}], max_pairs=200)
    sets = [tables["sets"].set_index("set").loc["dcdi"] for tables in (whole, part)]
    same = ["n", "mean", "std", "min", "max", "se", "low", "high", "n_units"]
    assert sets[0][same].tolist() == pytest.approx(sets[1][same].tolist())
    assert sets[1]["n_stored"] < 300 < sets[0]["n_stored"]
    for table in ("separation", "order"):
        pd.testing.assert_frame_equal(whole[table], part[table])


def test_samples_are_read_condition_by_condition(tmp_path):
    shards = [write_shard(tmp_path / "0.parquet", IMAGES, seed=0)]
    compute(tmp_path, shards, [{**PLAIN, "name": "16"}, {**PLAIN, "name": "cosine", "metric": "cosine"}])
    files = (tmp_path / "distances.parquet", tmp_path / "unit_totals.parquet")
    ((name, samples),) = read_samples(*files, ["cosine"], ["scdi", "sidi"])
    assert name == "cosine" and (np.diff(samples["scdi"].values) >= 0).all()
    assert samples["scdi"].running.n == len(samples["scdi"].values) and samples["sidi"].running.n == 0


def test_of_too_many_objects_whole_images_are_drawn():
    units = get_units(pd.DataFrame({"video": [None] * 100, "image_id": np.repeat(np.arange(25), 4).astype(str)}))
    chosen = sample_units(units, 30, seed=0)
    assert len(chosen) == 28 and units.iloc[chosen].value_counts().eq(4).all()
    assert (chosen == sample_units(units, 30, seed=0)).all()
    assert not np.array_equal(chosen, sample_units(units, 30, seed=1))
    assert sample_units(units, 100, seed=0).tolist() == list(range(100))
    assert len(sample_units(units, 1, seed=0)) == 4


def test_a_sample_is_told(tmp_path):
    shards = [write_shard(tmp_path / "0.parquet", IMAGES, seed=0)]
    options = Options(average="classes", permutations=19, max_objects=40, seed=0, device="cpu")
    table = compute(tmp_path, shards, [{**PLAIN, "name": "16"}], options=options)["separation"]
    assert table["n_all"].tolist() == [48, 48] and 30 < table["n_objects"][0] <= 40


@pytest.mark.parametrize("n_units", [5, 60])
def test_a_perfect_separation_has_the_exact_interval_of_so_many_images(n_units):
    exact = np.array([[1.0, 0.0, 0.9, np.nan]] * 2)
    low, high = widen_extremes(exact, exact[0], np.full(4, n_units), 0.95)
    assert low[0] == pytest.approx(stats.binomtest(n_units, n_units).proportion_ci(0.95).low) and high[0] == 1
    assert high[1] == pytest.approx(stats.binomtest(0, n_units).proportion_ci(0.95).high) and low[1] == 0
    assert (low[2], high[2]) == (0.9, 0.9) and np.isnan([low[3], high[3]]).all()


def test_intervals_stay_between_nothing_and_everything():
    assert widen_extremes(np.array([[-0.1], [1.2]]), np.array([0.6]), np.array([9]), 0.95).tolist() == [[0], [1]]


def test_p_is_adjusted_for_the_largest_of_all_conditions():
    """By hand: spreads are 1 and 2 around 0; the largest of each permutation are 1, 1, 1 and 1."""
    null = np.array([[1.0, -1, 1, -1], [-2, 2, 2, -2]])
    assert adjust_p(np.array([0.5, 3.0]), null).tolist() == [4 / 5, 1 / 5]


def test_one_condition_needs_no_adjustment():
    null = np.random.default_rng(0).normal(size=(1, 99))
    assert adjust_p(np.array([1.5]), null)[0] == (1 + np.count_nonzero(null[0] >= 1.5)) / 100


def test_every_column_is_described():
    tables = [*STATISTICS.values(), INFLUENCE]
    assert all(column.description for table in tables for column in table.columns.values())
