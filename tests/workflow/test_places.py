"""Where a run takes place does not matter: several in one checkout, elsewhere, on another disk, under any name."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from payload import alike
from repository import Repository, changed, copied, in_namespace, started

MADE = [
    *("manifests/coco/00001.parquet", "latents/tiny/coco/plain/00001.h5", "features/plain/tiny/coco/00001.h5"),
    "prototypes/plain/tiny/coco/00001.parquet",
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
    configs = [
        changed({"pathvars": {"results": name}, "seed": seed}, tmp_path / f"{name}.yaml")
        for seed, name in enumerate(names)
    ]
    first, second = (Repository(repo.folder, config) for config in configs)
    with (
        started(first, f"{names[0]}/{MADE[-1]}", "--cores", "1") as one,
        started(second, f"{names[1]}/{MADE[-1]}", "--cores", "1") as two,
    ):
        assert [one.wait(timeout=300), two.wait(timeout=300)] == [0, 0]
    same = {name: [alike(repo.path(which, name), finished.path("results", name)) for which in names] for name in MADE}
    assert all(of_first for of_first, _ in same.values())
    assert [of_second for _, of_second in same.values()] == [True, True, False, False]  # the U-Net's noise has the seed


@pytest.mark.linux
def test_the_repository_may_be_read_only_and_results_on_another_disk(finished, other_disk, tmp_path):
    """Spaces and letters of other alphabets in every path; a run below a folder that is not the repository."""
    home = copied(tmp_path / "read only" / "repository")
    results, study = other_disk / "résultats du jour", tmp_path / "étude 意味"
    study.mkdir()
    config = changed({"pathvars": {"results": str(results)}}, tmp_path / "ma configuration.yaml")
    elsewhere = Repository(tmp_path, config)
    frozen = shlex.quote(str(home))
    said = in_namespace(
        f"mount --bind {frozen} {frozen} && mount -o remount,bind,ro {frozen} && ! touch {frozen}/new 2> /dev/null",
        elsewhere,
        *("--snakefile", str(home / "Snakefile"), "--directory", str(study)),
        *(str(results / MADE[-1]), "--cores", "2"),
    )
    assert said.returncode == 0, said.stdout
    for name in MADE:
        assert alike(results / name, finished.path("results", name)), name
    assert {path.name for path in study.iterdir()} == {".snakemake", "resources"}


def test_the_demo_can_be_asked_for_from_anywhere(finished, tmp_path):
    """Without a configuration of one's own, in a folder that is not the repository."""
    command = ["--snakefile", str(finished.path("Snakefile")), "--directory", str(tmp_path), "index", "--dry-run"]
    done = subprocess.run([sys.executable, "-m", "snakemake", *command], cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "results/index/coco.parquet" in done.stdout
