"""Agreements compare what experiments give of the same objects as they are; all else is refused."""

import copy

import pytest

from semlens.config.agreements import list_agreement_metrics, list_representations
from semlens.config.checks import check_references
from semlens.images.original import ORIGINAL

READ = {"prompt": "empty", "posterior": "mean", "noise": True, "views": "plain", "timesteps": [0], "mask": "area"}
ASKED = {"metric": "cosine", "timestep": 0, "view": ORIGINAL, "reference": "all"} | {
    "sets": ["scsi", "scdi"],
    "expected_order": [],
}
FOLDER = {"format": "coco", "source": {"folder": "coco"}, "split": "val"}
CONFIG = {
    "models": {"sd": {}, "twin": {}, "dino": {}},
    "prompts": {"empty": ""},
    "views": {"plain": [ORIGINAL, "hflip"]},
    "datasets": {
        "coco": FOLDER,
        "voc": FOLDER,
        "davis": {"format": "davis", "source": {"folder": "davis"}, "sequences": {}},
    },
    "extractions": {
        "unets": {**READ, "models": ["sd", "twin"], "datasets": ["coco", "voc"]},
        "encoders": {**READ, "models": ["dino"], "datasets": ["coco"]},
        "videos": {**READ, "models": ["sd"], "datasets": ["davis"]},
    },
    "experiments": {
        "where": {
            **ASKED, "extractions": ["unets"], "datasets": ["coco", "voc"], "axis": "layers",
            "conditions": ["mid8", "64"],
        },
        "blocks": {
            **ASKED, "extractions": ["encoders"], "datasets": ["coco"], "axis": "layers", "conditions": ["block00"],
            "metric": "euclidean",
        },
        "views": {
            **ASKED, "extractions": ["unets"], "datasets": ["coco"], "axis": "view", "conditions": ["hflip"],
            "layers": "mid8",
        },
        "video": {
            **ASKED, "extractions": ["videos"], "datasets": ["davis"], "axis": "offset", "conditions": [1],
            "layers": "mid8",
        },
    },
    "agreements": {"both": {"experiments": ["where", "blocks"], "datasets": ["coco"], "neighbours": 10}},
}  # fmt: skip


@pytest.fixture
def config():
    return copy.deepcopy(CONFIG)


def test_representations_are_the_conditions_of_every_model(config):
    found = list_representations(config, "both")
    assert [(one["experiment"], one["model"], one["name"], one["extractions"]) for one in found] == [
        ("where", "sd", "mid8", ["unets"]),
        ("where", "sd", "64", ["unets"]),
        ("where", "twin", "mid8", ["unets"]),
        ("where", "twin", "64", ["unets"]),
        ("blocks", "dino", "block00", ["encoders"]),
    ]
    assert list_agreement_metrics(config, "both") == ["cosine", "euclidean"]


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, []),
        ({"extractions": ["unets", "noised"]}, []),
        ({"extractions": ["again"]}, ["mid8"]),
        ({"metric": "euclidean"}, ["mid8"]),
        ({"discard_channels": 2}, ["mid8"]),
        ({"timestep": 50, "extractions": ["noised"]}, ["mid8"]),
        ({"conditions": ["64+mid8"]}, ["64+mid8"]),
    ],
)
def test_what_two_experiments_have_in_common_is_of_the_first_alone(config, changes, kept):
    unets = config["extractions"]["unets"]
    config["extractions"] |= {"again": unets | {"prompt": "other"}, "noised": unets | {"timesteps": [50]}}
    config["experiments"]["again"] = config["experiments"]["where"] | {"conditions": ["mid8"], **changes}
    config["agreements"]["both"]["experiments"] = ["where", "again"]
    found = [(one["experiment"], one["name"]) for one in list_representations(config, "both") if one["model"] == "sd"]
    assert found == [("where", "mid8"), ("where", "64"), *(("again", name) for name in kept)]


def test_what_an_experiment_does_to_channels_is_done_here_too(config):
    config["experiments"]["where"]["discard_channels"] = 2
    assert [one.get("discard_channels") for one in list_representations(config, "both")] == [2, 2, 2, 2, None]


def test_given_size_is_refused_as_agreement_would_not_take_it_away(config):
    config["experiments"]["where"]["given"] = ["area", "position"]
    with pytest.raises(ValueError, match=r"^agreement 'both': experiment 'where' has 'given': area, position, "):
        check_references(config)


def test_experiments_of_the_same_objects_pass(config):
    check_references(config)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"experiments": ["wheer"]}, "names experiment 'wheer' (did you mean 'where'?); there are where"),
        ({"datasets": ["cocoa"]}, "names dataset 'cocoa'"),
        ({"datasets": ["voc"]}, "experiment 'blocks' has no dataset 'voc'; it has coco"),
        ({"experiments": ["views"]}, "experiment 'views', condition 'hflip': 'view' shows objects otherwise than they"),
        (
            {"experiments": ["video"], "datasets": ["davis"]},
            "experiment 'video', condition '1': 'offset' shows",
        ),
        ({"experiments": ["blocks"]}, "there is one representation, and nothing that it may agree with"),
    ],
)
def test_what_does_not_fit_is_refused(config, changes, words):
    config["agreements"]["both"] |= changes
    with pytest.raises(ValueError, match=r"^agreement 'both'") as raised:
        check_references(config)
    assert words in str(raised.value)
