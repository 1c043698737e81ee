"""Findings say what the statistics hold."""

import json

import numpy as np
import pandas as pd
import pytest

from semlens.statistics.findings import (
    EQ_16,
    EQ_17,
    FINDINGS,
    QUESTIONS,
    Comparison,
    collect_findings,
    pair_models,
    read_comparisons,
    tabulate_findings,
    write_findings,
)

LAYERS = {"metric": "64+32+16", "timestep": "enc16.1", "view": "enc16.1", "layers": None}
ONE = [{"name": "trained", "weights": "pretrained", "controls": None}]
TWO = [*ONE, {"name": "untrained", "weights": "random", "controls": "trained"}]


def make_comparison(
    axis, deltas, observed, *, model="trained", dataset="coco", experiment=None, settings=(), reverse=False
):
    """A comparison whose conditions have these effect sizes of dcdi over scdi, and these orders.

    An order is whether it is the expected one, or the observed one itself, or None if a set is empty.
    """
    a, b = ("dcdi", "scdi") if reverse else ("scdi", "dcdi")
    tests = pd.DataFrame(
        [
            row
            for condition, delta in deltas.items()
            for row in (
                {"condition": condition, "set_a": a, "set_b": b, "cliffs_delta": -delta if reverse else delta},
                {"condition": condition, "set_a": "scsi", "set_b": "scdi", "cliffs_delta": 0.9},
            )
        ]
    ).set_index("condition")
    expected = EQ_17 if axis == "view" else EQ_16
    orders = {True: expected, False: "dcdi < scsi < scdi < dcsi", None: ""}
    order = pd.DataFrame(
        {
            "condition": list(deltas),
            "expected": expected,
            "observed": [orders.get(entry, entry) for entry in observed],
            "verdict": ["empty set" if entry is None else "any" for entry in observed],
        }
    ).set_index("condition")
    return Comparison(experiment or axis, model, dataset, axis, LAYERS[axis], settings, tests, order)


def compare_all(model, best, timesteps, views):
    return [
        make_comparison("layers", {"enc16.1": best, "mid8": 0.1}, [True, False], model=model),
        make_comparison("metric", {"cosine": 0.3, "distance_correlation": 0.4}, [True, True], model=model),
        make_comparison("timestep", {"0": 0.5, "50": 0.4, "200": 0.1}, timesteps, model=model, dataset="voc"),
        make_comparison("view", {"hflip": np.nan, "rot90": np.nan}, views, model=model, dataset="voc"),
    ]


def tabulate(comparisons, models=ONE):
    """Findings by question; null is None."""
    findings = {model["name"]: collect_findings(comparisons, model["name"]) for model in models}
    table = tabulate_findings(findings, models).set_index("question").astype(object)
    return table.where(table.notna(), None).to_dict(orient="index")


@pytest.mark.parametrize("reverse", [False, True])
def test_separation_is_a_share_of_comparisons_whichever_set_stands_first(reverse):
    comparison = make_comparison("layers", {"enc16.1": 0.5, "mid8": -0.2}, [True, False], reverse=reverse)
    assert comparison.measure_separation().to_dict() == pytest.approx({"enc16.1": 0.75, "mid8": 0.4})


def test_the_best_layers_are_those_of_all_experiments_averaged_over_datasets():
    comparisons = [
        make_comparison("layers", {"enc16.1": 0.6, "mid8": 0.5}, [True, True], dataset="coco"),
        make_comparison("layers", {"enc16.1": 0.2, "mid8": 0.5}, [False, True], dataset="voc"),
        make_comparison("layers", {"64": 0.9, "mid8": -0.5}, [True, False], dataset="coco", experiment="resolution"),
    ]
    findings = collect_findings(comparisons, "trained")
    assert findings.layers.to_dict() == pytest.approx({"enc16.1": 0.7, "mid8": 0.75})  # voc lacks 64
    assert findings.order.to_dict() == {"coco": True, "voc": True}
    assert findings.layers_where == "coco and voc"


def test_experiments_under_other_settings_than_the_first_do_not_count():
    comparisons = [
        make_comparison("layers", {"enc16": 0.6}, [True], settings=("correlation", 0)),
        make_comparison(
            "layers", {"enc16": 0.9, "mid8": 0.9}, [False, False], settings=("correlation", 500), experiment="late"
        ),
    ]
    findings = collect_findings(comparisons, "trained")
    assert findings.layers.to_dict() == pytest.approx({"enc16": 0.8})
    assert findings.order.to_dict() == {"coco": True}


def test_every_question_has_a_row_beside_the_control():
    comparisons = compare_all("trained", 0.6, [True, True, False], [True, "scsi < sidi < dcsi"])
    comparisons += compare_all("untrained", 0.2, [False, False, False], ["scsi < sidi < dcsi", False])
    rows = tabulate(comparisons, TWO)
    assert list(rows) == list(QUESTIONS)
    assert {name: (row["tried"], row["answer"], row["control_answer"], row["where"]) for name, row in rows.items()} == {
        "best_layers": ("enc16.1, mid8", "enc16.1", "enc16.1", "coco"),
        "best_metric": (
            "cosine, distance_correlation",
            "distance_correlation",
            "distance_correlation",
            "64+32+16 on coco",
        ),
        "order_at_best_layers": ("coco", "coco", "coco", "enc16.1 on coco"),
        "order_under_noise": ("0, 50, 200", "0, 50", "", "enc16.1 on voc"),
        "identity_under_views": ("hflip, rot90", "hflip", "", "enc16.1 on voc"),
    }
    assert {row["control_model"] for row in rows.values()} == {"untrained"}
    separation = {name: (row["separation"], row["control_separation"]) for name, row in rows.items()}
    assert separation.pop("best_layers") == pytest.approx((0.8, 0.6))
    assert separation.pop("best_metric") == pytest.approx((0.7, 0.7))
    assert set(separation.values()) == {(None, None)}


def test_the_separation_of_a_control_is_that_of_the_answer_not_of_its_own_best():
    comparisons = [
        make_comparison("layers", {"enc16.1": 0.6, "mid8": 0.1}, [True, True]),
        make_comparison("layers", {"enc16.1": 0.2, "mid8": 0.4}, [True, True], model="untrained"),
    ]
    row = tabulate(comparisons, TWO)["best_layers"]
    assert (row["answer"], row["control_answer"]) == ("enc16.1", "mid8")
    assert row["control_separation"] == pytest.approx(0.6)


def test_a_control_has_values_only_where_it_was_compared():
    comparisons = compare_all("trained", 0.6, [True, True, False], [True, False])
    comparisons += compare_all("untrained", 0.2, [False, False, False], [False, False])[2:3]
    rows = tabulate(comparisons, TWO)
    assert [name for name, row in rows.items() if row["control_model"]] == ["order_under_noise"]
    assert all(row["control_answer"] is None for name, row in rows.items() if name != "order_under_noise")


def test_a_question_that_no_experiment_asks_has_no_row():
    assert tabulate([]) == {}
    assert list(tabulate(compare_all("trained", 0.6, [True] * 3, [True] * 2)[3:])) == ["identity_under_views"]
    assert tabulate([make_comparison("metric", {"cosine": 0.5}, [True])]) == {}  # one metric is not the best of any


def test_orders_with_an_empty_set_are_not_judged():
    comparisons = [
        make_comparison("layers", {"mid8": 0.5}, [None]),
        make_comparison("view", {"hflip": 0, "rot90": 0}, [None, True]),
    ]
    rows = tabulate(comparisons)
    assert (rows["order_at_best_layers"]["tried"], rows["order_at_best_layers"]["answer"]) == ("", "")
    assert rows["identity_under_views"]["tried"] == "rot90"


def test_identity_is_judged_by_sidi_alone():
    """Whether scsi < dcsi does not depend on a view: these sets are those of the originals."""
    findings = collect_findings([make_comparison("view", {"hflip": 0}, ["sidi < dcsi < scsi"])], "trained")
    assert findings.identity.to_dict() == {"hflip": True}


def test_another_order_than_eq_16_is_not_judged():
    comparison = make_comparison("layers", {"mid8": 0.5}, [True])
    comparison.order["expected"] = "sidi < scdi"
    assert not len(collect_findings([comparison], "trained").order)


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        ([True, True, True], "0, 50, 200"),
        ([True, False, True], "0, 200"),
        ([True, True, False], "0, 50"),
        ([False, False, True], "200"),
    ],
)
def test_timesteps_are_listed_in_their_order(order, answer):
    comparison = make_comparison("timestep", dict.fromkeys(["200", "0", "50"], 0), [order[2], *order[:2]])
    row = tabulate([comparison])["order_under_noise"]
    assert (row["tried"], row["answer"]) == ("0, 50, 200", answer)


def test_an_order_may_hold_on_some_datasets():
    comparisons = [
        make_comparison("layers", {"mid8": 0.5}, [holds], dataset=name)
        for name, holds in (("coco", True), ("voc", False))
    ]
    row = tabulate(comparisons)["order_at_best_layers"]
    assert (row["tried"], row["answer"]) == ("coco, voc", "coco")


def test_controls_stand_beside_what_they_control():
    models = [
        {"name": "a", "weights": "pretrained", "controls": None},
        {"name": "a0", "weights": "random", "controls": "a"},
        {"name": "b", "weights": "pretrained", "controls": None},
    ]
    assert pair_models(models) == [("a", "a0"), ("b", None)]
    assert pair_models([{"name": "alone", "weights": "random", "controls": None}]) == [("alone", None)]


def test_both_files_hold_the_same_records(tmp_path):
    comparisons = compare_all("trained", 0.6, [True, True, False], [True, False])
    findings = tabulate_findings({"trained": collect_findings(comparisons, "trained")}, ONE)
    write_findings(findings, csv=tmp_path / "findings.csv", json=tmp_path / "findings.json")
    records = json.loads((tmp_path / "findings.json").read_text())
    table = pd.read_csv(tmp_path / "findings.csv")
    assert list(table) == list(FINDINGS.columns) == list(records[0])
    np.testing.assert_array_equal(
        table["separation"], np.array([record["separation"] for record in records], dtype=float)
    )
    assert table["answer"].to_list() == [record["answer"] for record in records]


def test_comparisons_are_read_with_their_statistics(tmp_path):
    files = {kind: [tmp_path / f"{name}.{kind}.csv" for name in ("a", "b")] for kind in ("tests", "order")}
    records = []
    for place, dataset in enumerate(("coco", "voc")):
        comparison = make_comparison("timestep", {"0": 0.5, "50": place / 10}, [True, True], dataset=dataset)
        comparison.tests.to_csv(files["tests"][place])
        comparison.order.to_csv(files["order"][place])
        keys = ("experiment", "model", "dataset", "axis", "layers", "settings")
        records.append({key: getattr(comparison, key) for key in keys} | {"name": "ignored"})
    comparisons = read_comparisons(records, files["tests"], files["order"])
    assert [comparison.dataset for comparison in comparisons] == ["coco", "voc"]
    assert comparisons[1].measure_separation().to_dict() == pytest.approx({"0": 0.75, "50": 0.55})


def test_every_column_is_described():
    assert all(column.description for column in FINDINGS.columns.values())
