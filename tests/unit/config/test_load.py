"""Files that a configuration names are found, and what has no order is given one."""

import json
from pathlib import Path

import pytest

from semlens.compare.metrics import list_metrics
from semlens.config.load import find_file, load_configuration
from semlens.config.plan import get_extraction_settings
from semlens.config.yaml_files import read_yaml

REPOSITORY = Path(__file__).parents[3]


def load(**written):
    """The demo's configuration with more keys, which come first."""
    config = {**written, **read_yaml(REPOSITORY / "config" / "config.yaml")}
    load_configuration(config, REPOSITORY, list_metrics())
    return config


@pytest.mark.parametrize(
    ("one", "other"),
    [({}, {"optimizations": []}), ({"optimizations": ["compile", "tf32"]}, {"optimizations": ["tf32", "compile"]})],
)
def test_optimizations_have_no_order_and_none_need_not_be_written(one, other):
    """Also as text, which Snakemake compares."""
    config = load(**one)
    assert json.dumps(config) == json.dumps(load(**other))
    for extraction in config["extractions"]:
        assert get_extraction_settings(config, extraction)["optimizations"] == one.get("optimizations", [])


def test_a_file_of_the_working_directory_comes_before_one_of_the_repository(tmp_path, monkeypatch):
    home, study = tmp_path / "repository", tmp_path / "study"
    for folder in (home, study):
        folder.mkdir()
    monkeypatch.chdir(study)
    (home / "registry.yaml").touch()
    assert find_file("registry.yaml", home) == home / "registry.yaml"
    (study / "registry.yaml").touch()
    assert find_file("registry.yaml", home) == study / "registry.yaml"


def test_a_file_that_is_nowhere_is_missed_in_the_repository(tmp_path):
    assert find_file("registry.yaml", tmp_path) == tmp_path / "registry.yaml"
