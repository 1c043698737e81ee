"""Answers: what the sentences say is what the statistics hold."""

import numpy as np
import pandas as pd
import pytest

from semlens.draw.overview import draw_overview
from semlens.statistics import findings
from semlens.statistics.findings import EQ_16, EQ_17, Comparison, find_answers, pair_models, write_sentences

FOUR = ("scsi", "scdi", "dcsi", "dcdi")


AT = {"metric": "64+32+16", "timestep": "enc16.1", "view": "enc16.1", "layers": None}


def study(axis, deltas, observed, *, model="trained", dataset="coco", experiment=None, settings=(), reverse=False):
    """A study whose conditions have such an effect size of dcdi over scdi, and such orders.

    An order is whether it is the expected one, or what was observed, or nothing if a set is empty.
    """
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
    expected = EQ_17 if axis == "view" else EQ_16
    orders = {True: expected, False: "dcdi < scsi < scdi < dcsi", None: ""}
    trend = pd.DataFrame(
        {
            "condition": list(deltas),
            "expected": expected,
            "observed": [orders.get(order, order) for order in observed],
            "verdict": ["empty set" if order is None else "told" for order in observed],
        }
    ).set_index("condition")
    return Comparison(experiment or axis, model, dataset, axis, AT[axis], settings, pairs, trend)


@pytest.mark.parametrize("reverse", [False, True])
def test_separation_is_a_share_of_comparisons_whichever_set_stands_first(reverse):
    found = study("layers", {"enc16.1": 0.5, "mid8": -0.2}, [True, False], reverse=reverse).separations()
    assert found.to_dict() == pytest.approx({"enc16.1": 0.75, "mid8": 0.4})


def test_the_best_layer_is_that_of_all_experiments_averaged_over_datasets():
    studies = [
        study("layers", {"enc16.1": 0.6, "mid8": 0.5}, [True, True], dataset="coco"),
        study("layers", {"enc16.1": 0.2, "mid8": 0.5}, [False, True], dataset="voc"),
        study("layers", {"64": 0.9, "mid8": -0.5}, [True, False], dataset="coco", experiment="resolution"),
    ]
    found = find_answers(studies, "trained")
    assert found.layers.to_dict() == pytest.approx({"enc16.1": 0.7, "mid8": 0.75})  # 64 was not asked of voc
    assert found.order.to_dict() == {"coco": True, "voc": True}
    assert found.layers_at == "on coco and voc"


def test_experiments_under_other_settings_than_the_first_do_not_count():
    studies = [
        study("layers", {"enc16": 0.6}, [True], settings=("correlation", 0)),
        study("layers", {"enc16": 0.9, "mid8": 0.9}, [False, False], settings=("correlation", 500), experiment="late"),
    ]
    found = find_answers(studies, "trained")
    assert found.layers.to_dict() == pytest.approx({"enc16": 0.8})
    assert found.order.to_dict() == {"coco": True}


def everything(model, best, noise, views):
    return [
        study("layers", {"enc16.1": best, "mid8": 0.1}, [True, False], model=model),
        study("metric", {"cosine": 0.3, "distance_correlation": 0.4}, [True, True], model=model),
        study("timestep", {"0": 0.5, "50": 0.4, "200": 0.1}, noise, model=model, dataset="voc"),
        study("view", {"hflip": np.nan, "rot90": np.nan}, views, model=model, dataset="voc"),
    ]


def test_three_sentences_tell_layer_distance_order_noise_and_views_beside_the_control():
    studies = everything("trained", 0.6, [True, True, False], [True, "scsi < sidi < dcsi"])
    studies += everything("untrained", 0.2, [False, False, False], ["scsi < sidi < dcsi", False])
    own, control = (find_answers(studies, model) for model in ("trained", "untrained"))
    assert write_sentences(own, control) == [
        "Of 2 layers and sums of layers, enc16.1 tells classes apart best on coco: there, an object of another class "
        "lies farther away than one of the same class in 80% of the comparisons between images (chance is 50%; "
        "untrained, 60%); of 2 distances, distance correlation distance tells them apart best at 64+32+16 on coco "
        "(70%).",
        "The order of preserved meaning (Eq. 16: scsi < scdi < dcsi < dcdi) holds there (untrained, at enc16.1, it "
        "holds); with noise, at enc16.1 on voc, it breaks at t = 200 (untrained, it does not hold, not even at t = 0).",
        "At enc16.1 on voc, an object stays nearer to itself than objects are to each other (sidi is lowest, Eq. 17) "
        "under hflip, and no longer under rot90 (untrained, no longer under hflip, rot90).",
    ]


def test_a_control_that_was_asked_less_is_told_where_it_was_asked():
    studies = everything("trained", 0.6, [True, True, False], [True, False])
    studies += everything("untrained", 0.2, [False, False, False], [False, False])[2:3]
    own, control = (find_answers(studies, model) for model in ("trained", "untrained"))
    where, order, identity = write_sentences(own, control)
    assert "untrained" not in where + identity
    assert order.endswith("(untrained, it does not hold, not even at t = 0).")


def test_what_nobody_asked_is_not_answered():
    assert write_sentences(find_answers([], "trained"), None) == []
    (only,) = write_sentences(find_answers(everything("trained", 0.6, [True] * 3, [True] * 2)[3:], "trained"), None)
    assert only.endswith("under hflip, rot90, all that were tried.")


def test_a_clause_stands_by_itself():
    (noise,) = write_sentences(find_answers([study("timestep", {"0": 0.5}, [True])], "trained"), None)
    assert noise.startswith("With noise, at enc16.1 on coco, the order of preserved meaning (Eq. 16: ")
    where, _ = write_sentences(find_answers([study("layers", {"mid8": 0.5}, [True])], "trained"), None)
    assert where.startswith("At mid8 on coco, an object of another class lies farther away")
    assert write_sentences(find_answers([study("metric", {"cosine": 0.5}, [True])], "trained"), None) == []


def test_an_order_of_which_a_set_is_empty_is_not_told():
    studies = [study("layers", {"mid8": 0.5}, [None]), study("view", {"hflip": 0, "rot90": 0}, [None, True])]
    _, order, identity = write_sentences(find_answers(studies, "trained"), None)
    assert order.endswith("cannot be told there.")
    assert "under rot90, all that were tried" in identity


def test_identity_is_judged_by_itself_alone():
    """Whether scsi < dcsi says nothing of a view: these sets are those of the originals."""
    found = find_answers([study("view", {"hflip": 0}, ["sidi < dcsi < scsi"])], "trained")
    assert found.identity.to_dict() == {"hflip": True}


def test_another_order_than_eq_16_is_not_called_so():
    asked = study("layers", {"mid8": 0.5}, [True])
    asked.trend["expected"] = "sidi < scdi"
    assert not len(find_answers([asked], "trained").order)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ([True, True, True], "holds up to t = 200, the most that was tried"),
        ([True, False, True], "breaks at t = 50, but holds at t = 200"),
        ([True, True, False], "breaks at t = 200"),
        ([False, False, True], "does not hold, not even at t = 0, but holds at t = 200"),
    ],
)
def test_when_noise_breaks_the_order(order, said):
    found = find_answers([study("timestep", dict.fromkeys(["200", "0", "50"], 0), [order[2], *order[:2]])], "trained")
    assert findings._broken(found.noise_order) == said


def test_an_order_on_some_datasets_is_said_to_be_so():
    studies = [
        study("layers", {"mid8": 0.5}, [holds], dataset=name) for name, holds in (("coco", True), ("voc", False))
    ]
    assert findings._verdict(find_answers(studies, "trained").order) == "holds on coco only"


def test_controls_stand_beside_what_they_control():
    weights = {"a": "pretrained", "a0": "random", "b": "pretrained"}
    assert pair_models(weights, {"a0": "a"}) == [("a", "a0"), ("b", None)]
    assert pair_models({"lonely": "random"}, {}) == [("lonely", None)]


def drawn(panel, label):
    """Where a model's joined points are: {name on the axis: value}."""
    (line,) = [line for line in panel.lines if line.get_label() == label]
    names = [text.get_text() for text in panel.get_xticklabels()]
    return {names[int(x)]: y for x, y in line.get_xydata() if not np.isnan(y)}


def test_the_overview_has_a_line_per_model_and_a_panel_per_question():
    studies = everything("trained", 0.6, [True] * 3, [True] * 2) + everything("untrained", 0.2, [True] * 3, [True] * 2)
    findings = {model: find_answers(studies, model) for model in ("trained", "untrained")}
    weights = {"trained": "pretrained", "untrained": "random"}
    layers, noise = draw_overview(findings, weights, [("trained", "untrained")]).axes
    assert drawn(layers, "trained") == pytest.approx({"enc16.1": 0.8, "mid8": 0.55})
    assert drawn(layers, "untrained") == pytest.approx({"enc16.1": 0.6, "mid8": 0.55})
    assert [label.get_text() for label in noise.get_xticklabels()] == ["0", "50", "200"]


def test_models_that_were_asked_different_layers_share_an_axis():
    """In forward order; what a model was not asked has no point."""
    studies = [
        study("layers", {"dec16.1": 0.2, "enc64.1": 0.4, "16": 0.6}, [True] * 3, model="one"),
        study("layers", {"enc16.1": 0.8, "dec16.1": 0}, [True] * 2, model="other"),
    ]
    findings = {model: find_answers(studies, model) for model in ("one", "other")}
    (panel,) = draw_overview(findings, dict.fromkeys(findings, "pretrained"), [("one", None), ("other", None)]).axes
    assert [label.get_text() for label in panel.get_xticklabels()] == ["16", "enc64.1", "enc16.1", "dec16.1"]
    assert drawn(panel, "one") == pytest.approx({"enc64.1": 0.7, "dec16.1": 0.6})
    sums = [line for line in panel.lines if list(line.get_xdata()) == [0] and line.get_marker() == "o"]
    assert [(line.get_ydata()[0], line.get_linestyle()) for line in sums[:1]] == [(0.8, "None")]
    assert drawn(panel, "other") == pytest.approx({"enc16.1": 0.9, "dec16.1": 0.5})
    assert len({line.get_color() for line in panel.lines if not line.get_label().startswith("_")}) == 2
