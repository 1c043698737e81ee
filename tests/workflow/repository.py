"""A working copy of the repository, the small configuration, and what asks Snakemake for plans and runs."""

import copy
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from modulefinder import ModuleFinder
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, TypeVar

import pytest
import yaml
from fork_server import call

ROOT = Path(__file__).parents[2]
SMALL = yaml.safe_load((Path(__file__).parent / "configs" / "small.yaml").read_text())
SCRIPTS = Path("workflow", "scripts")
LIBRARY = SCRIPTS / "semlens"
CACHES = {".git", ".venv", ".snakemake", "__pycache__", ".pytest_cache", ".ruff_cache"}
MADE = ("results", "resources/datasets", "resources/models", "resources/downloads", "resources/images")

TARGETS = {
    "all",
    "fetch",
    "index",
    "select",
    "encode",
    "layers",
    "extract",
    "pool",
    "compare",
    "statistics",
    "multiverse",
    "agree",
    "search",
    "propagate",
    "draw",
}

T = TypeVar("T")


class Job(NamedTuple):
    """One job of a dry run: its rule, and its wildcards in the order of its paths, as in ``plain/coco/00000``.

    A key, which is a digest of what decides a folder's content, does not count.
    """

    rule: str
    place: str


@dataclass(frozen=True)
class Repository:
    """A working copy of the repository, never the repository itself; or another folder in which Snakemake runs.

    Without a configuration, Snakemake takes what its Snakefile names.
    """

    folder: Path
    config: Path | None = None

    def path(self, *parts: str) -> Path:
        return self.folder.joinpath(*parts)

    def find_dataset(self, name: str) -> Path:
        """The folder that was made for a dataset."""
        (folder,) = self.path("resources", "datasets").glob(f"{name}-*")
        return folder

    def files(self, folder: str = "results") -> set[str]:
        """Everything below a folder, relative to the repository."""
        return {str(file.relative_to(self.folder)) for file in self.path(folder).rglob("*") if file.is_file()}


def _command(repo: Repository, arguments: tuple[str, ...], config: Path | None = None) -> dict[str, Any]:
    """How Snakemake is called as a user would, with this Python."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    config = config or repo.config
    configured = ["--configfile", str(config)] if config else []
    return {
        "args": [sys.executable, "-m", "snakemake", *arguments, *configured],
        "cwd": repo.folder,
        "env": {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
    }


def snakemake(repo: Repository, *arguments: str, config: Path | None = None, fails: bool = False) -> str:
    """Run Snakemake; return all that reaches the terminal.

    An outcome other than the expected one ends the test with everything that Snakemake said.
    """
    command = _command(repo, arguments, config)
    status, said = call(command["args"][3:], cwd=command["cwd"], env=command["env"])
    assert (status != 0) == fails, f"snakemake {' '.join(arguments)} ended with {status}:\n{said}"
    return said


@contextmanager
def started(repo: Repository, *arguments: str) -> Iterator[subprocess.Popen]:
    """Start Snakemake as a shell would, a process group of its own; end the group with the block, if need be."""
    process = subprocess.Popen(**_command(repo, arguments), start_new_session=True)
    reader = Thread(target=process.stdout.read, daemon=True)
    reader.start()
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join()


def in_namespace(prepare: str, repo: Repository, *arguments: str) -> subprocess.CompletedProcess:
    """Run Snakemake where file systems have been mounted that nobody else sees, and that end with it."""
    if subprocess.run(["unshare", "--map-root-user", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets its users mount nothing: unshare --map-root-user --mount")
    command = _command(repo, arguments)
    script = f"{prepare} && cd {shlex.quote(str(repo.folder))} && exec {shlex.join(command.pop('args'))}"
    return subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-c", script], **command, check=False)


def until(condition: Callable[[], T], seconds: float = 300, every: float = 0.005) -> T:
    """Wait for something to be true, and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"nothing happened in {seconds} s"
        time.sleep(every)
    return found


def execute(repo: Repository, *arguments: str, **options: Any) -> str:
    """Run jobs on two cores."""
    return snakemake(repo, *arguments, "--cores", "2", **options)


def plan(repo: Repository, *targets: str, config: Path | None = None) -> set[Job]:
    """Return the jobs that Snakemake would run; targets such as ``all``, which make nothing, do not count."""
    said = snakemake(repo, *targets, "--dry-run", config=config)
    if "Nothing to be done" in said:
        return set()
    jobs: list[Job] = []
    table = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)\n\n", said, re.MULTILINE | re.DOTALL)
    assert table, f"no table of jobs in\n{said}"
    counts = {name: int(count) for name, count in (line.split() for line in table[1].splitlines())}
    total = counts.pop("total")
    for block in re.split(r"^(?:local)?rule ", said, flags=re.MULTILINE)[1:]:
        rule = block[: block.index(":")]
        if re.search(r"^    output: ", block, re.MULTILINE):
            wildcards = re.search(r"^    wildcards: (.*)$", block, re.MULTILINE)
            named = [part.split("=", 1) for part in wildcards[1].split(", ")] if wildcards else []
            place = "/".join(value for name, value in named if name != "key")
            jobs.append(Job(rule, place))
        else:
            counts.pop(rule)
            total -= 1
    assert Counter(job.rule for job in jobs) == counts, f"jobs read do not add up to the table in\n{said}"
    assert total == len(jobs) == len(set(jobs))
    return set(jobs)


# Folders whose modules are loaded by name, by what loads them.
VARIANTS = {
    "select/formats": {"index_dataset", "propagate_masks", "draw_propagated_frames"},
    "images/views": {
        "encode_images",
        "encode_template",
        "extract_prototypes",
        "pool_prototypes",
        "draw_example_objects",
        "propagate_masks",
    },
    "compare/metrics": {
        *("compare_prototypes", "compute_statistics", "compare_classes"),
        *("measure_tasks", "measure_specifications"),
    },
    "models/texts": {"encode_prompt", "encode_template"},
    "models/backbones": {
        *("extract_features", "extract_prototypes", "list_layers"),
        *("propagate_masks", "randomize_network"),
    },
}


@cache
def closure(repo: Path, rule: str) -> tuple[set[Path], set[str]]:
    """Return the library modules that a rule's script runs, and the names of other packages that they import.

    Found in the byte code by the standard library, where the workflow reads the source.
    """
    scripts = repo / SCRIPTS
    finder = ModuleFinder([str(scripts)])
    finder.run_script(str(scripts / f"{rule}.py"))
    for folder, rules in VARIANTS.items():
        for file in (repo / LIBRARY / folder).glob("[a-z]*.py") if rule in rules else []:
            finder.import_hook(".".join(file.relative_to(scripts).with_suffix("").parts))
    inside = {Path(module.__file__) for name, module in finder.modules.items() if name.startswith("semlens.")}
    outside = {name.split(".")[0] for name in finder.badmodules} - sys.stdlib_module_names - {"semlens", "demo"}
    return inside, outside


def listed() -> list[Path]:
    """What Git tracks or would track, relative to the root; all but the ignored folders where there is no Git."""
    try:
        names = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split("\0")
        paths = [Path(name) for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        paths = [path for path in paths if not (CACHES & set(path.parts) or any(map(path.is_relative_to, MADE)))]
    return [path for path in paths if (ROOT / path).is_file()]


def copied(folder: Path) -> Path:
    """Copy the repository without results: a test sees uncommitted work."""
    for path in listed():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, folder / path)
    return folder


def changed(changes: dict[str, Any], path: Path, base: dict[str, Any] = SMALL) -> Path:
    """Write a configuration with some values changed, each by its place, as in ``datasets:coco:images``.

    None removes the key.
    """
    config = copy.deepcopy(base)
    for place, value in changes.items():
        *parents, key = place.split(":")
        entry = config
        for parent in parents:
            entry = entry.setdefault(parent, {})
        if value is None:
            del entry[key]
        else:
            entry[key] = value
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


@cache
def _read_rule_graph(repo: Repository, config: Path, targets: tuple[str, ...]) -> dict[str, set[str]]:
    """What each rule's outputs are read by, as Snakemake says."""
    graph = snakemake(repo, *targets, "--rulegraph", config=config)
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', graph, re.MULTILINE))
    below: dict[str, set[str]] = {name: set() for name in names.values()}
    for source, target in re.findall(r"^\s*(\d+) -> (\d+)", graph, re.MULTILINE):
        below[names[source]].add(names[target])
    assert names, f"no rules in\n{graph}"
    return below


def list_rules_below(repo: Repository, *rules: str, targets: tuple[str, ...] = ("all",)) -> set[str]:
    """The rules and everything downstream of them, but for targets, which make nothing."""
    below, found, queue = _read_rule_graph(repo, repo.config, targets), set(), set(rules)
    while queue:
        found |= queue
        queue = set().union(*(below[rule] for rule in queue)) - found
    return found - TARGETS


@contextmanager
def edited(path: Path, more: str = "# edited\n"):
    """Append to a file; put everything back at the end, its time stamp included."""
    content, stamp = path.read_bytes(), path.stat()
    path.write_bytes(content + more.encode())
    try:
        yield
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def selected(request, name: str) -> list[str]:
    """The values that a parameter takes in the file's tests that were selected, each once."""
    items = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    tests = [item.callspec.params for item in items]
    return list(dict.fromkeys(params[name] for params in tests if name in params))
