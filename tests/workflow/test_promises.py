"""What makes a stage run again, over all of the paper's experiments: the demo's configuration, with pretended files."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest
import yaml
from demo_model import MODEL
from plans import write_outputs
from repository import BELOW, LIBRARY, ROOT, SCRIPTS, Job, Repository

from repository import and_below, changed, closure, copied, edited, plan, selected, snakemake  # isort: skip

BASE = yaml.safe_load((ROOT / "config" / "config.yaml").read_text()) | {"shard_size": 10}
EXPERIMENTS = BASE["experiments"]
MODELS = tuple(BASE["models"])
# What the demo does not have: prototypes without maps, a template, and a model in a single file that nobody compares.
MORE = {
    "extractions:video:keep": "prototypes",
    "prompts": {"empty": "", "named": "a drawing of a {classes}"},
    "extractions:denoised:prompt": "named",
    "models:single": {"source": {"file": {"path": "single.safetensors", "config": str(MODEL)}}},
    "extractions:single": {"models": ["single"], "datasets": ["voc"], "layers": ["enc16.1"]},
}
EVERYTHING = ("all", "layers")
RULES = {*BELOW, "convert_checkpoint"}
CONVERTED = {
    *("convert_checkpoint", "list_layers", "encode_images", "encode_prompt", "extract_features", "pool_prototypes"),
    *("describe_run", "write_report"),
}
MODULES = sorted(path.stem for path in (ROOT / LIBRARY).glob("*.py") if path.stem != "__init__")
# What is downloaded needs no code, and training is no rule.
NO_RULES = {"download_file", "unpack_dataset", "download_images", "train_demo_model"}
DESCRIBED = Job("describe_run", "")
JUDGED = Job("judge_claims", "")
ANSWERED = {Job("summarize_findings", ""), Job("write_report", "")}
SHARDS = [f"{shard:05d}" for shard in range(BASE["datasets"]["coco"]["images"] // BASE["shard_size"])]


@pytest.fixture(scope="module")
def pretended(tmp_path_factory) -> Repository:
    """Everything is there, with a few bytes each, and Snakemake has it recorded as made."""
    folder = tmp_path_factory.mktemp("pretended")
    repo = Repository(copied(folder / "repository"), changed(MORE, folder / "demo.yaml", BASE))
    repo.path("single.safetensors").touch()
    write_outputs(snakemake(repo, *EVERYTHING, "--dry-run"), repo.folder)
    snakemake(repo, *EVERYTHING, "--touch", "--forceall", "--cores", "1")
    assert plan(repo, *EVERYTHING) == set()
    return repo


@pytest.fixture
def after(pretended, tmp_path):
    """The plan once the configuration has changed."""
    return lambda changes, *targets: plan(
        pretended, *targets, config=changed(MORE | changes, tmp_path / "demo.yaml", BASE)
    )


@pytest.fixture(scope="module")
def after_editing(pretended, request, tmp_path_factory):
    """The plan after each module was edited: two repositories take turns, so that the tests wait for half as long."""
    other = tmp_path_factory.mktemp("other") / "repository"
    shutil.copytree(pretended.folder, other, symlinks=True)
    repositories = SimpleQueue()
    for repo in (pretended, Repository(other, pretended.config)):
        repositories.put(repo)

    def ask(module: str) -> set[Job]:
        repo = repositories.get()
        try:
            with edited(repo.path(str(LIBRARY), f"{module}.py")):
                return plan(repo, *EVERYTHING)
        finally:
            repositories.put(repo)

    with ThreadPoolExecutor(2) as pool:
        yield {module: pool.submit(ask, module) for module in ["logs", *selected(request, "module")]}
        pool.shutdown(cancel_futures=True)


def rerun(rules: set[str]) -> set[str]:
    """The rules and everything downstream of them; the converted model is read by its own extraction alone."""
    return and_below(*rules & BELOW.keys()) | (CONVERTED if "convert_checkpoint" in rules else set())


def read(extraction: str, shards: list[str]) -> set[Job]:
    """What a extraction reads of COCO."""
    rules = ("extract_features", "pool_prototypes")
    return {Job(rule, f"{extraction}/{model}/coco/{shard}") for rule in rules for model in MODELS for shard in shards}


def mapped(name: str) -> bool:
    return EXPERIMENTS[name]["axis"] == "layers"


def concluded(*experiments: str) -> set[Job]:
    """Compare and below, of experiments that are no examples."""
    studied = [
        (name, model, dataset) for name in experiments for model in MODELS for dataset in EXPERIMENTS[name]["datasets"]
    ]
    return {
        JUDGED,
        *ANSWERED,
        *(Job("compare_classes", f"{name}/{model}/coco") for name in experiments for model in MODELS if mapped(name)),
        *(Job("draw_classes", name) for name in experiments if mapped(name)),
        *(
            Job(rule, f"{name}/{model}/{dataset}")
            for name, model, dataset in studied
            for rule in ("compare_prototypes", "compute_statistics")
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
    found = after({"extractions:noised:timesteps": [*BASE["extractions"]["noised"]["timesteps"], 900]})
    plate = {Job("draw_example_objects", "inference-steps")}
    assert found == read("noised", SHARDS) | plate | concluded("inference-steps") | {DESCRIBED}


def test_a_capture_extracts_itself(after):
    found = after({"extractions:later": {**BASE["extractions"]["noised"], "timesteps": [900]}}, "pool")
    assert found == read("later", SHARDS)


def test_images_add_shards(after):
    found = after({"datasets:coco:images": 44})
    shard = {
        Job("select_images", "coco/00004"),
        Job("encode_images", "trained/coco/plain/00004"),
        Job("encode_template", "trained/named/coco/plain/00004"),
        *(job for extraction in ("plain", "noised", "denoised") for job in read(extraction, ["00004"])),
    }
    of_coco = [name for name, entry in EXPERIMENTS.items() if entry["datasets"] == ["coco"]]
    assert found == shard | concluded(*of_coco) | {DESCRIBED}


@pytest.mark.parametrize("module", MODULES)
def test_editing_a_module_reruns_what_imports_it_and_below(pretended, after_editing, module):
    importing = {rule for rule in RULES if module in closure(pretended.folder, f"{rule}.py")[0]}
    assert {job.rule for job in after_editing[module].result()} == rerun(importing)


@pytest.mark.parametrize(
    ("module", "first"),
    [
        ("logs", RULES),
        ("scenes", {"render_dataset"}),
        ("extraction", {"extract_features", "extract_prototypes"}),
        ("pooling", {"extract_prototypes"}),
        ("masks", {"extract_prototypes", "pool_prototypes", "draw_example_objects", "draw_track"}),
        (
            "prototypes",
            {"extract_prototypes", "pool_prototypes", "compare_prototypes", "compare_classes", "draw_example_objects"},
        ),
        ("distances", {"compare_prototypes", "compare_classes"}),
        ("statistics", {"compute_statistics"}),
        ("figures", {"draw_experiment", "draw_classes", "draw_example_objects", "draw_track", "summarize_findings"}),
        ("maps", {"draw_classes"}),
        ("classes", {"compare_classes"}),
        ("answers", {"summarize_findings"}),
        ("reports", {"write_report"}),
        ("plates", {"draw_example_objects"}),
        ("frames", {"draw_track"}),
        ("published", {"judge_claims"}),
        ("checkpoints", {"convert_checkpoint"}),
        ("downloads", set()),
        ("configuration", set()),
    ],
)
def test_editing_a_module_reruns_its_stage_and_below(after_editing, module, first):
    """The same as above, said by hand: the promises of the design."""
    assert {job.rule for job in after_editing[module].result()} == rerun(first)


def test_everything_reruns_when_the_log_is_edited(pretended, after_editing):
    scripts = {path.stem for path in pretended.path(str(SCRIPTS)).glob("*.py")}
    assert {job.rule for job in after_editing["logs"].result()} == scripts - NO_RULES
