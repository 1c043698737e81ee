"""Every configuration has a plan, and what config/README.md says that the paper's needs is what is computed."""

import re
import subprocess
import sys
from math import ceil

import pytest
import yaml
from repository import ROOT

pytestmark = pytest.mark.slow


def test_the_readme_has_the_plan_of_the_paper():
    """A dry run of everything, on a machine that may have no data at all."""
    command = [sys.executable, "benchmarks/plan.py", "config/paper.yaml"]
    plan = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "| extract |" in plan
    assert plan in (ROOT / "config" / "README.md").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_has_a_plan(path):
    """A manifest for each shard, whatever is there already."""
    command = [sys.executable, "-m", "snakemake", "-n", "-F", "--quiet", "rules", "--configfile", path]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    config = yaml.safe_load(path.read_text())
    shards = sum(ceil(entry["images"] / config["shard_size"]) for entry in config["datasets"].values())
    assert re.search(rf"^select_images +{shards}$", said, re.MULTILINE), said
