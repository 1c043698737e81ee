"""Every configuration has a plan, and what config/README.md says that the paper's needs is what is computed."""

import csv
import re
import subprocess
import sys
from math import ceil

import pytest
import yaml
from repository import ROOT

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["paper", "compare", "multiverse"])
def test_the_readme_has_the_plan_of_large_configurations(name):
    """A dry run of everything, on a machine that may have no data at all."""
    command = [sys.executable, "benchmarks/plan.py", f"config/{name}.yaml"]
    plan = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "| extract |" in plan
    assert plan in (ROOT / "config" / "README.md").read_text()


def test_a_run_as_its_own_pilot_takes_as_long_as_it_took(finished):
    """Of a job that is alone of its kind: an extraction of one model and shard."""
    options = ["--rates", "results", "--gpus", "2"]
    command = [sys.executable, "benchmarks/plan.py", finished.config, *options]
    said = subprocess.run(command, cwd=finished.folder, capture_output=True, text=True, check=True).stdout
    assert "Hours by the rates of results, measured on cpu:" in said
    benchmark = finished.path("results", "benchmarks", "extract_features", "noised", "untrained", "voc", "00000.tsv")
    (taken,) = csv.DictReader(benchmark.read_text().splitlines(), delimiter="\t")
    row = re.search(r"^\| extract \| noised \| untrained .* \| 1 \| 12 \| (\S+) \|$", said, re.MULTILINE)
    assert row and float(row[1]) == pytest.approx(float(taken["s"]) / 3600, rel=0.01)


@pytest.mark.parametrize(
    ("options", "reason"),
    [(["--gpus", "4"], "hours need --rates"), (["--rates", "nowhere"], "there is no nowhere/provenance.json")],
)
def test_hours_without_a_pilot_are_refused(options, reason):
    command = [sys.executable, "benchmarks/plan.py", "config/paper.yaml", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode and reason in done.stderr and not done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_has_a_plan(path):
    """A manifest for each shard, whatever is there already."""
    command = [sys.executable, "-m", "snakemake", "-n", "-F", "--quiet", "rules", "--configfile", path]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    config = yaml.safe_load(path.read_text())
    shards = sum(ceil(entry["images"] / config["shard_size"]) for entry in config["datasets"].values())
    assert re.search(rf"^select_images +{shards}$", said, re.MULTILINE), said
