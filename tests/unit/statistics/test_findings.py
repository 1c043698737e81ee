"""Findings say what the statistics hold, and no more than their intervals allow."""

import json

import numpy as np
import pandas as pd
import pytest
from studies import SETTINGS, make_comparison

from semlens.config.axes import FOREIGN
from semlens.config.choices import CHOICES
from semlens.statistics.findings import FINDINGS, tabulate_findings, write_findings
from semlens.statistics.order import VERDICTS
from semlens.statistics.studies import pair_models

ONE = [{"name": "trained", "weights": "pretrained", "controls": None}]
TWO = [*ONE, {"name": "untrained", "weights": "random", "controls": "trained"}]


def tabulate(comparisons, models=ONE):
    """Findings as records; null is None."""
    table = tabulate_findings(comparisons, models, [], seed=0).astype(object)
    return table.where(table.notna(), None).to_dict("records")


def test_the_best_condition_stands_with_those_that_cannot_be_told_from_it():
    (row,) = tabulate([make_comparison(values={"64": 0.5, "16": 0.8, "mid8": 0.79, "32": 0.6}, noise=0.02)])
    assert (row["best"], row["also_best"], row["conditions"]) == ("16", "mid8", "64, 16, mid8, 32")
    assert row["question"] == "Which layer separates classes best, between images?"
    assert row["low"] < row["separation"] == 0.8 < row["high"]
    assert (row["n_objects"], row["n_units"], row["datasets"]) == (100, 40, "coco")


def test_a_condition_that_is_clearly_best_stands_alone():
    (row,) = tabulate([make_comparison(values={"64": 0.5, "16": 0.8}, noise=0.02)])
    assert row["also_best"] == ""
    assert row["elsewhere"] == pytest.approx(0.8, abs=1e-3)


def test_the_best_of_many_equal_ones_is_worth_less_elsewhere():
    rng = np.random.default_rng(0)
    values = {str(number): 0.7 + 0.02 * rng.standard_normal() for number in range(1, 21)}
    (row,) = tabulate([make_comparison("timestep", values, noise=0.02)])
    assert row["elsewhere"] < row["separation"] - 0.01


def test_the_control_stands_beside_its_model_at_the_models_best():
    comparisons = [
        make_comparison(values={"64": 0.6, "16": 0.8}),
        make_comparison(values={"64": 0.7, "16": 0.6}, model="untrained", seed=1),
    ]
    (row,) = tabulate(comparisons, TWO)
    assert (row["model"], row["control_model"], row["control_separation"]) == ("trained", "untrained", 0.6)
    assert row["contrast"] == pytest.approx(0.2)
    assert 0 < row["contrast_low"] < 0.2 < row["contrast_high"]


def test_a_contrast_is_paired_by_image():
    """What both models share cancels: the interval of the difference is far narrower than those of the two."""
    same = {"values": {"16": 0.8}, "noise": 0.1, "seed": 3}
    comparisons = [make_comparison(**same), make_comparison(**same | {"values": {"16": 0.7}}, model="untrained")]
    comparisons[1].influence["influence"] += np.tile([1e-5, -1e-5], 20)
    (row,) = tabulate(comparisons, TWO)
    assert row["contrast_high"] - row["contrast_low"] < 0.01 < row["high"] - row["low"]


def test_a_control_that_lacks_the_best_condition_has_no_value():
    comparisons = [
        make_comparison(values={"64": 0.6, "16": 0.8}),
        make_comparison(values={"64": 0.7}, model="untrained", seed=1),
    ]
    rows = tabulate(comparisons, TWO)
    assert [(row["control_model"], row["contrast"]) for row in rows] == [("untrained", None)]


def test_what_cannot_be_answered_has_a_row_without_an_answer():
    (row,) = tabulate([make_comparison("view", {"hflip": None}, comparison="identity")])
    assert row["question"] == "Under which view do objects keep their identity best?"
    assert row["best"] is row["separation"] is row["contrast"] is None
    assert (row["conditions"], row["n_objects"]) == ("hflip", 0)


def test_settings_are_named_but_for_those_that_do_not_apply():
    settings = {**SETTINGS, "inference_steps": 5, "offset": None}
    (row,) = tabulate([make_comparison(values={"16": 0.7}, settings=settings)])
    assert row["settings"] == "metric correlation, timestep 0, prompt empty, inference_steps 5"


def test_orders_are_listed_by_verdict_and_a_control_has_its_own_row():
    verdicts = dict(zip(["1", "2", "3", "4", "5"], VERDICTS, strict=True))
    comparisons = [
        make_comparison("timestep", {"1": 0.7}, verdicts=verdicts),
        make_comparison("timestep", {"1": 0.6}, verdicts=dict.fromkeys("12", "violated"), model="untrained"),
    ]
    _, trained, untrained = tabulate(comparisons, TWO)
    assert trained["question"] == "Under which timestep of noise is scsi < scdi?"
    assert [trained[name] for name in VERDICTS] == ["1", "2", "3", "4", "5"]
    assert (untrained["model"], untrained["violated"], untrained["established"]) == ("untrained", "1, 2", "")
    assert (trained["n_objects"], trained["n_units"], trained["best"]) == (120, 7, None)


def test_an_order_on_several_datasets_names_them():
    comparisons = [
        make_comparison(values={"16": 0.7}, verdicts={"16": "established"}, dataset=name) for name in ("coco", "voc")
    ]
    row = tabulate(comparisons)[-1]
    assert (row["established"], row["datasets"]) == ("16 on coco, 16 on voc", "coco, voc")


def test_different_orders_are_different_questions():
    comparisons = [
        make_comparison(values={"16": 0.7}, verdicts={"16": "observed"}),
        make_comparison(values={"16": 0.7}, verdicts={"16": "violated"}, expected="scdi < dcdi", experiment="other"),
    ]
    asked = {row["question"] for row in tabulate(comparisons) if row["comparison"] == "order"}
    assert asked == {"Under which layer is scsi < scdi?", "Under which layer is scdi < dcdi?"}


def test_a_pretrained_model_stands_with_its_control_and_others_alone():
    alone = {"name": "alone", "weights": "random", "controls": None}
    other = {"name": "other", "weights": "pretrained", "controls": None}
    assert pair_models([*TWO, alone, other]) == [("trained", ("untrained",)), ("other", ()), ("alone", ())]


def test_several_controls_count_by_their_mean():
    models = [*TWO, {"name": "again", "weights": "random", "controls": "trained"}]
    values = {"trained": {"64": 0.6, "16": 0.8}, "untrained": {"16": 0.6}, "again": {"16": 0.7, "64": 0.9}}
    comparisons = [
        make_comparison(values=of_model, model=name, seed=seed) for seed, (name, of_model) in enumerate(values.items())
    ]
    (row,) = (row for row in tabulate(comparisons, models) if row["comparison"] == "between")
    assert (row["control_model"], row["conditions"]) == ("untrained, again", "64, 16")
    assert (row["control_separation"], row["contrast"]) == pytest.approx((0.65, 0.15))
    spread = [one.influence.query("condition == '16'")["influence"].to_numpy() for one in comparisons]
    half = (row["contrast_high"] - row["contrast_low"]) / 2
    own = spread[0] - (spread[1] + spread[2]) / 2
    n = len(own)
    assert half == pytest.approx(2.02 * np.sqrt(n / (n - 1) * np.sum(own**2)), rel=0.02)


def test_both_files_hold_the_same_records(tmp_path):
    comparisons = [make_comparison(values={"64": 0.6, "16": 0.8}, verdicts={"64": "observed", "16": "empty"})]
    write_findings(tabulate_findings(comparisons, ONE, [], 0), csv=tmp_path / "f.csv", json=tmp_path / "f.json")
    records = json.loads((tmp_path / "f.json").read_text())
    table = pd.read_csv(tmp_path / "f.csv")
    assert list(table.columns) == list(records[0]) == list(FINDINGS.columns)
    assert [record["separation"] for record in records] == [0.8, None]
    assert table["separation"].tolist()[0] == 0.8 and np.isnan(table["separation"][1])


def test_a_run_without_experiments_has_no_findings(tmp_path):
    write_findings(tabulate_findings([], ONE, [], 0), csv=tmp_path / "f.csv", json=tmp_path / "f.json")
    assert json.loads((tmp_path / "f.json").read_text()) == []


def test_every_column_is_described():
    assert all(column.description for column in FINDINGS.columns.values())


def test_a_control_without_values_does_not_count():
    models = [*TWO, {"name": "again", "weights": "random", "controls": "trained"}]
    comparisons = [
        make_comparison(values={"16": 0.8}),
        make_comparison(values={"16": 0.8}, dataset="voc", seed=1),
        make_comparison(values={"16": 0.6}, model="untrained", seed=2),
        make_comparison(values={"16": 0.6}, model="untrained", dataset="voc", seed=3),
        make_comparison(values={"16": 0.5}, model="again", seed=4),
    ]
    rows = {row["datasets"]: row for row in tabulate(comparisons, models) if row["comparison"] == "between"}
    assert rows["coco, voc"]["control_model"] == "untrained"
    assert rows["coco"]["control_separation"] == pytest.approx(0.55)


def test_a_model_is_told_once_and_without_noise_that_it_does_not_have():
    noisy = {**SETTINGS, "layers": None}
    still = {**noisy, "timestep": FOREIGN, "prompt": FOREIGN}
    models = [{"name": name, "weights": "pretrained", "controls": None} for name in ("trained", "vit")]
    comparisons = [
        make_comparison(values={"enc16.1": 0.8}, settings=noisy),
        make_comparison(values={"enc16.1": 0.7}, settings={**noisy, "timestep": 261}),
        make_comparison(values={"block00": 0.9}, model="vit", settings=still, experiment="v"),
    ]
    (row,) = (row for row in tabulate(comparisons, models) if row["model"] == "vit")
    assert row["settings"] == "metric correlation"


def test_a_multiverse_says_in_how_many_specifications_the_order_holds():
    verdicts = {"established": 2, "observed": 0, "undecided": 1, "violated": 0, "empty": 0}
    summary = {
        **{"model": "m", "dataset": "coco", "expected": "scdi < dcdi", "n_specifications": 3, "n_possible": 8},
        **{"median": 0.7, "median_low": 0.6, "median_high": 0.8, **verdicts},
    }
    choices = dict.fromkeys(CHOICES) | {"metric": "cosine", "min_area_of": "image"}
    specifications = [
        {"model": "m", "dataset": "coco", **choices, "n_objects": n, "n_units": n // 3} for n in (30, 60, 30)
    ]
    table = tabulate_findings([], ONE, [(pd.DataFrame([summary]), pd.DataFrame(specifications))], 0)
    (row,) = table.to_dict(orient="records")
    assert row["question"] == "Is scdi < dcdi, whatever is chosen?"
    assert (row["established"], row["undecided"], row["violated"]) == ("2 of 3", "1 of 3", "0 of 3")
    assert (row["separation"], row["low"], row["high"]) == (0.7, 0.6, 0.8)
    assert (row["conditions"], row["settings"]) == ("3 specifications", "vary: metric, small objects")
    assert (row["n_objects"], row["n_units"]) == (60, 10) and pd.isna(row["best"])
