"""A copy of the repository in which a small configuration has run end to end."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository import SMALL, Repository, changed, copied, execute


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Repository:
    """The small configuration, run once. Tests leave it as they find it."""
    folder = tmp_path_factory.mktemp("finished")
    repo = Repository(copied(folder / "repository"), folder / "small.yaml")
    repo.config.write_text(yaml.safe_dump(SMALL, sort_keys=False))
    (folder / "terminal.txt").write_text(execute(repo))
    return repo


@pytest.fixture(scope="session")
def clone(finished, tmp_path_factory) -> Callable[[], Repository]:
    """Makes copies of the finished repository, results and Snakemake's records included, to be broken at will."""

    def make() -> Repository:
        folder = tmp_path_factory.mktemp("clone") / "repository"
        shutil.copytree(finished.folder, folder, symlinks=True)
        return Repository(folder, finished.config)

    return make


@pytest.fixture
def configured(tmp_path) -> Callable[[dict[str, Any]], Path]:
    """Writes the small configuration with some values changed."""
    return lambda changes: changed(changes, tmp_path / "changed.yaml")
