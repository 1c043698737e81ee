"""The demo from nothing: where its time goes, by stage.

    python benchmarks/demo.py
    python benchmarks/demo.py --toy       # no further than the selection

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


def run(folder: Path, cores: int, targets: list[str]) -> tuple[float, str]:
    """Seconds of a run in a copy of the repository's files, and what Snakemake said."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    start = time.monotonic()
    command = [sys.executable, "-m", "snakemake", *targets, "--cores", str(cores), "--printshellcmds"]
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


def main(cores: int, runs: int, targets: list[str]) -> None:
    walls, found = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as name:
            seconds, said = run(Path(name), cores, targets)
            walls.append(seconds)
            found.append(stages(Path(name), said))
    whole = [cores * seconds for seconds in walls]

    def share(computed: list[float]) -> str:
        return measure.spread([100 * part / of_all for part, of_all in zip(computed, whole, strict=True)], 2)

    def row(what: str, jobs: int, took: list[float], computed: list[float]) -> dict[str, object]:
        return {
            "stage": what,
            "jobs": jobs,
            "jobs, core s": measure.spread(took),
            "of which compute": measure.spread(computed),
            "compute, of all": share(computed),
        }

    rows = [row(stage, found[0][stage][0], *([of[stage][part] for of in found] for part in (1, 2))) for stage in STAGES]
    took, computed = ([sum(of[stage][part] for stage in STAGES) for of in found] for part in (1, 2))
    waited = [of_all - busy for of_all, busy in zip(whole, took, strict=True)]
    rows.append(row("Snakemake, waiting", 0, waited, [0.0] * runs))
    rows.append(row(f"all, on {cores} cores", sum(jobs for jobs, *_ in found[0].values()), whole, computed))
    measure.report(rows, "snakemake", "torch", "diffusers")
    print(f"\n{measure.spread(walls)} s from start to end; compute in % of all core seconds.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--toy", action="store_true", help="no further than the selection, once")
    options = parser.parse_args()
    main(options.cores, 1 if options.toy else options.runs, ["select"] if options.toy else [])
