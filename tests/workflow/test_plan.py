"""What config/README.md says that the paper's configuration needs is what is computed."""

import subprocess
import sys

from repository import ROOT


def test_the_readme_has_the_plan_of_the_paper():
    """A dry run of everything, on a machine that may have no data at all."""
    command = [sys.executable, "benchmarks/plan.py", "config/paper.yaml"]
    plan = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "| extract |" in plan
    assert plan in (ROOT / "config" / "README.md").read_text()
