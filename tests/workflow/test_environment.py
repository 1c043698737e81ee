"""Pins, environments and names hold together."""

import ast
import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from repository import LIBRARY, ROOT, SCRIPTS, closure, listed

ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
RULE_FILES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
# Packages that no line imports, and the word in the library, the Makefile, the tutorial or the site's settings by
# which they are used.
INDIRECT = {
    "tabulate": "to_markdown",
    "protobuf": "spiece.model",
    "safetensors": "use_safetensors",
    "sentencepiece": "spiece.model",
    "snakemake": "bin)/snakemake",
    "snakemake-executor-plugin-slurm": "pytest -m slurm",
    "ipykernel": '"kernelspec"',
    "pytest": "pytest",
    "pytest-xdist": "pytest --numprocesses",
    "ruff": "ruff check",
    "snakefmt": "snakefmt --check",
    "furo": 'html_theme = "furo"',
    "myst-nb": '"myst_nb"',
}
IMPORTING = ("workflow/**/*.py", "workflow/**/*.smk", "tests/**/*.py", "docs/*.py")
# What these make is decided by the registry, not by code: see fetch.smk.
NAMED_BY_CONTENT = {
    "download_file",
    "unpack_dataset",
    "download_images",
    "render_dataset",
    "convert_checkpoint",
    "link_model_part",
    "download_model_part",
    "randomize_network",
}
DISTRIBUTIONS = packages_distributions()


def pins(lines: list[str]) -> dict[str, str]:
    """Package to version; every line must be a pin."""
    stripped = [line.split("#")[0].split(" ;")[0].split(";")[0].strip() for line in lines]
    return {normal(name): version for name, version in (line.split("==") for line in stripped if line)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(suffix: str) -> dict[str, str]:
    return pins((ROOT / "envs" / f"requirements.{suffix}").read_text().splitlines())


def pip_section(path: Path) -> dict[str, str]:
    (listed,) = [entry["pip"] for entry in yaml.safe_load(path.read_text())["dependencies"] if isinstance(entry, dict)]
    return pins(listed)


def rules() -> dict[str, dict[str, str]]:
    """The executing rules (those with a script) and their directives, as text."""
    found = {}
    for path in RULE_FILES:
        for name, body in re.findall(r"^rule (\w+):\n((?:(?:    .*)?\n)+)", path.read_text(), re.MULTILINE):
            directives = re.findall(r"^    (\w+):((?:.*\n)(?:        .*\n)*)", body, re.MULTILINE)
            entry = {directive: text.strip() for directive, text in directives}
            if "script" in entry:
                found[name] = entry
    return found


RULES = rules()


def environment(rule: str) -> Path:
    return (ROOT / "workflow" / "rules" / RULES[rule]["conda"].strip('"')).resolve()


def imported(names: set[str]) -> set[str]:
    """Modules to the distributions that hold them."""
    return {normal(DISTRIBUTIONS.get(name, [name])[0]) for name in names}


def needed(rule: str) -> set[str]:
    """Distributions that a rule's script and its library modules import, or use without importing."""
    modules, names = closure(ROOT, rule)
    code = "".join(module.read_text() for module in modules)
    return imported(names) | {
        package for package, word in INDIRECT.items() if re.search(rf"\b{re.escape(word)}\b", code)
    }


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_environments_pin_what_the_requirements_pin(path):
    assert pip_section(path).items() <= requirements("in").items()
    assert pip_section(path).items() <= requirements("txt").items()


def test_the_lock_holds_every_requirement():
    assert requirements("in").items() <= requirements("txt").items()


@pytest.mark.parametrize("rule", RULES)
def test_the_environment_of_a_rule_covers_its_imports(rule):
    missing = needed(rule) - pip_section(environment(rule)).keys()
    assert not missing, f"{environment(rule).name} lacks {', '.join(sorted(missing))}"


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_environments_hold_nothing_unused(path):
    used = {package for rule in RULES if environment(rule) == path for package in needed(rule)}
    assert not pip_section(path).keys() - used


def test_every_requirement_is_used():
    names = set()
    for path in [file for pattern in IMPORTING for file in ROOT.glob(pattern)]:
        for line in re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE):
            names.add(line)
    running = [ROOT / name for name in ("Makefile", "docs/conf.py", "docs/tutorial.ipynb")]
    runs = "".join(path.read_text() for path in [*running, *(ROOT / LIBRARY).rglob("*.py")])
    indirect = {package for package, word in INDIRECT.items() if word.lower() in runs.lower()}
    assert requirements("in").keys() <= imported(names) | indirect


def test_committed_files_name_no_package_index():
    address = re.compile(
        r"(--)?(extra-)?index-url\s*[=\s]\s*\S*://|https?://\S*/simple\b|trusted-host\s*[=\s]\s*\S+\.", re.I
    )
    naming = {str(path) for path in listed() if address.search((ROOT / path).read_text(errors="ignore"))}
    assert naming <= {str(Path(__file__).relative_to(ROOT))}


def test_rule_script_and_log_share_a_name():
    assert set(RULES) == {path.stem for path in (ROOT / SCRIPTS).glob("*.py")}
    for name, entry in RULES.items():
        assert re.fullmatch(r"[a-z]+_[a-z_]+", name), f"{name} is not a verb and a noun"
        assert entry["script"] == f'"../scripts/{name}.py"'
        assert entry["log"].startswith(f'"<logs>/{name}/')
        names_its_code = re.search(rf'code=[^"]*sources\(\s*"{name}\.py"', entry.get("input", ""))
        assert bool(names_its_code) == (name not in NAMED_BY_CONTENT), name
        if "benchmark" in entry:
            assert entry["benchmark"].startswith(f'"<benchmarks>/{name}/')


def test_every_executing_rule_has_log_and_environment():
    """Rules without a script are targets: input only."""
    text = "".join(path.read_text() for path in RULE_FILES)
    assert not re.search(r"^    (shell|run|notebook|wrapper):", text, re.MULTILINE)
    for name, entry in RULES.items():
        assert {"output", "log", "conda", "script"} <= entry.keys(), name
        assert environment(name) in ENVIRONMENTS


def test_logs_and_benchmarks_tell_jobs_apart():
    """A log has all wildcards of its outputs; two jobs would otherwise write one file."""
    for name, entry in RULES.items():
        for output in re.findall(r'"(<\w+>/[^"]*)"', entry["output"]):
            wildcards = set(re.findall(r"{(\w+)}", output)) - {"BACKBONE"}
            assert wildcards == set(re.findall(r"{(\w+)}", entry["log"])), name


FLOORS = (  # a room imports from its own floor and those before it
    {"runtime"},
    {"images", "storage"},
    {"models", "select"},
    {"extract", "config"},
    {"compare", "propagate"},
    {"statistics"},
    {"draw"},
    {"report", "results"},
)


@pytest.mark.parametrize("path", sorted((ROOT / LIBRARY).rglob("*.py")), ids=lambda path: path.stem)
def test_imports_run_one_way(path):
    floor_of = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    room = path.relative_to(ROOT / LIBRARY).with_suffix("").parts[0]
    if room == "__init__":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("semlens."):
            other = node.module.split(".")[1]
            assert floor_of[other] <= floor_of[room], f"{path.name} imports {node.module}"


def test_no_file_is_long():
    long = {
        str(path)
        for path in listed()
        if path.suffix == ".py" and "tests" not in path.parts and len((ROOT / path).read_text().splitlines()) > 400
    }
    assert not long
    assert len((ROOT / "workflow" / "rules" / "common.smk").read_text().splitlines()) < 120


def test_the_library_never_mentions_the_workflow():
    for path in (ROOT / LIBRARY).rglob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert "snakemake" not in names, path.name
