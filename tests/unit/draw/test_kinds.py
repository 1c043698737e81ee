"""The table of kinds: what each experiment has, under which names."""

from collections import Counter

import pytest

from semlens.config.studies import SECTIONS, name_section
from semlens.draw.kinds import KINDS, list_experiments, list_kinds, list_report_parts

COMMON = {"reference": "all", "dunn": "table1", "view": "identity", "tasks": []}
SEPARATION = ["separation", "separation_table"]
CLASSES = ["class_distances", "pca", "neighbours", "pairs"]
EXPERIMENTS = {
    "metrics": {"axis": "metric", **COMMON},
    "asked": {"axis": "metric", **COMMON, "tasks": ["knn"]},
    "where": {"axis": "layers", "conditions": ["64+32", "enc16.1"], **COMMON, "dunn": "eq10"},
    "sums": {"axis": "layers", "conditions": ["64+32", "enc16"], **COMMON},
    "flipped": {"axis": "layers", "conditions": ["enc16.1"], **COMMON, "view": "hflip"},
    "noise": {"axis": "timestep", "conditions": [0, 50], "layers": "mid8", **COMMON},
    "noise-sum": {"axis": "timestep", "conditions": [0, 50], "layers": "64+32", **COMMON},
    "both": {"axis": "grid", **COMMON},
    "video": {"axis": "offset", **COMMON},
    "person": {"axis": "offset", **COMMON, "reference": "walk/00000/1"},
}
CONFIG = {"experiments": {name: {**entry, "title": name} for name, entry in EXPERIMENTS.items()}}


@pytest.mark.parametrize(
    ("experiment", "expected"),
    [
        ("metrics", ["boxes", *SEPARATION, "sets", "tests", "objects"]),
        ("asked", ["boxes", *SEPARATION, "tasks", "tasks_table", "sets", "tests", "objects"]),
        ("where", ["boxes", *SEPARATION, "artefacts", "sets", "tests", *CLASSES, "tokens", "objects"]),
        ("sums", ["boxes", *SEPARATION, "artefacts", "sets", "tests", *CLASSES, "objects"]),
        ("flipped", ["boxes", *SEPARATION, "artefacts", "sets", "tests", *CLASSES, "objects"]),
        ("noise", ["boxes", *SEPARATION, "artefacts", "sets", "tests", "tokens", "objects"]),
        ("noise-sum", ["boxes", *SEPARATION, "artefacts", "sets", "tests", "objects"]),
        ("both", ["heat_maps"]),
        ("video", ["curves", *SEPARATION, "sets", "tests", "objects"]),
        ("person", ["track", "track_table"]),
    ],
)
def test_kinds_follow_from_the_experiment(experiment, expected):
    assert [kind.name for kind in list_kinds(EXPERIMENTS[experiment])] == expected


def test_an_agreement_has_a_figure_and_a_table_of_its_own():
    parts = list_report_parts({"experiments": {}, "agreements": {"both": {"title": "Alike?"}}})
    assert [(part["kind"], part["study"], part["file"]) for part in parts] == [
        ("agreement_maps", "agreement-both", "figures/both.agreement.png"),
        ("agreement_table", "agreement-both", "tables/both.agreement.html"),
    ]


def test_a_multiverse_has_a_figure_and_two_tables():
    parts = list_report_parts({"experiments": {}, "multiverses": {"all": {"title": "Whatever is chosen?"}}})
    assert [(part["kind"], part["study"], part["file"]) for part in parts] == [
        ("specification_curve", "multiverse-all", "figures/all.multiverse.png"),
        ("choices_table", "multiverse-all", "tables/all.choices.html"),
        ("multiverse_table", "multiverse-all", "tables/all.multiverse.html"),
    ]


def test_no_kind_has_the_name_of_a_section():
    """The report's anchors are a section and a name, or a kind and a name."""
    assert not {kind.name for kind in KINDS} & {name_section(section) for section in SECTIONS}


def test_rules_draw_the_experiments_that_have_their_kinds():
    assert list_experiments("draw_track", EXPERIMENTS) == ["person"]
    assert list_experiments("draw_classes", EXPERIMENTS) == ["where", "sums", "flipped"]
    assert list_experiments("draw_tokens", EXPERIMENTS) == ["where", "noise"]


def test_files_are_unique_and_images_or_tables():
    parts = list_report_parts(CONFIG)
    assert max(Counter(part["file"] for part in parts).values()) == 1
    assert {part["file"].rsplit(".", 1)[1] for part in parts} == {"png", "html"}
    assert [part["name"] for part in parts] == sorted((part["name"] for part in parts), key=list(EXPERIMENTS).index)


def test_captions_are_filled_in():
    captions = {(part["name"], part["kind"]): part["caption"] for part in list_report_parts(CONFIG)}
    assert all(captions.values()) and not any("{" in caption for caption in captions.values())
    assert "walk/00000/1" in captions["person", "track"]
    assert "Eq. 10" in captions["where", "tests"] and "Eq. 10" not in captions["metrics", "tests"]


def test_names_are_unique():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
