"""Profiles, hooks and continuous integration name what there is; rules say what they do."""

import re

import pytest
import yaml
from repository import ROOT, TARGETS

RULE_FILES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
BODIES = dict(
    rule
    for path in RULE_FILES
    for rule in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", path.read_text(), re.MULTILINE)
)
SLURM_TEXT = (ROOT / "profiles" / "slurm" / "profile.yaml").read_text()
SLURM = yaml.safe_load(SLURM_TEXT)
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
CI = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]


def select_rules(directive: str) -> set[str]:
    """The rules whose body has a line that begins so."""
    return {name for name, body in BODIES.items() if re.search(rf"^ +{directive}", body, re.MULTILINE)}


@pytest.mark.parametrize("path", sorted((ROOT / "profiles").glob("*/profile.yaml")), ids=lambda path: path.parent.name)
def test_profiles_name_rules_that_exist(path):
    profile = yaml.safe_load(path.read_text())
    named = {name for key in ("set-resources", "set-threads", "groups") for name in profile.get(key, {})}
    assert named <= BODIES.keys()


def test_words_of_the_slurm_profile_that_look_like_rules_are_rules():
    """In comments too: what is offered for arrays, what is said of GPUs."""
    verbs = "|".join(sorted({name.split("_")[0] for name in BODIES if "_" in name}))
    assert set(re.findall(rf"\b(?:{verbs})_\w+", SLURM_TEXT)) <= BODIES.keys()


def test_jobs_with_a_gpu_go_to_the_partition_of_gpus():
    assert SLURM["set-resources"].keys() == select_rules("gpu=")


def test_every_group_has_a_size():
    assert set(SLURM["groups"].values()) == SLURM["group-components"].keys()


def test_jobs_in_groups_say_what_they_need():
    """A group asks for the sum of its jobs: the default would be a job's own 2 GB, fifty times."""
    assert SLURM["groups"].keys() <= select_rules("mem=") & select_rules("runtime=")


def test_every_rule_says_in_a_sentence_what_it_does():
    sentences = {}
    for name, body in BODIES.items():
        sentence = re.match(r'    """([A-Z][^"\n]*\.)"""\n', body)
        assert sentence, f"rule {name} has no docstring of one line"
        sentences[name] = sentence[1]
    assert len(set(sentences.values())) == len(sentences)
    assert BODIES.keys() >= TARGETS


@pytest.mark.parametrize("tool", ["ruff", "snakefmt"])
def test_hooks_run_the_versions_that_are_pinned(tool):
    (version,) = re.findall(rf"^{tool}==(.*)$", (ROOT / "envs" / "requirements.txt").read_text(), re.MULTILINE)
    (revision,) = [hook["rev"] for hook in HOOKS if re.search(rf"/{tool}(-pre-commit)?$", hook["repo"])]
    assert revision == f"v{version}"


def test_continuous_integration_runs_the_gate():
    """Every command of `make test`."""
    steps = {step.get("run") for job in CI.values() for step in job["steps"]}
    recipe = re.search(r"^test:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert {line.strip().removeprefix("$(BIN)/") for line in recipe.splitlines()} <= steps
