"""Distances of an experiment against scipy, row by row."""

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from by_set import among, at_offset
from prototype_shards import COLUMNS, write_shard
from scipy.spatial.distance import cdist

from semlens.compare.distances import DISTANCES, compare_prototypes, pair_instances, pair_views, sample_pairs
from semlens.compare.metrics import _blocks
from semlens.compare.running_statistics import read_running_statistics
from semlens.compare.unit_totals import UNIT_TOTALS

SETS = ["scsi", "scdi", "dcsi", "dcdi", "sidi"]
PLAIN = {"view": "identity", "timestep": 0, "layers": "enc16.1", "metric": "correlation", "offset": None}


def condition(name, **changes):
    return {**PLAIN, "name": name, **changes}


CAT, DOG = ("cat", None), ("dog", None)
STILLS = [
    [("a", None, None, [CAT, DOG]), ("b", None, None, [CAT, CAT, DOG])],
    [("c", None, None, [DOG])],
    [("d", None, None, [("cat", "d1"), DOG]), ("e", None, None, [("cat", "d1")])],
]
VIDEOS = [
    [(f"v{frame}", "v", frame, [("person", "v/1"), ("person", "v/2")]) for frame in range(4)],
    [(f"w{frame}", "w", frame, [("person", "w/1"), ("dog", "w/2")]) for frame in range(0, 8, 2)],
]


@pytest.fixture
def shards(tmp_path):
    return [
        write_shard(tmp_path / f"{k}.parquet", images, seed=k, passes=[("identity", 0), ("identity", 50), ("hflip", 0)])
        for k, images in enumerate(STILLS)
    ]


@pytest.fixture
def videos(tmp_path):
    return [write_shard(tmp_path / f"{k}.parquet", images, seed=k) for k, images in enumerate(VIDEOS)]


def load(shards, entry):
    """The rows of a condition in all shards, and their vectors by instance."""
    rows = pd.concat([parquet.read_table(path).to_pandas() for path in shards], ignore_index=True)
    rows = rows[(rows["view"] == entry["view"]) & (rows["timestep"] == entry["timestep"])].reset_index(drop=True)
    columns = COLUMNS[entry["layers"]]
    vectors = {row["instance_id"]: np.concatenate([row[name] for name in columns]) for _, row in rows.iterrows()}
    return rows, vectors


def list_pairs(table):
    return list(zip(table["instance_a"], table["instance_b"], strict=True))


def name_pairs(rows, i, j):
    ids = rows["instance_id"].to_numpy()
    return list(zip(ids[i], ids[j], strict=True))


def measure(a, b, metric="correlation"):
    return pytest.approx(cdist([a.astype(float)], [b.astype(float)], metric)[0, 0], rel=1e-6, abs=1e-7)


def compared(shards, conditions, out, sets=SETS, reference="all", max_pairs=1000, seed=0):
    compare_prototypes(
        prototypes=shards,
        conditions=conditions,
        sets=sets,
        reference=reference,
        max_pairs=max_pairs,
        seed=seed,
        device="cpu",
        out_distances=out,
        out_unit_totals=out.with_suffix(".unit_totals.parquet"),
    )
    return pd.read_parquet(out)


CONDITIONS = [
    condition("correlation"),
    condition("euclidean", metric="euclidean"),
    condition("cosine", metric="cosine"),
    condition("cityblock", metric="cityblock"),
    condition("50", timestep=50),
    condition("64+16", layers="64+16"),
]


def test_rows_name_the_instances_and_hold_their_distance(shards, tmp_path):
    result = compared(shards, CONDITIONS, tmp_path / "distances.parquet")
    for entry in CONDITIONS:
        rows, vectors = load(shards, entry)
        for name, (i, j) in among(rows).items():
            found = result[(result["condition"] == entry["name"]) & (result["set"] == name)]
            assert list_pairs(found) == name_pairs(rows, i, j)
            for row in found.itertuples():
                assert row.distance == measure(vectors[row.instance_a], vectors[row.instance_b], entry["metric"])
    # 9 instances: 36 pairs, each in one set of each condition.
    assert result.groupby("condition", observed=True).size().to_dict() == {entry["name"]: 36 for entry in CONDITIONS}


def test_a_view_is_compared_with_the_originals(shards, tmp_path):
    entry = condition("hflip", view="hflip")
    result = compared(shards, [entry], tmp_path / "distances.parquet")
    (rows, originals), (_, transformed) = load(shards, PLAIN), load(shards, entry)
    same = result[result["set"] == "sidi"]
    assert list_pairs(same) == [(name, name) for name in rows["instance_id"]]
    for row in same.itertuples():
        assert row.distance == measure(originals[row.instance_a], transformed[row.instance_b])
    plain = compared(shards, [condition("plain")], tmp_path / "plain.parquet")
    columns = ["set", "instance_a", "instance_b", "distance"]
    others, expected = (table.loc[table["set"] != "sidi", columns].reset_index(drop=True) for table in (result, plain))
    pd.testing.assert_frame_equal(others, expected)


TOY = pd.DataFrame(
    [("a", "a/1", "cat"), ("a", "a/2", "cat"), ("a", "a/3", "dog"), ("b", "b/1", "cat"), ("b", "b/2", "dog")],
    columns=["image_id", "instance_id", "class_name"],
).assign(identity=None, video=None)
TOY_VECTORS = np.array([[0], [1], [10], [100], [200]], np.float32)


def measure_toy(transformed, vectors, **options):
    """Return the distances of each set by pair, of objects on a line, and the sample that they are from."""
    pairs = pair_views(TOY, TOY_VECTORS, transformed, np.array(vectors, np.float32)[:, None], "euclidean", **options)
    sample = sample_pairs(pairs, SETS, max_pairs=1000, seed=0)
    found = {}
    for name, count in zip(("scsi", "scdi", "dcsi", "dcdi", "sidi"), pairs.counts, strict=True):
        i, j, distances = sample.get_pairs(name)
        names = zip(pairs.instances[i], pairs.instances[j], strict=True)
        found[name] = dict(zip(names, distances.round(3).tolist(), strict=True))
        assert len(distances) == len(found[name]) == count == sample.statistics[name].n
    return found, sample


def test_across_views_by_hand():
    """The view moves 0, 1, 10, 100, 200 to 3, 5, 17, 130, 260."""
    found, sample = measure_toy(TOY, [3, 5, 17, 130, 260], across=True)
    assert found == {
        "scsi": {("a/1", "a/2"): 5, ("a/2", "a/1"): 2},  # |0 - 5| and |1 - 3|
        "dcsi": {
            **{("a/1", "a/3"): 17, ("a/3", "a/1"): 7, ("a/2", "a/3"): 16, ("a/3", "a/2"): 5},
            **{("b/1", "b/2"): 160, ("b/2", "b/1"): 70},
        },
        "sidi": {("a/1", "a/1"): 3, ("a/2", "a/2"): 4, ("a/3", "a/3"): 7, ("b/1", "b/1"): 30, ("b/2", "b/2"): 60},
        # between images, as they are
        "scdi": {("a/1", "b/1"): 100, ("a/2", "b/1"): 99, ("a/3", "b/2"): 190},
        "dcdi": {("a/1", "b/2"): 200, ("a/2", "b/2"): 199, ("a/3", "b/1"): 90},
    }
    totals = sample.unit_totals.tabulate().set_index(["set", "unit"])
    assert totals.loc[("scsi", "a")].tolist() == pytest.approx([2, 7, 29])
    assert totals.loc[("dcsi", "a")].tolist() == pytest.approx([4, 45, 17**2 + 7**2 + 16**2 + 5**2])
    assert totals.loc[("dcsi", "b")].tolist() == pytest.approx([2, 230, 160**2 + 70**2])
    assert ("scsi", "b") not in totals.index


def test_without_across_pairs_in_an_image_are_of_originals():
    whole, _ = measure_toy(TOY, [3, 5, 17, 130, 260], across=True)
    found, _ = measure_toy(TOY, [3, 5, 17, 130, 260])
    assert found["scsi"] == {("a/1", "a/2"): 1}
    assert found["dcsi"] == {("a/1", "a/3"): 10, ("a/2", "a/3"): 9, ("b/1", "b/2"): 100}
    assert [found[name] for name in ("scdi", "dcdi", "sidi")] == [whole[name] for name in ("scdi", "dcdi", "sidi")]


def test_what_a_view_does_not_show_is_no_transformed_object():
    """a/2 and b/1 are hidden: they are compared with what the view shows of others, and nothing with them."""
    found, _ = measure_toy(TOY.iloc[[4, 2, 0]], [260, 17, 3], across=True)
    assert found["scsi"] == {("a/2", "a/1"): 2}
    assert found["dcsi"] == {("a/1", "a/3"): 17, ("a/3", "a/1"): 7, ("a/2", "a/3"): 16, ("b/1", "b/2"): 160}
    assert found["sidi"] == {("a/1", "a/1"): 3, ("a/3", "a/3"): 7, ("b/2", "b/2"): 60}
    assert len(found["scdi"]) == len(found["dcdi"]) == 3


def test_a_condition_says_whether_its_pairs_lie_across_views(shards, tmp_path):
    """Without a view, it changes nothing."""
    views = [condition("one", view="hflip", across=True), condition("other", view="hflip")]
    plain = [condition("one", across=True), condition("other")]
    (_, originals), (_, transformed) = load(shards, PLAIN), load(shards, views[0])
    result = compared(shards, [*views], tmp_path / "views.parquet")
    one, other = (result[result["condition"] == name] for name in ("one", "other"))
    for name in ("scsi", "dcsi"):
        found = one[one["set"] == name]
        pairs = list_pairs(other[other["set"] == name])
        assert sorted(list_pairs(found)) == sorted([*pairs, *((b, a) for a, b in pairs)])
        for row in found.itertuples():
            assert row.distance == measure(originals[row.instance_a], transformed[row.instance_b])
    result = compared(shards, plain, tmp_path / "plain.parquet")
    one, other = (result[result["condition"] == name].drop(columns="condition") for name in ("one", "other"))
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))


def test_pairs_are_of_the_set_they_are_listed_in(shards, tmp_path):
    result = compared(shards, CONDITIONS[:1], tmp_path / "distances.parquet")
    rows = load(shards, PLAIN)[0].set_index("instance_id")
    a, b = (rows.loc[result[side]].reset_index(drop=True) for side in ("instance_a", "instance_b"))
    same_class, same_image = a["class_name"] == b["class_name"], a["image_id"] == b["image_id"]
    same_object = a["identity"].notna() & (a["identity"] == b["identity"])
    assert ((result["set"] == "scsi") == (same_class & same_image)).all()
    assert ((result["set"] == "dcsi") == (~same_class & same_image)).all()
    assert ((result["set"] == "dcdi") == (~same_class & ~same_image)).all()
    assert ((result["set"] == "sidi") == same_object).all()
    assert result["set"].value_counts()["sidi"] == 1


def test_offsets_are_taken_within_videos(videos, tmp_path):
    conditions = [condition(str(offset), offset=offset) for offset in (1, 2, 6)]
    result = compared(videos, conditions, tmp_path / "distances.parquet", sets=["sidi", "scdi", "scsi"])
    rows, vectors = load(videos, PLAIN)
    frame = rows.set_index("instance_id")["frame"]
    counts = result.groupby(["condition", "set"], observed=True).size().to_dict()
    assert counts == {
        ("1", "sidi"): 6,
        ("1", "scdi"): 6,
        ("1", "scsi"): 3,
        ("2", "sidi"): 4 + 6,
        ("2", "scdi"): 4,
        ("2", "scsi"): 2,
        ("6", "sidi"): 2,
    }
    for entry in conditions:
        expected = at_offset(rows, entry["offset"])["sidi"]
        found = result[(result["condition"] == entry["name"]) & (result["set"] == "sidi")]
        assert list_pairs(found) == name_pairs(rows, *expected)
        for row in found.itertuples():
            assert frame[row.instance_b] - frame[row.instance_a] == entry["offset"]
            assert row.distance == measure(vectors[row.instance_a], vectors[row.instance_b])


@pytest.mark.parametrize("reference", ["first", "v1/2", "w2/1"])
def test_frames_are_compared_with_the_reference(videos, tmp_path, reference):
    entry = condition("2", offset=2)
    result = compared(videos, [entry], tmp_path / "distances.parquet", reference=reference)
    rows, _ = load(videos, PLAIN)
    for name, (i, j) in at_offset(rows, 2, reference).items():
        assert list_pairs(result[result["set"] == name]) == name_pairs(rows, i, j)
    followed = result[result["set"].isin(["sidi", "scdi", "dcdi"])]
    expected = {"v0/1", "v0/2", "w0/1", "w0/2"} if reference == "first" else {reference}
    assert set(followed["instance_a"]) == expected
    assert len(result) < len(compared(videos, [entry], tmp_path / "all.parquet"))


def test_a_reference_that_no_shard_has_is_named(videos, tmp_path):
    out = tmp_path / "distances.parquet"
    with pytest.raises(ValueError, match="no instance is called 'v9/1'; the first is 'v0/1'"):
        compared(videos, [condition("2", offset=2)], out, reference="v9/1")
    assert not out.exists()


def test_all_row_groups_share_one_dictionary_of_instances(shards, tmp_path):
    out = tmp_path / "distances.parquet"
    compared(shards, [*CONDITIONS, condition("hflip", view="hflip")], out)
    names = load(shards, PLAIN)[0]["instance_id"].to_list()
    table = parquet.read_table(out)
    assert parquet.read_metadata(out).num_row_groups > 1
    for side in ("instance_a", "instance_b"):
        assert all(chunk.dictionary.to_pylist() == names for chunk in table[side].chunks)
        assert table[side].to_pandas().cat.categories.to_list() == names


def test_the_table_is_sorted_by_condition_and_set_in_the_order_asked_for(shards, tmp_path):
    sets = ["dcdi", "sidi", "scsi"]
    result = compared(shards, CONDITIONS, tmp_path / "distances.parquet", sets=sets)
    order = list(dict.fromkeys(zip(result["condition"].astype(str), result["set"].astype(str), strict=True)))
    assert order == [(entry["name"], name) for entry in CONDITIONS for name in sets]
    blocks = (result["condition"].astype(str) + result["set"].astype(str)).ne(
        (result["condition"].astype(str) + result["set"].astype(str)).shift()
    )
    assert blocks.sum() == len(order)


def test_the_file_holds_compact_types(shards, tmp_path):
    compared(shards, CONDITIONS, tmp_path / "distances.parquet")
    schema = parquet.read_schema(tmp_path / "distances.parquet")
    label, instance = (arrow.dictionary(codes, arrow.string()) for codes in (arrow.int16(), arrow.int32()))
    assert {field.name: field.type for field in schema} == {
        "condition": label,
        "set": label,
        "instance_a": instance,
        "instance_b": instance,
        "distance": arrow.float32(),
    }


def test_an_empty_set_has_no_rows(tmp_path):
    shard = write_shard(tmp_path / "0.parquet", [("a", None, None, [CAT]), ("b", None, None, [CAT])], seed=0)
    result = compared([shard], [condition("correlation")], tmp_path / "distances.parquet")
    assert result["set"].astype(str).tolist() == ["scdi"]


def test_no_pair_at_all_gives_an_empty_table(tmp_path):
    shard = write_shard(tmp_path / "0.parquet", [("a", None, None, [CAT])], seed=0)
    result = compared([shard], [condition("correlation")], tmp_path / "distances.parquet")
    assert result.empty
    assert list(result) == ["condition", "set", "instance_a", "instance_b", "distance"]


def test_extractions_may_share_an_experiment(tmp_path):
    """One holds t = 0, the other t = 50."""
    first = write_shard(tmp_path / "plain.parquet", STILLS[0], seed=0, passes=[("identity", 0)])
    second = write_shard(tmp_path / "noise.parquet", STILLS[0], seed=1, passes=[("identity", 50)])
    conditions = [condition("0"), condition("50", timestep=50)]
    result = compared([first, second], conditions, tmp_path / "distances.parquet")
    for shard, entry in zip((first, second), conditions, strict=True):
        _, vectors = load([shard], entry)
        found = result[result["condition"] == entry["name"]]
        assert len(found) == 10
        for row in found.itertuples():
            assert row.distance == measure(vectors[row.instance_a], vectors[row.instance_b])


def test_offsets_of_stills_are_refused(shards, tmp_path):
    with pytest.raises(ValueError, match="offsets need videos; instance 'a/1' is in none"):
        compared(shards, [condition("1", offset=1)], tmp_path / "distances.parquet")


def test_the_same_bytes_twice(shards, tmp_path):
    for name in ("one", "two"):
        compared(shards, CONDITIONS, tmp_path / f"{name}.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


MANY = [(f"i{k}", None, None, [CAT, DOG, CAT] if k % 3 else [DOG, ("cat", f"c{k % 4}")]) for k in range(60)]


@pytest.fixture
def many(tmp_path):
    """160 instances: 12,720 pairs, in blocks of a few rows."""
    passes = [("identity", 0), ("hflip", 0)]
    return write_shard(tmp_path / "many.parquet", MANY, seed=0, passes=passes)


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK_SIZE", 1000)


def pairs_of(table):
    """Every row by its pair, a dictionary."""
    return {(row.condition, row.set, row.instance_a, row.instance_b): row.distance for row in table.itertuples()}


def test_blocks_do_not_show(many, tmp_path, monkeypatch):
    conditions = [condition("plain"), condition("hflip", view="hflip")]
    whole = compared([many], conditions, tmp_path / "whole.parquet", max_pairs=100_000)
    monkeypatch.setattr(_blocks, "BLOCK_SIZE", 1000)
    blocks = compared([many], conditions, tmp_path / "blocks.parquet", max_pairs=100_000)
    columns = ["condition", "set", "instance_a", "instance_b"]
    pd.testing.assert_frame_equal(blocks[columns], whole[columns])
    np.testing.assert_allclose(blocks["distance"], whole["distance"], rtol=1e-6)


@pytest.mark.parametrize("view", ["identity", "hflip"])
def test_of_a_large_set_a_random_part_has_rows_and_all_count_in_the_statistics(many, tmp_path, narrow, view):
    entry = condition("plain", view=view)
    whole = compared([many], [entry], tmp_path / "whole.parquet", max_pairs=100_000)
    part = compared([many], [entry], tmp_path / "part.parquet", max_pairs=1000)
    everything, kept = pairs_of(whole), pairs_of(part)
    assert kept.items() <= everything.items()
    sizes, rows = whole["set"].value_counts(), part["set"].value_counts()
    assert sizes["dcdi"] > 5000 and sizes["scdi"] > 5000
    for name in SETS:
        if sizes[name] <= 1000:
            assert rows[name] == sizes[name]
        else:
            assert 850 < rows[name] < 1150  # 5 standard deviations of a binomial number
    assert read_running_statistics(tmp_path / "part.parquet") == read_running_statistics(tmp_path / "whole.parquet")
    found = read_running_statistics(tmp_path / "part.parquet")["plain"]
    for name, values in whole.groupby("set", observed=True)["distance"]:
        values = values.to_numpy(np.float64)
        assert found[name].n == len(values)
        assert (found[name].min, found[name].max) == (values.min(), values.max())
        assert (found[name].mean, found[name].std) == pytest.approx((values.mean(), np.std(values, ddof=1)), rel=1e-12)


def test_the_part_depends_on_the_seed_alone(many, tmp_path, narrow):
    """Not on the metric: conditions are compared on the same pairs."""
    conditions = [condition("one"), condition("other", metric="euclidean")]
    tables = {
        seed: compared([many], conditions, tmp_path / f"{seed}.parquet", max_pairs=1000, seed=seed) for seed in (0, 1)
    }
    chosen = {
        (seed, name): set(list_pairs(rows))
        for seed, table in tables.items()
        for name, rows in table.groupby("condition", observed=True)
    }
    assert chosen[0, "one"] == chosen[0, "other"]
    assert chosen[0, "one"] != chosen[1, "one"]
    compared([many], conditions, tmp_path / "again.parquet", max_pairs=1000)
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "0.parquet").read_bytes()


def test_the_part_is_spread_evenly(many, tmp_path, narrow):
    """Over blocks: as many pairs of early as of late instances, as there are."""
    whole = compared([many], [condition("plain")], tmp_path / "whole.parquet", max_pairs=100_000)
    part = compared([many], [condition("plain")], tmp_path / "part.parquet", max_pairs=2000)
    where = [table.loc[table["set"] == "dcdi", "instance_a"].cat.codes for table in (whole, part)]
    assert where[1].mean() == pytest.approx(where[0].mean(), abs=5 * where[0].std() / np.sqrt(len(where[1])))


def test_distances_need_no_files(shards, tmp_path):
    written = compared(shards, [condition("plain")], tmp_path / "distances.parquet")
    rows, vectors = load(shards, PLAIN)
    pairs = pair_instances(rows, np.array(list(vectors.values())), "correlation")
    sample = sample_pairs(pairs, SETS, max_pairs=1000, seed=0)
    for name in SETS:
        i, j, distances = sample.get_pairs(name)
        expected = written[written["set"] == name]
        assert list(zip(pairs.instances[i], pairs.instances[j], strict=True)) == list_pairs(expected)
        assert distances.tolist() == expected["distance"].tolist()


@pytest.mark.parametrize("source", ["shards", "videos"])
def test_totals_by_unit_are_those_of_all_pairs_with_an_object_in_it(source, request, tmp_path):
    paths = request.getfixturevalue(source)
    compared(paths, [condition("plain")], tmp_path / "sample.parquet", max_pairs=3)
    totals = pd.read_parquet(tmp_path / "sample.unit_totals.parquet").set_index(["set", "unit"])
    all_pairs = compared(paths, [condition("plain")], tmp_path / "all.parquet", max_pairs=100_000)
    rows, _ = load(paths, PLAIN)
    units = rows.set_index("instance_id")["video"].fillna(rows.set_index("instance_id")["image_id"])
    found = set()
    for name, pairs in all_pairs.groupby("set", observed=True):
        a, b = (units.loc[pairs[side]].to_numpy() for side in ("instance_a", "instance_b"))
        for unit in {*a, *b}:
            distances = pairs["distance"].to_numpy(np.float64)[(a == unit) | (b == unit)]
            expected = [len(distances), distances.sum(), (distances**2).sum()]
            assert totals.loc[(name, unit), ["n", "sum", "sum_of_squares"]].tolist() == pytest.approx(expected)
            found.add((name, unit))
    assert found == set(totals.index)


def test_every_column_is_described():
    assert all(column.description for table in (DISTANCES, UNIT_TOTALS) for column in table.columns.values())
