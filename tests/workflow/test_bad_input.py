"""What a user can get wrong: one clear line that names the offender, and nothing lost."""

import re
import shutil
from collections.abc import Callable
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
from demo_model import MODEL
from repository import SMALL, Job, execute, plan, snakemake

# The configuration's changes, and what the terminal must name.
REFUSED = {
    "key at the top": ({"shardsize": 8}, ["shardsize", "shard_size"]),
    "key of a dataset": ({"datasets:coco:image": 8}, ["datasets.coco", "image", "images"]),
    "key of a source": (
        {"datasets:voc:source:demo:images": 8, "datasets:voc:source:url": "x"},
        ["datasets.voc.source", "url"],
    ),
    "key of an experiment": ({"experiments:metrics:measure": "cosine"}, ["experiments.metrics", "measure", "metric"]),
    "metric": (
        {"experiments:metrics:conditions": ["euclidean", "manhattan"]},
        ["experiments.metrics", "manhattan", "cityblock"],
    ),
    "layer's grammar": ({"extractions:plain:layers": ["enc 16"]}, ["extractions.plain.layers", "enc 16", "enc16.1"]),
    "layer": ({"extractions:plain:layers": ["enc17x"]}, ["'plain'", "enc17x", "enc16.1"]),
    "dataset of a extraction": ({"extractions:plain:datasets": ["coco", "imagenet"]}, ["'plain'", "imagenet", "voc"]),
    "dataset of an experiment": ({"experiments:layers:datasets": ["imagenet"]}, ["'layers'", "imagenet", "voc"]),
    "extraction": ({"experiments:video:extractions": ["videos"]}, ["'video'", "'videos'", "plain"]),
    "view group": ({"extractions:video:views": "flipped"}, ["'video'", "flipped", "plain"]),
    "view": ({"views": {"plain": ["identity", "upside_down"]}}, ["views.plain", "upside_down", "identity"]),
    "view in two spellings": (
        {"views:turned": ["crop_shift20", {"crop_shift": 0.2}]},
        ["view group 'turned'", "'crop_shift20' twice"],
    ),
    "model of a extraction": ({"extractions:video:models": ["large"]}, ["'video'", "large", "tiny"]),
    "dataset's folder": (
        {"datasets:voc:source": {"folder": "nowhere/voc"}},
        ["'voc'", "nowhere/voc", "does not exist"],
    ),
    "posterior": ({"extractions:plain:posterior": "median"}, ["extractions.plain.posterior", "median", "mean"]),
    "optimization": ({"optimizations": ["tf32", "cuda_graphs"]}, ["optimizations.1", "cuda_graphs", "channels_last"]),
    "optimization twice": ({"optimizations": ["tf32", "tf32"]}, ["optimizations", "non-unique"]),
    "what to keep": ({"extractions:plain:keep": "vectors"}, ["extractions.plain.keep", "vectors", "prototypes"]),
    "way to resize": ({"models:tiny:resize": "crop"}, ["models.tiny.resize", "crop", "letterbox"]),
    "old word": ({"models:tiny:resize": "squash"}, ["models.tiny.resize", "'squash' is now 'stretch'"]),
    "steps without noise": ({"extractions:noised:noise": False}, ["'noised'", "inference_steps", "noise: false"]),
    "reference without offset": ({"experiments:layers:reference": "first"}, ["'layers'", "reference", "offset"]),
    "download of a dataset": (
        {"datasets:voc:source": {"download": "voc-2099"}},
        ["'voc'", "voc-2099", "voc-2012"],
    ),
    "download of another format": (
        {"datasets:voc:source": {"download": "coco-2017"}},
        ["'voc'", "coco-2017", "'coco'"],
    ),
    "download of a model": (
        {"models:tiny:source": {"download": "sd-99"}},
        ["'tiny'", "sd-99", "stable-diffusion-v1-5"],
    ),
    "mirror": ({"mirrors": {"nonsense": "x"}}, ["mirrors", "nonsense"]),
    "download of a model's file": (
        {"models:tiny:source": {"file": {"download": "sd-99", "config": "stable-diffusion-v1-5"}}},
        ["model 'tiny': 'file'", "'sd-99'", "stable-diffusion-v1-4"],
    ),
    "size of a download": (
        {"models:tiny:source": {"download": "stable-diffusion-xl-base-1-0"}},
        ["'tiny'", "size: 1024"],
    ),
    "model's folder": ({"models:tiny:source": {"folder": "nowhere/sd"}}, ["'tiny'", "nowhere/sd", "'hub: nowhere/sd'"]),
}


@pytest.mark.parametrize(("changes", "named"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_configuration_is_refused(finished, configured, changes, named):
    said = snakemake(finished, "--dry-run", config=configured(changes), fails=True)
    assert_clear(said, named)


def test_a_users_folder_is_never_what_the_demo_draws(finished, configured):
    """Not even where the demo would put its own under the same name."""
    folder = str(finished.find_dataset("coco").relative_to(finished.folder))
    said = snakemake(finished, "--dry-run", config=configured({"datasets:coco:source": {"folder": folder}}))
    assert f"output: {folder}" not in said


def test_another_configuration_does_not_write_into_the_results_of_the_first(clone, configured):
    repo = clone()
    execute(repo, "layers", "--forcerun", "list_layers")
    said = snakemake(repo, "--dry-run", config=configured({"datasets:coco:images": 5}), fails=True)
    assert_clear(said, ["small.yaml", "'coco'", "pathvars", "configuration.json"])


def test_a_model_without_its_unet_is_refused(finished, configured, tmp_path):
    shutil.copytree(MODEL, tmp_path / "model")
    shutil.rmtree(tmp_path / "model" / "unet")
    config = configured({"models:tiny:source": {"folder": str(tmp_path / "model")}})
    said = snakemake(finished, "--dry-run", config=config, fails=True)
    assert_clear(said, ["'tiny'", str(tmp_path / "model"), "has no unet"])


@pytest.mark.parametrize("source", [{"demo": {}}, {"folder": str(MODEL)}])
def test_a_layer_that_a_model_lacks_is_refused(finished, configured, source):
    """Before anything runs, where the model is there already."""
    config = configured({"models:tiny:source": source, "extractions:video:layers": ["enc16.1", "enc17.1"]})
    said = snakemake(finished, "--dry-run", config=config, fails=True)
    assert_clear(said, ["'video'", "enc17.1", "enc16.2"])


def assert_clear(said: str, named: list[str]) -> None:
    error = said[said.index("WorkflowError") :]
    for name in named:
        assert name in error, f"{name} is not named in\n{said}"
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 10, f"a flood:\n{said}"


@pytest.fixture(scope="module")
def broken(clone) -> SimpleNamespace:
    """Three failures in one run that keeps going: each job's fate is its own."""
    repo = clone()
    manifest = {dataset: repo.path("results", "manifests", dataset, "00000.parquet") for dataset in ("coco", "voc")}
    images = {dataset: pd.read_parquet(path)["file"].iloc[0] for dataset, path in manifest.items()}
    truncated = repo.find_dataset("coco") / images["coco"]
    truncated.write_bytes(truncated.read_bytes()[:2000])
    missing = repo.find_dataset("voc") / images["voc"]
    missing.unlink()
    for dataset in manifest:
        repo.path("results", "latents", "tiny", dataset, "plain", "00000.h5").unlink()
    corrupted = repo.path("results", "latents", "tiny", "coco", "plain", "00001.h5")
    corrupted.write_bytes(corrupted.read_bytes()[: corrupted.stat().st_size // 2])
    before = {file: repo.path(file).read_bytes() for file in repo.files()}
    said = execute(repo, "encode", "extract", "--keep-going", fails=True)
    return SimpleNamespace(
        repo=repo, said=said, before=before, truncated=truncated, missing=missing, corrupted=corrupted
    )


FAILURES: dict[str, tuple[str, str, Callable[[SimpleNamespace], list[str]]]] = {
    "a truncated image": (
        "encode_images/tiny/coco/plain/00000",
        "ValueError",
        lambda broken: [broken.truncated.name, "cannot be read"],
    ),
    "a missing image": (
        "encode_images/tiny/voc/plain/00000",
        "FileNotFoundError",
        lambda broken: [broken.missing.name, "does not exist"],
    ),
    "corrupted latents": (
        "extract_features/plain/tiny/coco/00001",
        "ValueError",
        lambda broken: [str(broken.corrupted.relative_to(broken.repo.folder)), "corrupt", "run again"],
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_job_says_why(broken, failure):
    """One line on the terminal, which names the job and the log; there, the traceback."""
    job, kind, naming = FAILURES[failure]
    log = f"results/logs/{job}.log"
    named = job.replace("/", " ", 1)
    first, _, _ = broken.said.partition("What failed:")
    (line,) = [line for line in first.splitlines() if line.startswith(f"{named}: {kind}: ")]
    assert log in line
    for name in naming(broken):
        assert name in line
    text = broken.repo.path(log).read_text()
    assert "Traceback (most recent call last)" in text
    assert line.removeprefix(f"{named}: ") in text


def test_snakemake_adds_no_block_to_what_a_failing_job_says(broken):
    assert "Error in rule" not in broken.said and "CalledProcessError" not in broken.said
    assert re.search(r"^encode +\d+ of \d+ jobs, 2 failed", broken.said, re.MULTILINE)
    assert re.search(r"^extract +\d+ of \d+ jobs, 1 failed", broken.said, re.MULTILINE)


def test_the_reasons_stand_last_on_the_terminal(broken):
    last = broken.said.split("What failed:\n")[-1].strip().splitlines()
    assert sorted(line.split(": ")[:2] for line in last) == sorted(
        [job.replace("/", " ", 1), kind] for job, kind, _ in FAILURES.values()
    )


def test_the_terminal_is_spared_tracebacks(broken):
    assert "Traceback" not in broken.said
    assert "semlens/" not in "".join(line for line in broken.said.splitlines() if line.strip().startswith("File "))


def test_failures_take_nothing_else_along(broken):
    """What the failing jobs should have made is missing, what others made is as it was."""
    jobs = [job for job, _, _ in FAILURES.values()]
    aside = str(broken.corrupted.relative_to(broken.repo.folder))
    remade = {f"results/{kind}/plain/tiny/coco/00001.h5" for kind in ("features", "tokens")}
    for file, content in broken.before.items():
        if file in remade | {aside} or any(job in file for job in jobs):
            continue
        assert broken.repo.path(file).is_file(), f"{file} is lost"
        assert broken.repo.path(file).read_bytes() == content, f"{file} has changed"
    made = {
        file
        for file in broken.repo.files() - broken.before.keys()
        if not file.startswith(("results/logs", "results/benchmarks", "results/configuration.json"))
    }
    assert {file for file in made if not file.split("/")[-1].startswith(".")} == {f"{aside}.corrupt"}
    assert "results/features/plain/tiny/voc/00000.h5" in broken.repo.files()


def test_the_next_run_makes_the_corrupt_shard_anew_and_no_other(broken, finished):
    repo = broken.repo
    shard = "results/features/plain/tiny/coco/00001.h5"
    assert not broken.corrupted.exists()
    assert {job.rule for job in plan(repo, shard)} == {"encode_images", "extract_features"}
    execute(repo, shard)
    with h5py.File(repo.path(shard)) as healed, h5py.File(finished.path(shard)) as whole:
        assert list(healed["identity/t0"]) == list(whole["identity/t0"])
        for layer in whole["identity/t0"]:
            np.testing.assert_array_equal(healed["identity/t0"][layer][:], whole["identity/t0"][layer][:])


def test_unused_names_are_no_error(finished, configured):
    """An experiment may be left out; its extractions stay, and what speaks of all experiments speaks of it no more."""
    experiments = {name: entry for name, entry in SMALL["experiments"].items() if name != "video"}
    assert plan(finished, config=configured({"experiments": experiments})) == {
        Job(rule, "") for rule in ("judge_claims", "describe_run", "summarize_findings", "write_report")
    }
