"""Which code and which files of a user make a stage run again: dry runs of the demo, where everything is done.

Nothing is computed: outputs are pretended, with a few bytes each, and recorded by Snakemake as made.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue

import pandas as pd
import pytest
import yaml
from demo_model import MODEL
from plans import write_outputs
from repository import (
    LIBRARY,
    ROOT,
    SCRIPTS,
    Job,
    Repository,
    changed,
    copied,
    edited,
    list_rules_below,
    plan,
    selected,
    snakemake,
)

BASE = yaml.safe_load((ROOT / "config" / "config.yaml").read_text()) | {"shard_size": 10}
TARGETS = ("all", "layers")
EXTRACTING = ("extract_features", "extract_prototypes", "propagate_masks")
# What the demo does not have: prototypes without maps, a template, a model in a single file, and a user's own folders.
MORE = {
    **{f"extractions:{extraction}:keep": "prototypes" for extraction in ("video", "noised", "denoised")},
    "experiments:inference-steps:tasks": ["retrieval"],
    "prompts": {"empty": "", "named": "a drawing of a {classes}"},
    "extractions:denoised:prompt": "named",
    "models:single": {"source": {"file": {"path": "single.safetensors", "config": str(MODEL)}}},
    "extractions:single": {"models": ["single"], "datasets": ["voc"], "layers": ["enc16.1"]},
    "models:own": {"source": {"folder": "own/model"}},
    "datasets:own": {"format": "voc", "source": {"folder": "own/voc"}, "split": "trainval", "images": 2},
    "extractions:own": {"models": ["own"], "datasets": ["own"], "layers": ["enc16.1"]},
}
VOC = "own/voc/VOCdevkit/VOC2012"
OWN = {
    f"{VOC}/ImageSets/Segmentation/trainval.txt": "a\nb\n",
    **{
        f"{VOC}/{folder}/{name}": name
        for folder in ("SegmentationObject", "SegmentationClass")
        for name in ("a.png", "b.png")
    },
    **{f"{VOC}/JPEGImages/{name}": name for name in ("a.jpg", "b.jpg")},
    "own/voc/notes.txt": "mine",
}


@pytest.fixture(scope="module")
def pretended(tmp_path_factory) -> Repository:
    folder = tmp_path_factory.mktemp("pretended")
    repo = Repository(copied(folder / "repository"), changed(MORE, folder / "demo.yaml", BASE))
    repo.path("single.safetensors").write_text("weights")
    for name, content in OWN.items():
        repo.path(name).parent.mkdir(parents=True, exist_ok=True)
        repo.path(name).write_text(content)
    shutil.copytree(MODEL, repo.path("own", "model"))
    write_outputs(snakemake(repo, *TARGETS, "--dry-run"), repo.folder)
    shown = {"file": [f"{VOC.removeprefix('own/voc/')}/JPEGImages/a.jpg"]}
    pd.DataFrame(shown).to_parquet(repo.path("results", "manifests", "own", "00000.parquet"))
    snakemake(repo, *TARGETS, "--touch", "--forceall", "--cores", "1")
    assert plan(repo, *TARGETS) == set()
    return repo


@pytest.fixture(scope="module")
def after_edit(pretended, request, tmp_path_factory):
    """The plan after each module was edited: two repositories take turns."""
    other = tmp_path_factory.mktemp("other") / "repository"
    shutil.copytree(pretended.folder, other, symlinks=True)
    repositories = SimpleQueue()
    for repo in (pretended, Repository(other, pretended.config)):
        repositories.put(repo)

    def ask(module: str) -> set[Job]:
        repo = repositories.get()
        try:
            with edited(repo.path(str(LIBRARY), module)):
                return plan(repo, *TARGETS)
        finally:
            repositories.put(repo)

    with ThreadPoolExecutor(2) as pool:
        yield {module: pool.submit(ask, module) for module in selected(request, "module")}
        pool.shutdown(cancel_futures=True)


def below(repo: Repository, *rules: str) -> set[str]:
    return list_rules_below(repo, *rules, targets=TARGETS)


def test_an_edit_of_what_cannot_change_a_number_reruns_nothing(pretended):
    runtime = [path for path in pretended.path(str(LIBRARY), "runtime").glob("*.py")]
    planning = [pretended.path(str(LIBRARY), "config", name) for name in ("plan.py", "checks.py", "sources.py")]
    assert len(runtime) > 5
    with ExitStack() as stack:
        for path in [*runtime, *planning, pretended.path("resources", "registry.yaml"), pretended.path("README.md")]:
            stack.enter_context(edited(path))
        assert plan(pretended, *TARGETS) == set()


def test_new_variants_rerun_nothing(pretended):
    copies = {"select/formats": "voc", "compare/metrics": "cosine", "images/views": "hflip", "models/backbones": "rgb"}
    files = [pretended.path(str(LIBRARY), folder, "another.py") for folder in copies]
    for file, name in zip(files, copies.values(), strict=True):
        shutil.copy(file.with_name(f"{name}.py"), file)
    try:
        assert plan(pretended, *TARGETS) == set()
    finally:
        for file in files:
            file.unlink()


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        (
            "images/masks.py",
            {"extract_prototypes", "pool_prototypes", "draw_example_objects", "draw_track", "propagate_masks"},
        ),
        ("extract/latents.py", {"encode_images", "propagate_masks"}),
        ("extract/features.py", {*EXTRACTING}),
        ("models/backbones/unet.py", {*EXTRACTING, "randomize_network", "list_layers"}),
        ("extract/tokens.py", {"extract_features", "extract_prototypes"}),
        ("extract/streaming.py", {"extract_prototypes"}),
        ("extract/mask_weights.py", {"extract_prototypes", "pool_prototypes", "draw_example_objects"}),
        (
            "compare/prototypes.py",
            {
                "compare_prototypes",
                "compare_classes",
                "project_objects",
                "search_layers",
                "measure_tasks",
                "measure_agreement",
                "measure_specifications",
            },
        ),
        ("compare/distances.py", {"compare_prototypes", "measure_specifications"}),
        ("statistics/tests.py", {"compute_statistics", "measure_specifications"}),
        (
            "statistics/permutation.py",
            {"compute_statistics", "measure_tasks", "measure_specifications", "summarize_multiverse"},
        ),
        ("statistics/choice_shares.py", {"summarize_multiverse"}),
        ("statistics/separation_tables.py", {"compute_statistics"}),
        ("statistics/tasks/probe.py", {"measure_tasks"}),
        ("draw/tasks.py", {"draw_tasks", "draw_heat_maps"}),
        ("draw/heat_maps.py", {"draw_heat_maps", "draw_propagation"}),
        ("statistics/classes.py", {"compare_classes"}),
        ("statistics/findings.py", {"summarize_findings"}),
        ("draw/boxes.py", {"draw_experiment"}),
        (
            "draw/separation.py",
            {
                "draw_separation",
                "draw_artefacts",
                "draw_tokens",
                "draw_search",
                "draw_heat_maps",
                "draw_agreement",
                "draw_multiverse",
                "draw_tasks",
                "draw_propagation",
                "summarize_findings",
            },
        ),
        ("propagate/affinity.py", {"propagate_masks"}),
        ("propagate/videos.py", {"propagate_masks", "draw_propagated_frames"}),
        ("statistics/propagation.py", {"evaluate_propagation"}),
        ("draw/propagation.py", {"draw_propagation"}),
        ("draw/propagated_frames.py", {"draw_propagated_frames"}),
        ("draw/tracks.py", {"draw_track"}),
        ("draw/class_maps.py", {"draw_classes"}),
        ("draw/neighbours.py", {"draw_neighbours"}),
        ("draw/pairs.py", {"draw_neighbours"}),
        ("draw/example_objects.py", {"draw_example_objects"}),
        ("report/page.py", {"write_report"}),
        ("report/explorer.py", {"write_explorer"}),
        ("statistics/planes.py", {"project_objects"}),
        ("statistics/tokens.py", {"measure_tokens"}),
        ("statistics/probes.py", {"measure_tokens", "compute_statistics"}),
        ("draw/tokens.py", {"draw_tokens"}),
        ("statistics/search.py", {"search_layers"}),
        ("statistics/subsets.py", {"search_layers"}),
        ("draw/search.py", {"draw_search"}),
        ("report/provenance.py", {"describe_run"}),
        ("report/claims/predicates.py", {"judge_claims"}),
    ],
)
def test_an_edit_reruns_the_stages_that_run_it_and_below(pretended, after_edit, module, rules):
    assert {job.rule for job in after_edit[module].result()} == below(pretended, *rules)


@pytest.mark.parametrize("module", ["draw/__init__.py"])
def test_a_package_is_code_of_whatever_imports_from_it(pretended, after_edit, module):
    rules = {job.rule for job in after_edit[module].result()}
    assert rules >= below(pretended, "draw_experiment")
    assert not rules & {"extract_features", "compare_prototypes"}


@pytest.mark.parametrize("module", ["select/formats/davis.py"])
def test_one_format_reruns_the_index_of_its_datasets(after_edit, module):
    jobs = after_edit[module].result()
    assert {job.place for job in jobs if job.rule == "index_dataset"} == {"davis"}
    assert {job.place.split("/")[2] for job in jobs if job.rule.startswith("extract")} == {"davis"}


@pytest.mark.parametrize("module", ["compare/metrics/cityblock.py"])
def test_one_metric_reruns_the_experiments_that_name_it(after_edit, module):
    jobs = after_edit[module].result()
    assert {job.place.split("/")[0] for job in jobs if job.rule == "compare_prototypes"} == {"distance-measures"}
    assert not {job.rule for job in jobs} & {"pool_prototypes", "extract_features", "compare_classes"}


@pytest.mark.parametrize("module", ["images/views/rot90.py"])
def test_one_view_encodes_the_groups_that_have_it(after_edit, module):
    jobs = after_edit[module].result()
    assert {job.place.split("/")[2] for job in jobs if job.rule == "encode_images"} == {"transformed"}
    assert {job.place.split("/")[0] for job in jobs if job.rule == "extract_features"} == {"transformed"}


@pytest.mark.parametrize("module", ["extract/feature_shards.py"])
def test_shards_of_maps_are_the_business_of_extractions_that_keep_them(after_edit, module):
    rules = {job.rule for job in after_edit[module].result()}
    assert "extract_features" in rules and not rules & {"extract_prototypes", "propagate_masks"}


@pytest.mark.parametrize("module", ["models/checkpoints.py"])
def test_conversion_is_the_business_of_models_in_a_single_file(after_edit, module):
    jobs = after_edit[module].result()
    assert {job.place for job in jobs if job.rule == "convert_checkpoint"} == {"single"}
    assert {job.place.split("/")[0] for job in jobs if job.rule.startswith("extract")} == {"single"}


def test_relative_imports_are_followed(pretended):
    """Should a module ever be imported so, its edits are still seen."""
    importer = pretended.path(str(LIBRARY), "report", "page.py")
    helper = pretended.path(str(LIBRARY), "report", "helper.py")
    before, stamp = importer.read_text(), importer.stat()
    helper.write_text("VALUE = 1\n")
    importer.write_text(before + "from .helper import VALUE\n")
    try:
        assert "helper.py" in snakemake(pretended, "--dry-run", "--forcerun", "write_report")
    finally:
        helper.unlink()
        importer.write_text(before)
        os.utime(importer, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def test_touching_code_reruns_nothing(pretended):
    stamps = {path: path.stat() for path in pretended.path("workflow").rglob("*.*") if path.is_file()}
    for path in stamps:
        path.touch()
    try:
        assert plan(pretended, *TARGETS) == set()
    finally:
        for path, stamp in stamps.items():
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


@pytest.mark.parametrize("script", ["extract_prototypes.py", "draw_experiment.py"])
def test_editing_a_script_reruns_its_rule_and_below(pretended, script):
    with edited(pretended.path(str(SCRIPTS), script)):
        assert {job.rule for job in plan(pretended, *TARGETS)} == below(pretended, script.removesuffix(".py"))


# Files of a user


@pytest.fixture
def replaced(pretended):
    """The plan after a user's file was replaced by one with an older time, as ``cp -p`` and ``rsync -t`` do."""

    def ask(file: str):
        path = pretended.path(file)
        content, stamp = path.read_bytes(), path.stat()
        path.write_bytes(content[::-1])
        os.utime(path, (stamp.st_atime - 1e6, stamp.st_mtime - 1e6))
        try:
            return plan(pretended, *TARGETS)
        finally:
            path.write_bytes(content)
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

    return ask


@pytest.mark.parametrize("file", ["SegmentationObject/a.png", "SegmentationClass/b.png"])
def test_a_mask_that_was_replaced_indexes_its_dataset_again(replaced, file):
    jobs = replaced(f"{VOC}/{file}")
    assert {job.place for job in jobs if job.rule == "index_dataset"} == {"own"}
    assert {job.place for job in jobs if job.rule.startswith("extract")} == {"own/own/own/00000"}


def test_an_image_that_was_replaced_is_encoded_again_and_not_indexed(replaced):
    jobs = replaced(f"{VOC}/JPEGImages/a.jpg")
    assert {job.place for job in jobs if job.rule == "encode_images"} == {"own/own/plain/00000"}
    assert not {job for job in jobs if job.rule in ("index_dataset", "select_images")}


def test_an_image_that_no_shard_shows_reruns_nothing(replaced):
    assert replaced(f"{VOC}/JPEGImages/b.jpg") == set()


def test_weights_that_were_replaced_are_read_again_by_their_model_alone(replaced):
    jobs = replaced("own/model/unet/diffusion_pytorch_model.safetensors")
    assert {job.place for job in jobs if job.rule == "link_model_part"} == {"own/unet"}
    assert {job.place for job in jobs if job.rule.startswith("extract")} == {"own/own/own/00000"}
    assert not {job for job in jobs if job.rule == "encode_images"}


def test_a_single_file_that_was_replaced_is_converted_again(replaced):
    jobs = replaced("single.safetensors")
    assert {job.place for job in jobs if job.rule == "convert_checkpoint"} == {"single"}
    assert {job.place.split("/")[0] for job in jobs if job.rule.startswith("extract")} == {"single"}


def test_published_values_that_were_replaced_are_judged_again(replaced):
    assert {job.rule for job in replaced("resources/published/table1.csv")} == {"judge_claims", "write_report"}


def test_other_files_in_a_users_folder_rerun_nothing(replaced):
    assert replaced("own/voc/notes.txt") == set()
