"""Benchmarks at sizes that take seconds: they run, and print the table that they promise."""

import subprocess
import sys

import pytest
from repository import ROOT

TABLES = {
    "distances.py": "| metric",
    "distances.py --multiplied": "times their time",
    "distances.py --growth": "peak of test, GB",
    "extraction.py --runs 1": "plain, s per image",
    "extraction.py --memory": "peak, GB",
    "storage.py --images 1 --runs 1": "times reading",
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
    made, *table = [line for line in done.stdout.splitlines() if line]
    assert "Python" in made
    assert any(TABLES[command] in line for line in table)
    rows = [line for line in table if line.startswith("| ") and TABLES[command] not in line]
    assert len(rows) >= 1
