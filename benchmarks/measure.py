"""What the benchmarks share: work timed in turn, peak memory, and tables that say on which machine they were made."""

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

Work = Callable[[], object]
_LEAST = 0.0 if "--toy" in sys.argv else 1.0  # seconds


def timed(work: Mapping[str, Work], runs: int) -> dict[str, list[float]]:
    """Seconds of each piece of work in each of ``runs`` rounds; a round does all in turn, so that drift is shared.

    What takes less than a second is done again until one has passed, and counts by its mean.
    """
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(runs):
        for name, do in work.items():
            start, times = time.perf_counter(), 0
            while not times or time.perf_counter() - start < _LEAST:
                do()
                times += 1
            seconds[name].append((time.perf_counter() - start) / times)
    return seconds


def ratios(slow: Sequence[float], fast: Sequence[float]) -> list[float]:
    """How many times faster, round by round."""
    return [a / b for a, b in zip(slow, fast, strict=True)]


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Median, and least to most."""
    some = (min(values), statistics.median(values), max(values))
    low, middle, high = (f"{float(f'{value:.{digits}g}'):g}" for value in some)
    return f"{middle} ({low} to {high})"


def in_process(command: Sequence[str]) -> tuple[float, float]:
    """Seconds and peak memory (GB) of a process of its own, which must succeed."""
    probe = (
        "import resource, subprocess, sys, time; start = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr); "
        "print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    said = subprocess.run([sys.executable, "-c", probe, *command], check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, kilobytes = map(float, said.split())
    return seconds, kilobytes * 1024 / 1e9


def in_processes(command: Sequence[str], runs: int) -> tuple[list[float], list[float]]:
    """Seconds and peak memory (GB) of each of some such processes, one after another."""
    seconds, peaks = zip(*(in_process(command) for _ in range(runs)), strict=True)
    return list(seconds), list(peaks)


def report(rows: Sequence[Mapping[str, object]], *packages: str) -> None:
    """Print a table as Markdown, below when and where it was made."""
    processor = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        processor = f"{len(names)} x {names[0]}" if names else processor
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(f"{date.today()}, {processor}, Python {platform.python_version()}, {versions}\n")
    print(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))
