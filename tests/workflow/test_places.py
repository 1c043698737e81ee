"""Where a run takes place does not matter: several in one checkout, elsewhere, on another disk, under any name."""

import shlex
import shutil
from pathlib import Path
from uuid import uuid4

import pytest
from payload import alike
from repository import Repository, changed, copied, in_namespace, started

STATISTICS = [f"statistics/metrics/tiny/coco.{kind}.csv" for kind in ("sets", "pairs", "trend", "normality")]
MADE = [
    *("manifests/coco/00001.parquet", "latents/tiny/coco/plain/00001.h5", "features/plain/tiny/coco/00001.h5"),
    *("prototypes/plain/tiny/coco/00001.parquet", "distances/metrics/tiny/coco.parquet"),
    *STATISTICS,
]


@pytest.fixture
def other_disk(tmp_path):
    """A folder in a file system of its own: nothing can be renamed from here to there."""
    folder = Path("/dev/shm", f"semlens-{uuid4().hex}")
    folder.mkdir()
    assert folder.stat().st_dev != tmp_path.stat().st_dev
    yield folder
    shutil.rmtree(folder)


def test_two_configurations_run_side_by_side_in_one_checkout(finished, clone, tmp_path):
    repo = clone()
    names = ["first", "second run"]
    configs = [changed({"pathvars": {"results": name}}, tmp_path / f"{name}.yaml") for name in names]
    targets = [f"{name}/{MADE[0]}" for name in names]
    first, second = (Repository(repo.folder, config) for config in configs)
    with (
        started(first, targets[0], "--cores", "1") as one,
        started(second, targets[1], "--cores", "1") as two,
    ):
        assert [one.wait(timeout=120), two.wait(timeout=120)] == [0, 0]
    for target in targets:
        assert alike(repo.path(target), finished.path("results", MADE[0]))


def test_the_repository_may_be_read_only_and_results_on_another_disk(finished, other_disk, tmp_path):
    """Spaces and letters of other alphabets in every path; a run below a folder that is not the repository."""
    home = copied(tmp_path / "read only" / "repository")
    results, study = other_disk / "résultats du jour", tmp_path / "étude 意味"
    study.mkdir()
    config = changed({"pathvars": {"results": str(results)}}, tmp_path / "ma configuration.yaml")
    frozen = shlex.quote(str(home))
    said = in_namespace(
        f"mount --bind {frozen} {frozen} && mount -o remount,bind,ro {frozen} && ! touch {frozen}/new 2> /dev/null",
        Repository(study, config),
        *("--snakefile", str(home / "Snakefile"), "--workflow-profile", str(home / "profiles" / "default")),
        *(str(results / STATISTICS[0]), "--cores", "2"),
    )
    assert said.returncode == 0, said.stdout
    for name in MADE:
        assert alike(results / name, finished.path("results", name)), name
    assert {path.name for path in study.iterdir()} == {".snakemake", "resources"}
