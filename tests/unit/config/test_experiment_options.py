"""What an experiment does to channels, and what its separation is given, follows it everywhere."""

import copy
import re

import pytest

from semlens.config.axes import FOREIGN
from semlens.config.checks import check_references
from semlens.config.plan import get_question, list_conditions, list_planes, list_task_metrics

READ = {"models": ["tiny"], "datasets": ["coco"], "prompt": "empty", "posterior": "mean", "noise": True}
ASKED = {"extractions": ["plain"], "datasets": ["coco"], "metric": "cosine", "timestep": 0, "view": "identity"}
CONFIG = {
    "models": {
        "tiny": {},
        "sd": {"family": "unet"},
        "dino": {"family": "dinov2"},
        "latents": {"family": "vae"},
        "dit": {"family": "dit"},
    },
    "prompts": {"empty": ""},
    "views": {"plain": ["identity", "hflip"]},
    "datasets": {"coco": {"format": "coco", "source": {"folder": "coco"}, "split": "val"}},
    "extractions": {"plain": {**READ, "views": "plain", "timesteps": [0], "mask": "area"}},
    "experiments": {
        "where": {
            **ASKED,
            **{"axis": "layers", "conditions": ["mid8"], "reference": "all"},
            **{"sets": ["scsi", "scdi"], "expected_order": []},
        }
    },
}
OPTIONS = {
    "discard_channels": (2, "2"),
    "standardize_channels": (True, "True"),
    "given": (["area", "position"], "area and position"),
    "across": (True, "True"),
}


@pytest.fixture
def config():
    return copy.deepcopy(CONFIG)


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_is_in_every_condition_and_in_the_question(config, option):
    value, text = OPTIONS[option]
    config["experiments"]["where"][option] = value
    (condition,) = list_conditions(config["experiments"]["where"])
    assert condition[option] == value
    assert str(get_question(config, "where", "sd", "coco")["settings"][option]) == text


def test_defaults_change_neither_conditions_nor_what_is_asked(config):
    before = list_conditions(config["experiments"]["where"]), get_question(config, "where", "sd", "coco")
    config["experiments"]["where"] |= {
        "discard_channels": 0,
        "standardize_channels": False,
        "given": [],
        "across": False,
    }
    assert (list_conditions(config["experiments"]["where"]), get_question(config, "where", "sd", "coco")) == before
    assert not any(before[1]["settings"].get(option) for option in OPTIONS)
    assert "across" not in before[1]["settings"]  # which are parameters of jobs


def test_a_plane_has_the_channels_of_its_only_experiment_and_all_of_them_where_one_compares_all(config):
    config["experiments"]["where"]["discard_channels"] = 2
    assert [plane.get("discard_channels") for plane in list_planes(config, "plain", "coco")] == [2]
    config["experiments"]["raw"] = CONFIG["experiments"]["where"]
    assert [plane.get("discard_channels") for plane in list_planes(config, "plain", "coco")] == [None]


@pytest.mark.parametrize("option", OPTIONS)
def test_one_option_passes(config, option):
    config["experiments"]["where"] |= {
        option: OPTIONS[option][0],
        "view": "hflip" if option == "across" else "identity",
    }
    check_references(config)


def test_across_goes_with_views_of_which_one_may_be_the_original(config):
    where = config["experiments"]["where"]
    where |= {"across": True, "axis": "view", "layers": "mid8", "conditions": ["identity", "hflip"]}
    check_references(config)
    assert [condition["across"] for condition in list_conditions(where)] == [True, True]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"discard_channels": 2, "standardize_channels": True},
            "experiment 'where': 'discard_channels' and 'standardize_channels' do not go together",
        ),
        ({"given": ["area"], "view": "hflip"}, "experiment 'where': 'given' and 'view' do not go together"),
        (
            {"given": ["area"], "axis": "view", "layers": "mid8", "conditions": ["identity", "hflip"]},
            "experiment 'where': 'given' and 'view' do not go together",
        ),
        (
            {"across": True},
            "experiment 'where': 'across' pairs originals with a view, but all conditions have 'view: identity'; name",
        ),
        (
            {"across": True, "axis": "view", "layers": "mid8", "conditions": ["identity"]},
            "experiment 'where': 'across' pairs originals with a view, but all conditions have 'view: identity'; name",
        ),
        ({"across": True, "offset": 1}, "experiment 'where': 'across' and 'offset' do not go together"),
        (
            {"across": True, "axis": "offset", "layers": "mid8", "conditions": [1, 2]},
            "experiment 'where': 'across' and 'offset' do not go together",
        ),
    ],
    ids=["channels", "a view", "views along the axis", "no view", "no view along the axis", "frames", "offsets"],
)
def test_what_does_not_go_together_is_refused(config, changes, words):
    config["experiments"]["where"] |= changes
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        check_references(config)


@pytest.mark.parametrize(
    ("model", "foreign"),
    [
        ("dino", {"timestep", "prompt", "posterior", "noise", "inference_steps"}),
        ("latents", {"timestep", "prompt", "noise", "inference_steps"}),
        ("dit", {"prompt"}),
    ],
)
def test_what_does_not_apply_to_a_model_is_not_asked_of_it(config, model, foreign):
    asked, of_all = (get_question(config, "where", name, "coco")["settings"] for name in (model, "sd"))
    assert {key for key in of_all if asked[key] == FOREIGN} == foreign
    assert {key: value for key, value in asked.items() if key not in foreign} == {
        key: value for key, value in of_all.items() if key not in foreign
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"tasks": ["knn", "reidentification"]},
            "task 'reidentification' needs conditions with a 'view' or an 'offset'",
        ),
        ({"tasks": ["knn", "probe"], "view": "hflip"}, "'knn', 'probe' are measured on images as they are"),
        (
            {"tasks": ["retrieval"], "axis": "view", "layers": "mid8", "conditions": ["hflip"]},
            "'retrieval' are measured",
        ),
        (
            {"tasks": ["knn"], "axis": "offset", "conditions": [1], "layers": "mid8", "reference": "a/1"},
            "'tasks' are about many objects",
        ),
    ],
    ids=["again without a view", "classes under a view", "classes along views", "one object"],
)
def test_tasks_without_objects_are_refused(config, changes, words):
    config["datasets"]["coco"] |= {"format": "davis", "sequences": {"a": {1: "dog"}}}
    del config["datasets"]["coco"]["split"]
    config["experiments"]["where"] |= changes
    with pytest.raises(ValueError, match=f"^experiment 'where': (task )?{re.escape(words.removeprefix('task '))}"):
        check_references(config)


@pytest.mark.parametrize("task", ["retrieval", "knn", "probe", "clustering"])
def test_tasks_of_classes_are_refused_where_the_prompt_names_them(config, task):
    config["prompts"]["named"] = "a photo of {classes}"
    config["extractions"]["plain"]["prompt"] = "named"
    config["experiments"]["where"]["tasks"] = [task]
    words = f"experiment 'where': '{task}' would read classes .* 'plain' has prompt 'named', with {{classes}}; take"
    with pytest.raises(ValueError, match=words):
        check_references(config)


def test_tasks_that_have_objects_pass(config):
    where = config["experiments"]["where"]
    where |= {"axis": "view", "layers": "mid8", "conditions": ["identity", "hflip"]}
    where["tasks"] = ["retrieval", "knn", "probe", "clustering", "reidentification"]
    check_references(config)
    config["prompts"]["named"] = "a photo of {classes}"
    config["extractions"]["plain"]["prompt"] = "named"
    where["tasks"] = ["reidentification"]
    check_references(config)


def test_a_vote_needs_the_cosine_metric(config):
    for tasks, metrics in ((["probe"], ["euclidean"]), (["knn"], ["cosine", "euclidean"])):
        config["experiments"]["where"] |= {"metric": "euclidean", "tasks": tasks}
        assert list_task_metrics(config, "where") == metrics
