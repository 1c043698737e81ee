"""How many threads compute."""

import os


def count_threads() -> int:
    """Return how many a job was given, as Snakemake says in ``OMP_NUM_THREADS``; else the CPUs that it may use."""
    return int(os.environ.get("OMP_NUM_THREADS") or count_cpus())


def count_cpus() -> int:
    """Return the number of CPUs that this process may use; of all where the system does not say, as on macOS."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
