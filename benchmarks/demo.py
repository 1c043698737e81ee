"""The demo from nothing: where its time goes, by stage.

    python benchmarks/demo.py

A job's time is from its start to its end as Snakemake tells it (to a second); what it computes is what its log ends
with, after Python has started and modules are imported. The rest of the cores' time is Snakemake's own: planning,
starting jobs, and cores that wait for a job.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import measure
from plan import STAGES

ROOT = Path(__file__).parents[1]
STARTED = re.compile(r"^\[(.+ \d{4})\]\n(?:local)?rule (\w+):\n(?:    .*\n)*?    jobid: (\d+)", re.MULTILINE)
FINISHED = re.compile(r"^\[(.+ \d{4})\]\nFinished jobid: (\d+)", re.MULTILINE)
DONE = re.compile(r"done in (\S+) s")


def run(folder: Path, cores: int) -> tuple[float, str]:
    """Seconds of a run in a copy of the repository's files, and what Snakemake said."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    start = time.monotonic()
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout)
    return time.monotonic() - start, done.stdout


def stages(folder: Path, said: str) -> dict[str, tuple[int, float, float]]:
    """Jobs, their time, and what of it they compute, by stage."""

    def moment(text: str) -> datetime:
        return datetime.strptime(text, "%a %b %d %H:%M:%S %Y")

    ends = {job: moment(at) for at, job in FINISHED.findall(said)}
    count, took, computed = defaultdict(int), defaultdict(float), defaultdict(float)
    for at, rule, job in STARTED.findall(said):
        count[rule] += 1
        took[rule] += (ends[job] - moment(at)).total_seconds()
    for log in (folder / "results" / "logs").rglob("*.log"):
        computed[log.relative_to(folder / "results" / "logs").parts[0]] += float(DONE.findall(log.read_text())[-1])
    return {
        stage: tuple(sum(held[rule] for rule in rules) for held in (count, took, computed))
        for stage, rules in STAGES.items()
    }


def main(cores: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        seconds, said = run(Path(name), cores)
        found = stages(Path(name), said)
    whole = cores * seconds
    rows = [
        {
            "stage": stage,
            "jobs": jobs,
            "jobs, core s": f"{took:.0f}",
            "of which compute": f"{computed:.0f}",
            "compute, of all": f"{computed / whole:.0%}",
        }
        for stage, (jobs, took, computed) in found.items()
    ]
    jobs, took, computed = (sum(column) for column in zip(*found.values(), strict=True))
    rows.append({"stage": "Snakemake, waiting", "jobs, core s": f"{whole - took:.0f}", "of which compute": "0"})
    rows.append(
        {
            "stage": f"all: {seconds:.0f} s on {cores} cores",
            "jobs": jobs,
            "jobs, core s": f"{whole:.0f}",
            "of which compute": f"{computed:.0f}",
            "compute, of all": f"{computed / whole:.0%}",
        }
    )
    measure.report(rows, "snakemake", "torch", "diffusers")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=2)
    main(parser.parse_args().cores)
