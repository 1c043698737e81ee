"""Benchmarks at sizes that take seconds: they run, and print the table that they promise."""

import subprocess
import sys

import pytest
from repository import ROOT

pytestmark = pytest.mark.slow

TABLES = {
    "distances.py": "| metric",
    "distances.py --multiplied": "times their time",
    "distances.py --growth": "peak of statistics, GB",
    "extraction.py --images 1 --runs 1": "plain, s per image",
    "extraction.py --memory --runs 1": "peak, GB",
    "network.py --runs 1": "first pass, s",
    "network.py --errors": "enc16.1",
    "host.py --runs 1": "of the ideal",
    "storage.py --images 1 --runs 1": "times reading",
    "index.py --runs 1": "peak",
    "separation.py": "times semlens",
    "separation.py --many": "peak, GB",
    "search.py": "times faster",
    "calibration.py": "Kruskal-Wallis",
    "tasks.py": "cover, 60 images",
    "tasks.py --errors": "single images left out",
    "agreement.py": "| representations",
    "agreement.py --errors": "mutual_knn",
    "multiverse.py": "curve rejected",
    "plans.py": "all is there, s",
    "startup.py": "times torch",
    "demo.py": "compute, of all",
}


@pytest.mark.parametrize("command", TABLES)
def test_a_benchmark_prints_its_table(command):
    script, *options = command.split()
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / script, "--toy", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    (head,) = (place for place, line in enumerate(said) if TABLES[command] in line)
    assert any("Python" in line for line in said[:head])
    assert len(said) > head + 2 and said[head + 2].count("|") == said[head].count("|")
