"""Answers: what the sentences say is what the statistics hold."""

import numpy as np
import pandas as pd
import pytest
from semlens import answers
from semlens.answers import Study

FOUR = ("scsi", "scdi", "dcsi", "dcdi")


def study(axis, deltas, verdicts, *, model="trained", dataset="coco", experiment=None, reverse=False):
    """A study whose conditions have such an effect size of dcdi over scdi, and such verdicts."""
    a, b = ("dcdi", "scdi") if reverse else ("scdi", "dcdi")
    pairs = pd.DataFrame(
        [
            row
            for condition, delta in deltas.items()
            for row in (
                {"condition": condition, "set_a": a, "set_b": b, "cliffs_delta": -delta if reverse else delta},
                {"condition": condition, "set_a": "scsi", "set_b": "scdi", "cliffs_delta": 0.9},
            )
        ]
    ).set_index("condition")
    trend = pd.DataFrame(
        {"condition": list(deltas), "verdict": ["holds" if holds else "does not hold" for holds in verdicts]}
    ).set_index("condition")
    return Study(experiment or axis, model, dataset, axis, pairs, trend)


@pytest.mark.parametrize("reverse", [False, True])
def test_separation_is_a_share_of_comparisons_whichever_set_stands_first(reverse):
    found = study("features", {"enc16.1": 0.5, "mid8": -0.2}, [True, False], reverse=reverse).separations()
    assert found.to_dict() == pytest.approx({"enc16.1": 0.75, "mid8": 0.4})


def test_the_best_layer_is_that_of_all_experiments_averaged_over_datasets():
    studies = [
        study("features", {"enc16.1": 0.6, "mid8": 0.5}, [True, True], dataset="coco"),
        study("features", {"enc16.1": 0.2, "mid8": 0.5}, [False, True], dataset="voc"),
        study("features", {"64": 0.1, "mid8": 0.5}, [True, True], dataset="coco", experiment="resolution"),
    ]
    found = answers.find(studies, "trained")
    assert found.layers.to_dict() == pytest.approx({"enc16.1": 0.7, "mid8": 0.75, "64": 0.55})
    assert found.order == {"coco": True, "voc": True}


def everything(model, best, noise, views):
    return [
        study("features", {"enc16.1": best, "mid8": 0.1}, [True, False], model=model),
        study("metric", {"cosine": 0.3, "distance_correlation": 0.4}, [True, True], model=model),
        study("timestep", {"0": 0.5, "50": 0.4, "200": 0.1}, noise, model=model, dataset="voc"),
        study("view", {"hflip": np.nan, "rot90": np.nan}, views, model=model, dataset="voc"),
    ]


def test_three_sentences_tell_layer_distance_order_noise_and_views_beside_the_control():
    studies = everything("trained", 0.6, [True, True, False], [True, False])
    studies += everything("untrained", 0.2, [False, False, False], [False, False])
    own, control = (answers.find(studies, model) for model in ("trained", "untrained"))
    where, order, identity = answers.sentences(own, control)
    assert where.startswith("Of 2 layers and sums of layers, enc16.1 tells classes apart best")
    assert "in 80% of the comparisons" in where and "untrained, 60%" in where
    assert where.endswith("of 2 distances, distance correlation distance does so best (70%).")
    assert "holds at that layer (untrained, at enc16.1, it holds)" in order
    assert "it breaks at t = 200 (untrained, it does not hold, not even at t = 0)" in order
    assert "under hflip, and no longer under rot90 (untrained, no longer under hflip, rot90)" in identity


def test_a_control_that_was_asked_less_is_told_where_it_was_asked():
    studies = everything("trained", 0.6, [True, True, False], [True, False])
    studies += everything("untrained", 0.2, [False, False, False], [False, False])[2:3]
    own, control = (answers.find(studies, model) for model in ("trained", "untrained"))
    where, order, identity = answers.sentences(own, control)
    assert "untrained" not in where + identity
    assert order.endswith("(untrained, it does not hold, not even at t = 0).")


def test_what_nobody_asked_is_not_answered():
    assert answers.sentences(answers.find([], "trained"), None) == []
    (only,) = answers.sentences(answers.find(everything("trained", 0.6, [True] * 3, [True] * 2)[3:], "trained"), None)
    assert only.endswith("under hflip, rot90, all that were tried.")


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ([True, True, True], "it holds up to t = 200, the most that was tried"),
        ([True, False, True], "it breaks at t = 50"),
        ([False, False, True], "it does not hold, not even at t = 0, but at t = 200"),
    ],
)
def test_when_noise_breaks_the_order(order, said):
    found = answers.find([study("timestep", {"0": 0, "50": 0, "200": 0}, order)], "trained")
    assert answers._broken(found.noise_order) == said


def test_an_order_on_some_datasets_is_said_to_be_so():
    studies = [
        study("features", {"mid8": 0.5}, [holds], dataset=name) for name, holds in (("coco", True), ("voc", False))
    ]
    assert answers._verdict(answers.find(studies, "trained")) == "holds on coco only"


def test_controls_stand_beside_what_they_control():
    weights = {"a": "pretrained", "a0": "random", "b": "pretrained"}
    assert answers.pair_up(weights, {"a0": "a"}) == [("a", "a0"), ("b", None)]
    assert answers.pair_up({"lonely": "random"}, {}) == [("lonely", None)]


def test_the_overview_has_a_line_per_model_and_a_panel_per_question():
    studies = everything("trained", 0.6, [True] * 3, [True] * 2) + everything("untrained", 0.2, [True] * 3, [True] * 2)
    findings = {model: answers.find(studies, model) for model in ("trained", "untrained")}
    layers, noise = answers.overview(findings, {"trained": "pretrained", "untrained": "random"}).axes
    lines = {line.get_label(): list(line.get_ydata()) for line in layers.lines[:2]}
    assert lines == {"trained": pytest.approx([0.8, 0.55]), "untrained": pytest.approx([0.6, 0.55])}
    assert [label.get_text() for label in noise.get_xticklabels()] == ["0", "50", "200"]
