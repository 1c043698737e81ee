"""A folder of results belongs to one configuration, and its dates must say something."""

import os
import time
from base64 import urlsafe_b64encode

import pytest

from semlens.config.results_folder import check_results, find_unrecorded, record_owner

CONFIG = {"models": {"m": {"size": 128}}, "datasets": {"zoo": {"images": 4}}, "experiments": {"q": {"axis": "layers"}}}


def changed(section, name, entry):
    return CONFIG | {section: CONFIG[section] | {name: entry}}


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    record_owner(folder, CONFIG, ["first.yaml"])
    return folder


def test_the_same_file_may_be_edited(results):
    check_results(results, changed("models", "m", {"size": 512}), ["first.yaml"])


def test_another_file_may_say_the_same_and_ask_more(results):
    check_results(results, CONFIG, ["second.yaml"])
    check_results(results, changed("experiments", "more", {}), ["second.yaml"])


@pytest.mark.parametrize("section", ["models", "datasets", "experiments"])
def test_another_file_with_another_entry_is_refused(results, section):
    (name,) = CONFIG[section]
    with pytest.raises(ValueError, match=rf"first\.yaml.*{section} have '{name}'.*is another one.*pathvars"):
        check_results(results, changed(section, name, {"images": 5}), ["second.yaml"])
    with pytest.raises(ValueError, match=rf"'{name}'; in this one it is not"):
        check_results(results, CONFIG | {section: {"other": CONFIG[section][name]}}, ["second.yaml"])


def test_without_the_record_another_one_may_take_over(results):
    (results / "configuration.json").unlink()
    check_results(results, changed("models", "m", {"size": 512}), ["second.yaml"])


@pytest.mark.parametrize(("seconds", "refused"), [(60, False), (3600, True)])
def test_results_of_the_future_are_refused(results, seconds, refused):
    path = results / "index" / "zoo.parquet"
    path.parent.mkdir()
    path.touch()
    os.utime(path, (time.time() + seconds, time.time() + seconds))
    if refused:
        with pytest.raises(ValueError, match=r"zoo\.parquet is dated .* in the future.*touch"):
            check_results(results, CONFIG, ["first.yaml"])
    else:
        check_results(results, CONFIG, ["first.yaml"])


def test_what_snakemake_has_no_record_of_is_found(results, tmp_path):
    records, paths = tmp_path / "metadata", [results / "index" / f"{name}.parquet" for name in "ab"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert find_unrecorded(results, records) == list(map(str, paths))
    records.mkdir()
    (records / urlsafe_b64encode(str(paths[0]).encode()).decode()).touch()
    assert find_unrecorded(results, records) == [str(paths[1])]
