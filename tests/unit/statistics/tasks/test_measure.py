"""From shards of prototypes to the table of tasks and its influences."""

import numpy as np
import pandas as pd
import pytest
from prototype_shards import write_manifest, write_shard

from semlens.statistics.jackknife import N_DRAWS, leave_out_thirds
from semlens.statistics.measure import Options
from semlens.statistics.tasks.measure import measure_tasks
from semlens.statistics.tasks.scores import Score
from semlens.statistics.tasks.tables import TASKS_INFLUENCE, TASKS_TABLE, tabulate_tasks

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
    squares = influence.groupby(["condition", *KEYS])["influence"].agg(lambda one: (one**2).sum())
    known = table.dropna(subset="se").set_index(["condition", *KEYS])
    assert len(known) == len(squares) and influence["draw"].nunique() == N_DRAWS
    n = np.minimum(N_DRAWS, known["n_units"])
    np.testing.assert_allclose(known["se"], np.sqrt(n / (n - 1) * squares.reindex(known.index)))
    assert ((known["low"] <= known["value"]) & (known["value"] <= known["high"])).all()


@pytest.mark.parametrize("n_units", [12, 90], ids=["fewer images than draws", "more"])
def test_the_error_is_the_jackknifes(n_units):
    """(I - d) / d times the variance of the values without d of I images."""
    x, found = np.random.default_rng(0).standard_normal(n_units), []

    def measure(kept):
        found.append(x[kept].mean())
        return np.array(found[-1:])

    _, (influence,) = leave_out_thirds(measure, np.arange(n_units), 0)
    score = Score("knn", "accuracy", "class", 0.5, influence, np.empty(0), 0.5, 0.5, n_units, 2, n_units)
    table, _ = tabulate_tasks([("16", n_units, [score])], 0)
    assert table["se"].item() == pytest.approx(np.sqrt(2 * np.var(found[1:], ddof=1)))


def test_a_condition_whose_error_is_not_known_has_no_influences_and_stays_tied():
    def make(value, influence):
        return [Score("knn", "accuracy", "class", value, influence, np.empty(0), value, 0.5, 60, 2, 60)]

    draws = np.random.default_rng(0).normal(0, 1e-3, 50)
    table, influence = tabulate_tasks(
        [("16", 60, make(0.9, draws)), ("32", 60, make(0.6, draws[::-1])), ("64", 60, make(0.7, np.zeros(1)))], 0
    )
    assert set(influence["condition"]) == {"16", "32"}
    assert table["among_best"].tolist() == [True, False, True] and table["elsewhere"].isna().all()


def test_tests_are_adjusted_and_identity_has_none(computed):
    table = computed[0]
    of_identity = table["target"] == "identity"
    assert of_identity.sum() == 4 and table.loc[of_identity, ["p", "p_adjusted"]].isna().all(axis=None)
    others = table[~of_identity]
    assert others["p"].between(0.05, 1).all() and others["p_adjusted"].between(0.05, 1).all()
    assert table["chance"].notna().all() and table["n_all"].eq(48).all()


def test_of_several_conditions_the_best_alone_has_a_value_elsewhere(computed):
    for _, rows in computed[0].groupby(KEYS):
        best = (rows.index == rows["value"].idxmax()) & rows["se"].notna()
        assert rows["elsewhere"].notna().tolist() == best.tolist()
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
