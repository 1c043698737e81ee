"""What each study is about, as the report names it."""

import pytest

from semlens.config.studies import describe_studies, list_runs, name_section

ENTRY = {"title": "Whatever is chosen?", "section": "beyond the paper", "datasets": ["coco", "voc"]}


def configure(*models):
    extractions = {"plain": {"models": list(models)}, "noised": {"models": ["another"]}}
    entry = ENTRY | {"extractions": ["plain", "noised"]}
    return {"experiments": {}, "extractions": extractions, "multiverses": {"all": entry}}


def test_a_multiverse_is_about_each_model_of_its_first_extraction_on_each_dataset():
    (study,) = describe_studies(configure("sd15", "random"))
    assert study == {
        **{"study": "multiverse-all", "noun": "multiverse", "name": "all"},
        **{key: ENTRY[key] for key in ("title", "section")},
        "comparisons": ["coco, sd15", "coco, random", "voc, sd15", "voc, random"],
    }


def test_one_model_needs_no_name():
    assert list_runs(configure("sd15"), "multiverses", "all") == [
        {"model": "sd15", "dataset": "coco", "name": "coco"},
        {"model": "sd15", "dataset": "voc", "name": "voc"},
    ]


@pytest.mark.parametrize(
    ("section", "noun"), [("multiverses", "multiverse"), ("searches", "search"), ("experiments", "experiment")]
)
def test_an_entry_is_called_by_the_singular_of_its_section(section, noun):
    assert name_section(section) == noun
