"""A copy of the repository in which a small configuration has run end to end."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository import SMALL, Repository, changed, copied, execute

SLOW = {"finished", "pretended"}  # fixtures


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever waits for a whole run is slow."""
    for item in items:
        if SLOW & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Repository:
    """The small configuration, run once for all of pytest's workers. Tests leave it as they find it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    folder.mkdir(exist_ok=True)
    repo = Repository(folder / "repository", folder / "small.yaml")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "terminal.txt").exists():
            shutil.rmtree(repo.folder, ignore_errors=True)
            copied(repo.folder)
            repo.config.write_text(yaml.safe_dump(SMALL, sort_keys=False))
            (folder / "terminal.txt").write_text(execute(repo))
            repo.path("results", "configuration.json").unlink()  # tests ask it with changed configurations
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
