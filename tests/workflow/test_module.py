"""The workflow as a module of another: beside foreign rules, under a prefix, twice, and as snakedeploy deploys it."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from payload import alike
from repository import SMALL, Job, Repository, copied, execute, plan, snakemake

pytestmark = pytest.mark.slow

MODULE = """
module {name}:
    snakefile: {door}
    config: {config}
    {more}

use rule * from {name} as {rules}
"""
FOREIGN = """
rule count_rows:
    default_target: True
    input:
        sets="results/statistics/metrics/tiny/coco.sets.csv",
        report=rules.write_report.output.html,
    output:
        "rows.txt"
    shell:
        "wc -l < {input.sets} > {output}"
"""
BOTH = """
rule both:
    default_target: True
    input:
        rules.first_all.input,
        rules.second_all.input,
"""
# What `snakedeploy deploy-workflow` writes to workflow/Snakefile, beside a copy of config/.
DEPLOYED = """
from snakemake.utils import min_version

min_version("6.10.0")


configfile: "config/config.yaml"


# declare the repository as a module
module semlens:
    snakefile:
        {door}
    config:
        config


# use all rules from the repository
use rule * from semlens
"""
# Stages whose results the run beside a foreign rule finds already there.
KEPT = ("index", "manifests", "latents", "prompts", "features", "prototypes", "distances", "statistics", "figures")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return copied(tmp_path_factory.mktemp("module") / "repository")


@pytest.fixture(scope="module")
def plain(home) -> set[Job]:
    """The jobs of the small configuration where semlens itself is run."""
    config = home.parent / "small.yaml"
    config.write_text(yaml.safe_dump(SMALL, sort_keys=False))
    return plan(Repository(home, config))


@pytest.fixture
def study(tmp_path) -> Repository:
    """A user's folder with a configuration, and no Snakefile yet."""
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL, sort_keys=False))
    return Repository(folder)


def import_module(door: Path | str, *, name="semlens", config="config", more="", rules="*") -> str:
    """The lines of a Snakefile that use semlens as a module."""
    return MODULE.format(name=name, door=repr(str(door)), config=config, more=more, rules=rules)


def write_snakefile(study: Repository, *parts: str) -> None:
    study.path("Snakefile").write_text("\n".join(['configfile: "small.yaml"', *parts]))


def commit(home: Path) -> str:
    """Make a Git repository of a folder, and return its only commit."""
    git = ["git", "-C", str(home), "-c", "user.name=semlens", "-c", "user.email=semlens@localhost"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "semlens"]):
        subprocess.run([*git, *command], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("door", ["Snakefile", "workflow/Snakefile"])
def test_a_module_plans_the_jobs_of_the_workflow(home, plain, study, door):
    write_snakefile(study, import_module(home / door))
    assert plan(study) == plain


def test_paths_under_a_prefix_are_the_users_and_sources_are_not(home, plain, study):
    write_snakefile(study, import_module(home / "workflow" / "Snakefile", more='prefix: "lens"'))
    assert plan(study) == plain
    summary = snakemake(study, "--summary")
    made = [line.split("\t")[0] for line in summary.splitlines() if "\t" in line][1:]
    assert made
    assert all(path.startswith(("lens/results/", "lens/resources/")) for path in made)


def test_path_variables_may_be_given_by_the_module(home, plain, study):
    write_snakefile(study, import_module(home / "workflow" / "Snakefile", more='pathvars: results="out"'))
    assert plan(study) == plain
    assert plan(study, "out/index/voc.parquet") == {Job("render_dataset", "voc"), Job("index_dataset", "voc")}


def test_two_configurations_are_used_side_by_side(home, plain, study):
    configurations = {"first": SMALL, "second": {**SMALL, "seed": 1}, "threshold": 3}
    study.path("small.yaml").write_text(yaml.safe_dump(configurations, sort_keys=False))
    modules = [
        import_module(
            home / "workflow" / "Snakefile",
            name=name,
            config=f'config["{name}"]',
            more=f'prefix: "{name}"',
            rules=f"{name}_*",
        )
        for name in ("first", "second")
    ]
    write_snakefile(study, *modules, BOTH)
    assert plan(study) == {Job(f"{name}_{rule}", place) for name in ("first", "second") for rule, place in plain}


def test_a_module_runs_in_another_directory(home, plain, study, tmp_path):
    write_snakefile(study, import_module(home / "workflow" / "Snakefile"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(study.path("small.yaml"), elsewhere)
    arguments = ("--snakefile", str(study.path("Snakefile")), "--directory", str(elsewhere))
    assert plan(Repository(home), *arguments) == plain


def test_the_demo_runs_where_a_module_has_no_configuration(home, study):
    study.path("Snakefile").write_text(
        f'module semlens:\n    snakefile: "{home}/Snakefile"\n\nuse rule * from semlens\n'
    )
    assert plan(study, "select") == plan(Repository(home), "select")


@pytest.mark.slow
def test_a_foreign_rule_reads_what_the_module_makes(finished, home, study):
    """From prototypes to the report, and on to the user's own rule: numbers are those of the workflow itself."""
    shutil.copytree(finished.path("resources"), study.path("resources"), symlinks=True)
    for stage in KEPT:
        shutil.copytree(finished.path("results", stage), study.path("results", stage))
    statistics = Path("results", "statistics", "metrics", "tiny", "coco.sets.csv")
    distances = Path("results", "distances", "metrics", "tiny", "coco.parquet")
    for path in (statistics, distances):
        study.path(path).unlink()
    write_snakefile(study, import_module(home / "workflow" / "Snakefile"), FOREIGN)
    execute(study)
    rows = len(study.path(statistics).read_text().splitlines())
    assert int(study.path("rows.txt").read_text()) == rows
    for path in (statistics, distances):
        assert alike(study.path(path), finished.path(path)), path
    assert study.path("results", "report.html").stat().st_size > 0


@pytest.mark.slow
def test_jobs_run_the_code_of_the_workflow_where_another_semlens_is_installed(home, study, tmp_path, monkeypatch):
    other = tmp_path / "installed" / "semlens"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise ImportError('the wrong semlens')\n")
    monkeypatch.setenv("PYTHONPATH", str(other.parent))
    write_snakefile(study, import_module(home / "workflow" / "Snakefile"))
    execute(study, "results/index/voc.parquet")
    assert study.path("results", "index", "voc.parquet").is_file()


def test_what_snakedeploy_writes_works_with_a_copy_on_disk(home, plain, study):
    deploy(home, study, repr(str(home / "workflow" / "Snakefile")))
    assert plan(study) == plain


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="Git is not installed")
def test_what_snakedeploy_writes_works_with_a_server(home, plain, study, tmp_path, monkeypatch):
    """No server is asked: Snakemake finds its clone of the repository already there."""
    source = shutil.copytree(home, tmp_path / "repository", ignore=shutil.ignore_patterns(".snakemake"))
    revision = commit(source)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache = tmp_path / "cache" / "snakemake" / "snakemake" / "source-cache" / "snakemake-git-cache"
    clone = cache / "github.com" / "example" / "semlens"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(source), str(clone)], check=True)
    deploy(home, study, f'github("example/semlens", path="workflow/Snakefile", commit="{revision}")')
    assert plan(study) == plain
    execute(study, "results/index/voc.parquet")
    assert plan(study, "results/index/voc.parquet") == set()
    assert [path.name for path in study.path(".snakemake", "semlens").iterdir()] == [revision]


def deploy(home: Path, study: Repository, door: str) -> None:
    """Do as `snakedeploy deploy-workflow` does, with the small configuration in place of the demo's."""
    for folder in ("config", "profiles"):
        shutil.copytree(home / folder, study.path(folder))
    study.path("small.yaml").replace(study.path("config", "config.yaml"))
    study.path("workflow").mkdir()
    study.path("workflow", "Snakefile").write_text(DEPLOYED.format(door=door))
