"""Hours of the jobs that run a model, by what such jobs took in a pilot: a finished run of few images.

A job takes seconds to start, until its log says that it begins to read, and then as many for each pass: a sample that
is encoded, or read at one timestep. Both are means over the pilot's jobs of the same kind: same rule, network, size,
layers and arithmetic.
"""

import csv
import heapq
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from semlens.config.models import find_base_model
from semlens.config.plan import (
    get_extraction_settings,
    get_shard_range,
    keeps_maps,
    list_extraction_shards,
)
from semlens.config.readings import find_maps, list_layer_sets
from semlens.images.views import load_view
from semlens.models.backbones import load_backbone
from semlens.storage.table_reader import read_table

NOT_MEASURED = "not measured"
HEAD = ("stage", "what", "model", "jobs of the pilot", "start, s", "s per pass", "jobs", "passes")
_BEGUN = re.compile(r"\S+ \S+ INFO (reading|encoding) ")
_DONE = re.compile(r"\S+ \S+ DEBUG done in ")
Config = dict[str, Any]
Count = Callable[[str, str, str], float]  # samples of a dataset's shard under a view


class Job(NamedTuple):
    """A job that encodes or extracts."""

    stage: str
    what: str  # group of views, or extraction
    model: str
    kind: str  # jobs of one kind take as long to start, and for a pass
    place: str  # of its benchmark and its log, below their folders
    passes: float


class Measurement(NamedTuple):
    """What a job took: seconds before its first pass, and from then on."""

    passes: float
    start: float
    reading: float


class Rate(NamedTuple):
    """What the jobs of a kind take, in seconds."""

    start: float
    per_pass: float

    def apply(self, job: Job) -> float:
        return self.start + self.per_pass * job.passes


def list_jobs(config: Config, count: Count) -> list[Job]:
    """Return every job of a configuration that encodes or extracts."""
    jobs = {}
    for wildcards in list_extraction_shards(config):
        if find_maps(config, wildcards["extraction"]) != wildcards["extraction"]:
            continue
        views = config["extractions"][wildcards["extraction"]]["views"]
        samples = sum(count(wildcards["dataset"], wildcards["shard"], view) for view in config["views"][views])
        for job in (*_encode(config, **wildcards, samples=samples), _extract(config, **wildcards, samples=samples)):
            jobs[job.place] = job  # latents are encoded once for all that read them
    return sorted(jobs.values(), key=lambda job: job.stage)


def _encode(config: Config, extraction: str, model: str, dataset: str, shard: str, samples: float) -> Iterator[Job]:
    if load_backbone(config["models"][model]["family"]).READS != "latents":
        return
    model, views = find_base_model(config, model), config["extractions"][extraction]["views"]
    entry = config["models"][model]
    kind = _name_kind("encode_images", entry["source"], entry["size"], entry["resize"], config["dtype"])
    yield Job("encode", views, model, kind, f"encode_images/{model}/{dataset}/{views}/{shard}", samples)


def _extract(config: Config, extraction: str, model: str, dataset: str, shard: str, samples: float) -> Job:
    entry, settings = config["extractions"][extraction], get_extraction_settings(config, extraction)
    rule, layers = "extract_features", settings["layers"]
    if not keeps_maps(entry):  # no layer is read that nothing asks for
        rule = "extract_prototypes"
        layers = sorted({layer for other in entry["datasets"] for layer in list_layer_sets(config, extraction, other)})
    steps = settings["inference_steps"] and (settings["inference_steps"], settings["timesteps"])
    arithmetic = settings["dtype"], settings["optimizations"]
    kind = _name_kind(rule, config["models"][model], layers, *arithmetic, steps)
    passes = samples * len(settings["timesteps"])
    return Job("extract", extraction, model, kind, f"{rule}/{extraction}/{model}/{dataset}/{shard}", passes)


def _name_kind(*what: Any) -> str:
    return json.dumps(what, sort_keys=True)


def count_planned(config: Config, objects: float) -> Count:
    """Return the count of samples where every image shows so many objects."""

    def count(dataset: str, shard: str, view: str) -> float:
        first, end = get_shard_range(config, dataset, shard)
        return (end - first) * (objects if load_view(view).per_instance else 1)

    return count


def count_selected(results: Path) -> Count:
    """Return the count of samples in the manifests of a run."""

    @cache
    def read(dataset: str, shard: str) -> Any:
        return read_table(results / "manifests" / dataset / f"{shard}.parquet", ["image_id", "instance_id"])

    def count(dataset: str, shard: str, view: str) -> float:
        return read(dataset, shard)["instance_id" if load_view(view).per_instance else "image_id"].nunique()

    return count


class Pilot:
    """A finished run, and the seconds of its jobs.

    Parameters
    ----------
    results
        Its folder of results, with its benchmarks and logs.

    Attributes
    ----------
    results
        The folder.
    devices
        On which it encoded and extracted.
    measured
        By kind, what every job took.
    """

    def __init__(self, results: Path) -> None:
        self.results = results
        run = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
        self.devices = sorted({stage["device"] for stage in run["stages"] if stage["stage"] in ("encode", "extract")})
        self.measured: dict[str, list[Measurement]] = defaultdict(list)
        for job in list_jobs(run["configuration"], count_selected(results)):
            seconds = _read_seconds(results / "benchmarks" / f"{job.place}.tsv")
            reading = _read_reading(results / "logs" / f"{job.place}.log")
            self.measured[job.kind].append(Measurement(job.passes, seconds - reading, reading))

    def find_rate(self, kind: str) -> Rate | None:
        """Return what jobs of a kind take; None if there was none."""
        if kind not in self.measured:
            return None
        passes, starts, readings = zip(*self.measured[kind], strict=True)
        return Rate(fmean(starts), sum(readings) / sum(passes))


def _read_seconds(benchmark: Path) -> float:
    with benchmark.open(encoding="utf-8") as file:
        return float(next(csv.DictReader(file, delimiter="\t"))["s"])


def _read_reading(log: Path) -> float:
    """Return the seconds from the line that says that a job begins to read or encode, to its last."""
    lines = log.read_text(encoding="utf-8").splitlines()
    begun = next(line for line in lines if _BEGUN.match(line))
    done = next(line for line in reversed(lines) if _DONE.match(line))
    return (_read_time(done) - _read_time(begun)).total_seconds()


def _read_time(line: str) -> datetime:
    return datetime.strptime(" ".join(line.split()[:2]), "%Y-%m-%d %H:%M:%S,%f")


def deal(seconds: Iterable[float], gpus: int) -> float:
    """Return the hours until all jobs are done, if each GPU that is free takes the longest that is left."""
    busy = [0.0] * gpus
    for longest in sorted(seconds, reverse=True):
        heapq.heapreplace(busy, busy[0] + longest)
    return max(busy) / 3600


def tabulate(config: Config, pilot: Pilot, gpus: int, objects: float) -> str:
    """Return the hours as Markdown: a row for all jobs of an extraction (a group of views) and model."""
    jobs = list_jobs(config, count_planned(config, objects))
    rates = {job.kind: pilot.find_rate(job.kind) for job in jobs}
    groups: dict[tuple[str, str, str], list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.stage, job.what, job.model].append(job)
    head = (*HEAD, f"hours on {gpus} GPU{'s' if gpus > 1 else ''}")
    lines = [_row(head), "|---|---|---|---:|---:|---:|---:|---:|---:|"]
    for (stage, what, model), of_group in groups.items():
        kind, entry = of_group[0].kind, config["models"][model]
        known = [f"{seconds:.3g}" for seconds in rates[kind] or ()] or ["", ""]
        about = (stage, what, f"{model} ({entry['family']}, {entry['size']})", len(pilot.measured.get(kind, [])))
        lines.append(_row((*about, *known, *_sum_up(of_group, rates, gpus))))
    for stage in ("encode", "extract", "both"):
        of_stage = [job for job in jobs if stage in (job.stage, "both")]
        lines.append(_row((stage, "all", "", "", "", "", *_sum_up(of_stage, rates, gpus))))
    return "\n".join(lines)


def _sum_up(jobs: Sequence[Job], rates: dict[str, Rate | None], gpus: int) -> tuple[str, str, str]:
    """Return the number of jobs, their passes and the hours."""
    seconds = [rate.apply(job) for job in jobs if (rate := rates[job.kind])]
    hours = f"{deal(seconds, gpus):.3g}" if seconds or not jobs else NOT_MEASURED
    missing = "at least " if 0 < len(seconds) < len(jobs) else ""
    return str(len(jobs)), f"{sum(job.passes for job in jobs):.0f}", missing + hours


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
