"""The demo on a real Slurm of one node, sent there by profiles/slurm: Slurm's own records say what ran, and with what.

    make test-slurm

GPUs are empty files that Slurm hands out: what asks for one waits for one, and computes on the CPU.
"""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from payload import alike
from repository import Repository, copied, plan, snakemake, started, until

CLUSTER = Path(__file__).parent / "cluster.sh"
# The node has no more than four cores where the machine has two.
WHERE = ("--profile", "profiles/slurm", "--cores", "4")
SLURM = (*WHERE, "--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "20")
SHARDS = ("--config", "device=auto", "shard_size=10")  # four shards of COCO, one of VOC, three of DAVIS
GPUS = 2

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        shutil.which("slurmctld") is None or shutil.which("munged") is None,
        reason="Slurm is not installed: tests/slurm/cluster.sh install",
    ),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    try:
        subprocess.run([CLUSTER, "start", folder, str(GPUS)], check=True)
        yield folder
    finally:
        subprocess.run([CLUSTER, "stop", folder], check=True)


def records() -> list[dict[str, str]]:
    """What Slurm knows of every job so far, and the rule, or the group and its rules, that its comment names."""
    said = subprocess.run(["scontrol", "show", "job", "--oneliner"], check=True, capture_output=True, text=True).stdout
    jobs = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in said.splitlines() if line.startswith("JobId=")]
    for job in jobs:
        job["rule"] = re.sub(r"^rule_|_wildcards_.*", "", job["Comment"])
    return jobs


def of(jobs: list[dict[str, str]], rule: str) -> list[dict[str, str]]:
    return [job for job in jobs if job["rule"] == rule]


@pytest.fixture(scope="module")
def repo(tmp_path_factory) -> Repository:
    folder = copied(tmp_path_factory.mktemp("cluster") / "repository")
    profile = (
        folder / "profiles" / "slurm" / "profile.yaml"
    )  # its GPUs are names alone: jobs that have one may do without
    profile.write_text(profile.read_text().replace("slurm_partition: gpu", "slurm_partition: gpu\n    device: cpu"))
    return Repository(folder, folder / "config" / "config.yaml")


@pytest.fixture(scope="module")
def ran(cluster, repo) -> list[dict[str, str]]:
    """All of the demo has run on the cluster; the records of its jobs."""
    said = snakemake(repo, *SLURM, *SHARDS)
    jobs = records()
    print(said[-2000:])
    for job in jobs:
        kept = (
            "JobId",
            "ArrayJobId",
            "ArrayTaskId",
            "rule",
            "JobState",
            "Partition",
            "TRES",
            "TresPerJob",
            "TimeLimit",
        )
        print("  ".join(f"{name}={job[name]}" for name in kept if name in job))
    return jobs


def test_everything_ran_as_jobs_of_slurm(ran, repo):
    assert {job["JobState"] for job in ran} == {"COMPLETED"}
    assert plan(repo, *SHARDS) == set()
    assert repo.path("results", "report.html").stat().st_size > 0


@pytest.mark.parametrize(("rule", "number"), [("encode_images", 9), ("extract_features", 34)])
def test_what_loads_a_network_gets_a_gpu(ran, rule, number):
    jobs = of(ran, rule)
    assert len(jobs) == number
    for job in jobs:
        assert (job["Partition"], job["TresPerJob"], job["TimeLimit"]) == ("gpu", "gres:gpu:1", "04:00:00")
        assert job["MinMemoryNode"] == "8000M" and "ArrayTaskId" not in job


def test_what_needs_no_gpu_gets_none(ran):
    others = [job for job in ran if job["Partition"] == "cpu"]
    assert {"index_dataset", "pool_prototypes"} <= {job["rule"] for job in others}
    assert not [job for job in others if "TresPerJob" in job]


def test_small_jobs_are_sent_together(ran):
    assert [job["rule"] for job in ran if "select_images" in job["rule"]] == ["select_encode_prompt_select_images"]
    (last,) = [job for job in ran if "compute_statistics" in job["rule"] or "draw_experiment" in job["rule"]]
    assert last["rule"].startswith("conclude_") and last["NumCPUs"] == "4"


def test_nothing_runs_again_that_ran_on_the_cluster(ran, repo):
    """What a node made is believed where it is looked at next, with another profile too."""
    assert plan(repo, *SHARDS) == plan(repo, *SLURM, *SHARDS) == set()


def test_shards_may_be_tasks_of_an_array(ran, repo):
    """As the profile says how to ask for it."""
    shards = [repo.path("results", "features", "video", "trained", "davis", f"0000{shard}.h5") for shard in range(3)]
    whole = [shard.rename(repo.folder / shard.name) for shard in shards]
    known = {job["JobId"] for job in records()}
    targets = [str(shard.relative_to(repo.folder)) for shard in shards]
    snakemake(repo, *targets, *SLURM, "--slurm-array-jobs", "extract_features", *SHARDS)
    tasks = [job for job in records() if job["JobId"] not in known]
    assert {(job["rule"], job["JobState"]) for job in tasks} == {("extract_features", "COMPLETED")}
    assert len({job["ArrayJobId"] for job in tasks}) == 1
    assert sorted(job["ArrayTaskId"] for job in tasks) == ["1", "2", "3"]
    assert {job["MinMemoryNode"] for job in tasks} == {"8001M"}  # a list of tasks takes room
    assert all(map(alike, shards, whole))


def test_what_ran_out_of_memory_is_sent_again_with_more(ran, repo):
    repo.path("results", "index", "coco.parquet").unlink()
    small = ("--set-resources", "index_dataset:mem_mb=50*attempt**4")
    snakemake(repo, "results/index/coco.parquet", *SLURM, *small, *SHARDS)
    first, second = of([job for job in records() if job["JobId"] not in {old["JobId"] for old in ran}], "index_dataset")
    assert (first["JobState"] != "COMPLETED", first["MinMemoryNode"]) == (True, "50M")
    assert (second["JobState"], second["MinMemoryNode"]) == ("COMPLETED", "800M")


def test_what_was_cancelled_is_sent_again_and_nothing_else(ran, repo):
    shards = [repo.path("results", "latents", "trained", "davis", "plain", f"0000{shard}.h5") for shard in range(3)]
    whole = shards[1].rename(repo.folder / "whole.h5")
    others = {path: path.stat().st_mtime_ns for path in shards if path.exists()}
    known = {job["JobId"] for job in records()}

    def running() -> list[dict[str, str]]:
        return [job for job in records() if job["JobId"] not in known and job["JobState"] == "RUNNING"]

    with started(repo, str(shards[1].relative_to(repo.folder)), *SLURM, *SHARDS) as process:
        (job,) = until(running, seconds=120)
        subprocess.run(["scancel", job["JobId"]], check=True)
        assert process.wait(timeout=300) == 0
    states = [job["JobState"] for job in records() if job["JobId"] not in known]
    assert sorted(states) == ["CANCELLED", "COMPLETED"]
    assert {path: path.stat().st_mtime_ns for path in others} == others
    assert alike(shards[1], whole)


def test_interrupting_the_run_cancels_its_jobs(ran, repo):
    shard = repo.path("results", "latents", "trained", "davis", "plain", "00000.h5")
    whole = shard.rename(repo.folder / "whole.h5")
    known = {job["JobId"] for job in records()}
    with started(repo, str(shard.relative_to(repo.folder)), *SLURM, *SHARDS) as process:
        until(lambda: [job for job in records() if job["JobId"] not in known], seconds=60)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) != 0
    until(lambda: {job["JobState"] for job in records() if job["JobId"] not in known} == {"CANCELLED"}, seconds=30)
    assert not shard.exists()
    snakemake(repo, str(shard.relative_to(repo.folder)), "--cores", "2", *SHARDS)
    assert alike(shard, whole)
