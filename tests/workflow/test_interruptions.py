"""Killed, cancelled, short of disk: the next run finishes, redoes nothing that was finished, finds the same numbers."""

import base64
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from payload import alike, differing
from repository import Job, Repository, changed, execute, in_namespace, plan, snakemake, started, until

RUN = ("--cores", "2")
FEATURES = "results/features/plain/tiny/coco/00001.h5"
PROTOTYPES = "results/prototypes/plain/tiny/coco/00001.parquet"
DISTANCES = "results/distances/metrics/tiny/coco.parquet"
SHARD = "plain/tiny/coco/00001"
STAGES = ("features", "tokens", "prototypes")
STATISTICS = [f"results/statistics/metrics/tiny/{dataset}.sets.csv" for dataset in ("coco", "voc")]
KILLED = {
    "encode_images": "results/latents/tiny/coco/plain/00001.h5",
    "extract_features": FEATURES,
    "pool_prototypes": PROTOTYPES,
    "compare_prototypes": DISTANCES,
}


UNTOLD = ("results/logs", "results/benchmarks", "results/configuration.json")  # what two runs need not share


def half_written(repo: Repository, name: str) -> Callable[[], list[Path]]:
    """Whether an output has been begun."""
    path = repo.path(name)
    return lambda: list(path.parent.glob(f".{path.name}.*.partial"))


def process_of(repo: Repository, rule: str) -> int | None:
    """The process that runs a rule's script in this repository."""
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_text()
            inside = (entry / "cwd").resolve() == repo.folder.resolve()
        except (OSError, ValueError):
            continue
        if inside and f"{rule}.py" in command and "snakemake\0" not in command:
            return int(entry.name)
    return None


def killer(repo: Repository, rule: str, begun: Callable[[], object]) -> Callable[[subprocess.Popen], None]:
    """Kills the process of a rule as soon as its output has been begun."""

    def kill(_: subprocess.Popen) -> None:
        process = process_of(repo, rule)
        until(begun)
        os.kill(process, signal.SIGKILL)

    return kill


def made(repo: Repository) -> dict[str, int]:
    """What is there and whose job Snakemake saw end: with the time at which it was made."""
    begun = {base64.b64decode(path.name).decode() for path in repo.path(".snakemake", "incomplete").glob("*")}
    files = {name for name in repo.files() if not name.startswith(UNTOLD)} - begun
    return {name: repo.path(name).stat().st_mtime_ns for name in files if not name.endswith(".partial")}


@pytest.fixture(scope="module")
def interrupted(finished, clone) -> Repository:
    """A run that lacks some shards, interrupted again and again: every time, the next goes on with the rest."""
    repo = clone()
    shutil.rmtree(repo.path("results", "distances"))
    shutil.rmtree(repo.path("results", "statistics"))
    for folder in ("latents/tiny/{}/plain", *(f"{stage}/plain/tiny/{{}}" for stage in STAGES)):
        for dataset, shard in (("coco", "00001"), ("voc", "00000")):
            (lacking,) = repo.path("results", folder.format(dataset)).glob(f"{shard}.*")
            lacking.unlink()
    before: dict[str, int] = {}

    def interrupt(how: Callable[[subprocess.Popen], None], when: Callable[[], object], *targets: str) -> None:
        """Run until then, and this; what was finished before is what it was, and nothing is made that was not."""
        nonlocal before
        with started(repo, *targets, *RUN) as process:
            until(when)
            how(process)
            assert process.wait(timeout=300) != 0
        now = made(repo)
        assert {name: now.get(name) for name in before} == before
        assert not [name for name in now if not alike(repo.path(name), finished.path(name))]
        before = now

    for rule, output in KILLED.items():
        log = repo.path("results", "logs", rule, *Path(output).with_suffix(".log").parts[2:])
        begun = log.exists if rule == "pool_prototypes" else half_written(repo, output)
        interrupt(killer(repo, rule, begun), lambda rule=rule: process_of(repo, rule), output)
        assert not repo.path(output).exists()

    voc = "results/features/plain/tiny/voc/00000.h5"
    interrupt(lambda process: os.killpg(process.pid, signal.SIGINT), half_written(repo, voc), voc)
    pooled = "results/prototypes/plain/tiny/voc/00000.parquet"
    interrupt(lambda process: process.send_signal(signal.SIGTERM), half_written(repo, voc), pooled)
    assert repo.path(voc).exists() and not repo.path(pooled).exists()
    compared = "results/distances/metrics/tiny/voc.parquet"
    interrupt(lambda process: process.kill(), half_written(repo, compared), compared)
    assert "--unlock" in snakemake(repo, *RUN, fails=True)
    snakemake(repo, "--unlock")
    with started(repo, *STATISTICS, *RUN) as process:
        job = until(lambda: process_of(repo, "compare_prototypes"))
        os.kill(job, signal.SIGSTOP)  # a second run meets the first at work
        assert "--unlock" in snakemake(repo, *STATISTICS, *RUN, fails=True)
        os.kill(job, signal.SIGCONT)
        assert process.wait(timeout=300) == 0
    now = made(repo)
    assert {name: now.get(name) for name in before} == before
    return repo


@pytest.mark.linux
def test_it_ends_as_if_nothing_had_happened(interrupted, finished):
    """Two runs: all numbers the same, tables byte by byte."""
    assert plan(interrupted, *STATISTICS) == set()
    names = made(interrupted).keys()
    assert {FEATURES, PROTOTYPES, DISTANCES, *STATISTICS} <= names <= made(finished).keys()
    assert differing(interrupted.folder, finished.folder, names) == set()


@pytest.mark.linux
def test_nothing_half_written_is_left(interrupted):
    assert not [name for name in interrupted.files() if name.endswith(".partial")]


def test_threads_change_rounding_and_nothing_else(finished, clone, tmp_path):
    """As batch sizes do; the finished run's jobs have one thread each."""
    repo = Repository(clone().folder, changed({"threads": 2}, tmp_path / "small.yaml"))
    for folder in ("latents/tiny/voc", "features/plain/tiny/voc", "prototypes/plain/tiny/voc"):
        shutil.rmtree(repo.path("results", folder))
    distances = "results/distances/metrics/tiny/voc.parquet"
    repo.path(distances).unlink()
    snakemake(repo, distances, *RUN)
    found, expected = (pd.read_parquet(of.path(distances)) for of in (repo, finished))
    pd.testing.assert_frame_equal(found.drop(columns="distance"), expected.drop(columns="distance"))
    assert not found.equals(expected)
    assert ((found["distance"] - expected["distance"]).abs() <= 5e-6 * expected["distance"].clip(lower=1)).all()


@pytest.mark.linux
def test_a_full_disk_is_named_and_leaves_the_shard_undone(finished, clone):
    """In a file system of 200 kB, which only that run sees."""
    repo = clone()
    repo.path(FEATURES).unlink()
    folder = repo.path(FEATURES).parent
    small = f"mount -t tmpfs -o size=200k tmpfs {shlex.quote(str(folder))}"
    said = in_namespace(small, repo, FEATURES, "--cores", "1")
    assert said.returncode != 0
    named = r"^extract_features plain/tiny/coco/00001: (?:OSError|RuntimeError): [^,]*\n?, .*No space left on device"
    assert re.search(named, said.stdout, re.MULTILINE)
    assert plan(repo, FEATURES) == {Job("extract_features", "plain/tiny/coco/00001")}


@pytest.mark.parametrize(
    ("cut", "below", "again"),
    [
        (FEATURES, PROTOTYPES, {"extract_features": SHARD, "pool_prototypes": SHARD}),
        (PROTOTYPES, DISTANCES, {"pool_prototypes": SHARD, "compare_prototypes": "metrics/tiny/coco"}),
    ],
)
def test_a_shard_that_was_cut_is_never_believed_and_alone_made_again(finished, clone, cut, below, again):
    """What reads it says so and puts it aside; the next run finishes."""
    repo = clone()
    os.truncate(repo.path(cut), repo.path(cut).stat().st_size // 2)
    said = snakemake(repo, below, *RUN, fails=True)
    assert f"{cut} is corrupt" in said and f"it is now called {Path(cut).name}.corrupt; run again" in said
    assert not repo.path(below).exists()
    assert plan(repo, below) == {Job(rule, place) for rule, place in again.items()}
    execute(repo, below)
    assert alike(repo.path(cut), finished.path(cut)) and alike(repo.path(below), finished.path(below))
