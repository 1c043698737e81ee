"""Files that a configuration names are found."""

from semlens.config.load import find_file


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
