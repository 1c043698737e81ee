"""What makes a stage run again, over all of the paper's experiments: the demo's configuration, with pretended files."""

from collections import Counter

import pytest
import yaml
from plans import write_outputs
from repository import LIBRARY, ROOT, Job, Repository, changed, copied, plan, snakemake

BASE = yaml.safe_load((ROOT / "config" / "config.yaml").read_text()) | {"shard_size": 10}
EXPERIMENTS = BASE["experiments"]
MODELS = tuple(BASE["models"])
DESCRIBED = Job("describe_run", "")
JUDGED = Job("judge_claims", "")
ANSWERED = {Job("answer_question", ""), Job("write_report", "")}
READ = ("extract_features", "pool_prototypes")


@pytest.fixture(scope="module")
def pretended(tmp_path_factory) -> Repository:
    """Everything is there, with a few bytes each, and Snakemake has it recorded as made."""
    folder = tmp_path_factory.mktemp("pretended")
    repo = Repository(copied(folder / "repository"), changed({}, folder / "demo.yaml", BASE))
    write_outputs(snakemake(repo, "--dry-run"), repo.folder)
    snakemake(repo, "--touch", "--forceall", "--cores", "1")
    assert plan(repo) == set()
    return repo


@pytest.fixture
def after(pretended, tmp_path):
    """The plan once the configuration has changed."""
    return lambda changes, *targets: plan(pretended, *targets, config=changed(changes, tmp_path / "demo.yaml", BASE))


def mapped(name: str) -> bool:
    return EXPERIMENTS[name]["axis"] == "features"


def concluded(*experiments: str) -> set[Job]:
    """Compare and below, of experiments that are no examples."""
    studied = [
        (name, model, dataset) for name in experiments for model in MODELS for dataset in EXPERIMENTS[name]["datasets"]
    ]
    return {
        JUDGED,
        *ANSWERED,
        *(Job("map_classes", f"{name}/{model}/coco") for name in experiments for model in MODELS if mapped(name)),
        *(Job("draw_classes", name) for name in experiments if mapped(name)),
        *(
            Job(rule, f"{name}/{model}/{dataset}")
            for name, model, dataset in studied
            for rule in ("compare_prototypes", "test_distances")
        ),
        *(Job("draw_experiment", name) for name in experiments),
    }


def test_touching_files_reruns_nothing(pretended):
    for path in pretended.path("workflow").rglob("*.*"):
        path.touch()
    assert plan(pretended) == set()


def test_a_metric_reruns_compare_and_below(after):
    metrics = EXPERIMENTS["distance-measures"]["conditions"][:-1]
    assert after({"experiments:distance-measures:conditions": metrics}) == concluded("distance-measures") | {DESCRIBED}


def test_a_timestep_extracts_its_capture_from_the_latents_that_are_there(after):
    extracted = {Job(rule, f"noised/{model}/voc/00000") for model in MODELS for rule in READ}
    plates = {Job("draw_plate", name) for name in ("inference-steps", "transformations")}
    found = after({"captures:noised:timesteps": [*BASE["captures"]["noised"]["timesteps"], 900]})
    assert found == extracted | plates | concluded("inference-steps", "transformations") | {DESCRIBED}


def test_a_capture_extracts_itself(after):
    found = after({"captures:later": {**BASE["captures"]["noised"], "timesteps": [900]}}, "pool")
    assert found == {Job(rule, f"later/{model}/voc/00000") for model in MODELS for rule in READ}


def test_images_add_shards(after):
    found = after({"datasets:coco:images": 44})
    shard = {
        Job("select_images", "coco/00004"),
        Job("encode_images", "trained/coco/plain/00004"),
        *(Job(rule, f"plain/{model}/coco/00004") for model in MODELS for rule in READ),
    }
    of_coco = [name for name, entry in EXPERIMENTS.items() if entry["datasets"] == ["coco"]]
    assert found == shard | concluded(*of_coco) | {DESCRIBED}


@pytest.mark.parametrize(
    ("module", "rerun"),
    [
        (
            "figures",
            {"draw_experiment", "draw_classes", "draw_plate", "draw_frames", "answer_question", "write_report"},
        ),
        (
            "prototypes",
            {"pool_prototypes", "compare_prototypes", "test_distances", "judge_claims", "describe_run"}
            | {"draw_experiment", "draw_plate", "draw_frames"}
            | {"map_classes", "draw_classes", "answer_question", "write_report"},
        ),
    ],
)
def test_editing_a_module_reruns_its_stage_and_below(pretended, module, rerun):
    everything = Counter(job.rule for job in plan(pretended, "--forceall"))
    path = pretended.path(str(LIBRARY), f"{module}.py")
    code = path.read_text()
    path.write_text(f"{code}# edited\n")
    found = Counter(job.rule for job in plan(pretended))
    path.write_text(code)
    assert found == {rule: everything[rule] for rule in rerun}
