"""Paths as users write them."""

from pathlib import Path

import pytest

from semlens.config.user_paths import link_if_odd, resolve_paths


def resolve(folder, file):
    config = {"datasets": {"own": {"source": {"folder": folder}}}, "models": {}}
    resolve_paths(config, [str(file)])
    return config["datasets"]["own"]["source"]["folder"]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A working directory, with a configuration and data in folders beside it."""
    for name in ("work", "study/data", "home/data"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATA", str(tmp_path / "home" / "data"))
    monkeypatch.delenv("NOWHERE", raising=False)
    return tmp_path / "study" / "config.yaml"


@pytest.mark.parametrize("written", ["~/data", "$HOME/data", "${HOME}/data", "$DATA", "$DATA/"])
def test_home_and_variables_are_filled_in(study, tmp_path, written):
    assert Path(resolve(written, study)) == tmp_path / "home" / "data"


def test_what_is_beside_the_configuration_is_found(study):
    assert resolve("data", study) == str(study.parent / "data")


def test_what_is_in_the_working_directory_comes_first_and_stays_relative(study):
    Path("data").mkdir()
    assert resolve("data", study) == "data"


def test_a_configuration_may_be_named_from_elsewhere(study):
    assert resolve("data", "../study/config.yaml") == str(study.parent / "data")


def test_what_is_nowhere_stays_as_it_is(study):
    assert resolve("other", study) == "other"


def test_a_variable_that_is_not_set_is_named(study):
    with pytest.raises(ValueError, match=r"datasets\.own\.source\.folder: \$NOWHERE of '\$NOWHERE/x' is not set"):
        resolve("$NOWHERE/x", study)


@pytest.mark.parametrize("name", ["a$NOWHERE", "~", "50% {x}", "<y>"])
def test_names_that_look_like_something_else_are_names_where_they_are_there(study, name):
    (study.parent / name).mkdir()
    assert Path(resolve(str(study.parent / name), study)) == study.parent / name


def test_every_path_of_a_configuration_is_resolved(study, tmp_path):
    config = {
        "registry": "~/r.yaml",
        "reference_results": "~/published",
        "datasets": {"own": {"source": {"demo": {}}, "list": {"file": "~/list.csv"}}},
        "models": {
            "one": {"source": {"folder": "~/one"}},
            "two": {"source": {"file": {"path": "~/two.ckpt", "config": "~/two"}}},
            "three": {"source": {"hub": "lab/three"}},
        },
    }
    resolve_paths(config, [])
    home = tmp_path / "home"
    assert (config["registry"], config["reference_results"]) == (f"{home}/r.yaml", f"{home}/published")
    assert config["datasets"]["own"]["list"]["file"] == f"{home}/list.csv"
    assert config["models"]["one"]["source"]["folder"] == f"{home}/one"
    assert config["models"]["two"]["source"]["file"] == {"path": f"{home}/two.ckpt", "config": f"{home}/two"}


@pytest.mark.parametrize("name", ["model {sd}.safetensors", "{}.ckpt", "<x>"])
def test_what_snakemake_would_misread_is_linked(study, name):
    Path(name).write_text("weights")
    link = link_if_odd(name)
    assert not set("{}<>") & set(link)
    assert Path(link).read_text() == "weights"
    assert Path(link).suffix == Path(name).suffix
    assert link_if_odd(str(Path(name).absolute())) == link


def test_other_paths_are_left_alone(study):
    assert link_if_odd("data with spaces/%s [é]") == "data with spaces/%s [é]"
    assert not Path(".snakemake").exists()


def test_files_of_an_odd_folder_stay_together(study):
    folder = Path("my {vit}")
    folder.mkdir()
    for name in ("config.json", "preprocessor_config.json"):
        (folder / name).write_text(name)
    links = [Path(link_if_odd(f"my {{vit}}/{name}")) for name in ("config.json", "preprocessor_config.json")]
    assert links[0].parent == links[1].parent
    assert [link.read_text() for link in links] == ["config.json", "preprocessor_config.json"]
