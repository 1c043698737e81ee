"""Measure how long Snakemake takes to find out what to do: everything where nothing is there, nothing where all is.

    python benchmarks/plans.py            # all of COCO's training images, and the paper
    python benchmarks/plans.py --toy      # the demo, no further than the selection

The jobs are known before any file is there, so this needs no data: in a copy of the repository, whatever a run would
make is written with a few bytes, and recorded as made by ``snakemake --touch``.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import measure

ROOT = Path(__file__).parents[1]
COPIED = (
    "Snakefile",
    "config",
    "envs",
    "profiles",
    "workflow",
    "resources/registry.yaml",
    "resources/published",
    "resources/demo",
)


def snakemake(folder: Path, config: str, *arguments: str) -> str:
    """Run Snakemake in ``folder`` and return what it says."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", f"config/{config}.yaml"]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def write_outputs(plan: str, folder: Path) -> None:
    """Write everything that the jobs of a plan would make; what has no suffix is a folder."""
    for name in ", ".join(re.findall(r"^    output: (.*)$", plan, re.MULTILINE)).split(", "):
        path = folder / name.removesuffix(" (update)")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name) if path.suffix else path.mkdir()


def measured(config: str, runs: int, targets: tuple[str, ...] = ()) -> dict[str, str]:
    """Seconds of both plans of a configuration."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in COPIED:
            (folder / name).parent.mkdir(exist_ok=True)
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, folder / name)
        said: list[str] = []

        def plan() -> None:
            said.append(snakemake(folder, config, *targets, "--dry-run"))

        everything = measure.timed({config: plan}, runs)[config]
        write_outputs(said[-1], folder)
        snakemake(folder, config, *targets, "--touch", "--forceall", "--cores", "1")
        nothing = measure.timed({config: plan}, runs)[config]
    if "Nothing to be done" not in said[-1]:
        raise RuntimeError(f"{config}: not everything is there:\n{said[-1]}")
    return {
        "configuration": config,
        "jobs": re.search(r"^total +(\d+)$", said[0], re.MULTILINE)[1],
        "nothing is there, s": measure.spread(everything),
        "all is there, s": measure.spread(nothing),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--toy", action="store_true", help="the demo, no further than the selection, once")
    arguments = parser.parse_args()
    if arguments.toy:
        rows = [measured("config", 1, ("select",))]
    else:
        rows = [measured(config, arguments.runs) for config in ("coco-train", "paper")]
    measure.report(rows, "snakemake")
