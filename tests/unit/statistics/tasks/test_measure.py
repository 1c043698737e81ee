"""From shards of prototypes to the table of tasks and its influences."""

import numpy as np
import pandas as pd
import pytest
from prototype_shards import write_manifest, write_shard

from semlens.statistics.intervals import compute_se
from semlens.statistics.jackknife import N_DRAWS
from semlens.statistics.measure import Options
from semlens.statistics.tasks.measure import measure_tasks
from semlens.statistics.tasks.tables import TASKS_INFLUENCE, TASKS_TABLE

CLASSES = ("dog", "cat", "owl")
IMAGES = [
    (f"image {number}", None, None, [(CLASSES[(number + place) % 3], None) for place in range(1 + number % 3)])
    for number in range(24)
]
PLAIN = {"view": "identity", "timestep": 0, "layers": "enc16.1", "metric": "correlation", "offset": None}
FLIPPED = {**PLAIN, "view": "hflip", "name": "hflip"}
ALL = ["retrieval", "knn", "probe", "clustering", "reidentification"]
KEYS = ["task", "measure", "target"]


def compute(folder, conditions, tasks=ALL, **options):
    shard = write_shard(folder / "0.parquet", IMAGES, seed=0, passes=[("identity", 0), ("hflip", 0)])
    files = {"out": folder / "tasks.csv", "out_influence": folder / "tasks_influence.parquet"}
    measure_tasks(
        prototypes=[shard],
        manifests=[write_manifest(folder / "manifest.parquet", IMAGES)],
        conditions=conditions,
        tasks=tasks,
        reference="all",
        options=Options(
            **{"average": "classes", "permutations": 19, "max_objects": 100, "seed": 0, "device": "cpu", **options}
        ),
        **files,
    )
    return pd.read_csv(files["out"], dtype={"condition": str}), pd.read_parquet(files["out_influence"])


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    conditions = [{**PLAIN, "name": "16"}, {**PLAIN, "name": "64+16", "layers": "64+16"}, FLIPPED]
    return compute(tmp_path_factory.mktemp("tasks"), conditions)


def test_each_condition_has_the_tasks_that_apply_to_it(computed):
    found = computed[0].groupby("task")["condition"].agg(lambda names: sorted(set(names)))
    assert found.to_dict() == {task: ["16", "64+16"] for task in ALL[:4]} | {"reidentification": ["hflip"]}
    assert not computed[0].duplicated(["condition", *KEYS]).any() and len(computed[0]) == 2 * 6 + 8


def test_errors_follow_from_the_influences_that_are_stored(computed):
    table, influence = computed
    sums = influence.groupby(["condition", *KEYS])["influence"].agg(lambda one: float(compute_se(one.to_numpy(), 24)))
    known = table.dropna(subset="value").set_index(["condition", *KEYS])
    assert len(known) == len(sums) and influence["draw"].nunique() == N_DRAWS
    np.testing.assert_allclose(known["se"], sums.reindex(known.index))
    assert ((known["low"] <= known["value"]) & (known["value"] <= known["high"])).all()


def test_tests_are_adjusted_and_identity_has_none(computed):
    table = computed[0]
    of_identity = table["target"] == "identity"
    assert of_identity.sum() == 4 and table.loc[of_identity, ["p", "p_adjusted"]].isna().all(axis=None)
    others = table[~of_identity]
    assert others["p"].between(0.05, 1).all() and others["p_adjusted"].between(0.05, 1).all()
    assert table["chance"].notna().all() and table["n_all"].eq(48).all()


def test_of_several_conditions_the_best_alone_has_a_value_elsewhere(computed):
    for _, rows in computed[0].groupby(KEYS):
        assert rows["elsewhere"].notna().tolist() == (rows.index == rows["value"].idxmax()).tolist()
        assert rows.loc[rows["value"].idxmax(), "among_best"]


def test_of_too_many_objects_whole_images_are_measured(tmp_path):
    table, _ = compute(tmp_path, [{**PLAIN, "name": "16"}], ["retrieval"], max_objects=40)
    assert table["n_all"].eq(48).all() and table["n_objects"].between(30, 40).all()


def test_separation_given_places_is_measured_on_what_is_left(tmp_path):
    plain, _ = compute(tmp_path, [{**PLAIN, "name": "16"}], ["retrieval"])
    given, _ = compute(tmp_path, [{**PLAIN, "name": "16", "given": ["area"]}], ["retrieval"])
    assert (plain["value"] != given["value"]).any()


def test_where_no_task_applies_the_tables_are_empty(tmp_path):
    table, influence = compute(tmp_path, [FLIPPED], ["knn"])
    assert table.empty and influence.empty and list(table) == list(TASKS_TABLE.columns)


def test_every_column_is_described():
    assert all(column.description for one in (TASKS_TABLE, TASKS_INFLUENCE) for column in one.columns.values())
