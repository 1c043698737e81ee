"""Models as they come: from a hub, in shards, beside variants, with a tokenizer of today."""

import json
import shutil

import h5py
import numpy as np
import pytest
from demo_model import MODEL
from hub import Hub
from repository import Repository, changed, copied, execute, plan, snakemake
from safetensors.torch import load_file, save_file
from transformers import CLIPTokenizer

MODELS = ("tiny", "untrained")


def path(model):
    return f"results/features/noised/{model}/voc/00000.h5"


def read(repo, model):
    """Features and how they were made."""
    with h5py.File(repo.path(path(model)), locking=False) as shard:
        return shard["identity/t1/enc16.1"][:], json.loads(shard.attrs["environment"])


def copy_model(folder):
    return shutil.copytree(MODEL, folder, ignore=shutil.ignore_patterns("*.md", "*.png"))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    folder = copy_model(tmp_path / "model")
    for name, value in {"HF_HOME": tmp_path / "cache", "HF_HUB_OFFLINE": 0, "HF_HUB_DISABLE_XET": 1}.items():
        monkeypatch.setenv(name, str(value))
    with Hub({"lab/tiny": folder}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub


def test_a_model_of_the_hub_gives_the_features_of_the_same_model_elsewhere(hub, finished, tmp_path):
    """Its control is built as its configuration says, and provenance names the commit; a second run asks nothing."""
    sources = {f"models:{model}:source": {"hub": "lab/tiny"} for model in MODELS}
    repo = Repository(copied(tmp_path / "repository"), changed(sources, tmp_path / "hub.yaml"))
    execute(repo, *map(path, MODELS))
    for model in MODELS:
        features, made = read(repo, model)
        np.testing.assert_array_equal(features, read(finished, model)[0])
    assert read(repo, "tiny")[1]["extract"]["origins"]["network"] == f"lab/tiny@{hub.find_commit('lab/tiny')}"
    assert made["encode"]["origins"]["vae"] == f"lab/tiny@{hub.find_commit('lab/tiny')}"
    hub.asked.clear()
    assert plan(repo, *map(path, MODELS)) == set()
    assert hub.asked == []


def test_a_model_that_the_hub_does_not_have_says_so_on_the_terminal(hub, tmp_path):
    config = changed({"models:tiny:source": {"hub": "lab/other"}}, tmp_path / "hub.yaml")
    repo = Repository(copied(tmp_path / "repository"), config)
    said = execute(repo, path("tiny"), fails=True)
    assert "the hub has no lab/other at main, or does not show it to you" in said


def split(file):
    """Write weights as two files and an index."""
    weights, places = load_file(file), {}
    for number in (1, 2):
        shard = file.with_stem(f"{file.stem}-0000{number}-of-00002")
        names = sorted(weights)[number - 1 :: 2]
        save_file({name: weights[name] for name in names}, shard, metadata={"format": "pt"})
        places |= dict.fromkeys(names, shard.name)
    index = {"metadata": {"total_size": sum(weight.nbytes for weight in weights.values())}, "weight_map": places}
    file.with_name(f"{file.name}.index.json").write_text(json.dumps(index))
    file.unlink()


def test_shards_variants_a_tokenizer_of_today_and_odd_names_change_no_feature(finished, tmp_path):
    """Model and dataset lie beside the configuration, and are named relative to it."""
    folder = copy_model(tmp_path / "my {model} <1> $x")
    shutil.copytree(finished.find_dataset("voc"), tmp_path / "vo {c} {} 5%s [é]")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    shutil.rmtree(folder / "tokenizer")
    tokenizer.save_pretrained(folder / "tokenizer")
    assert not (folder / "tokenizer" / "vocab.json").exists()
    (folder / "vae" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"not read")
    split(folder / "unet" / "diffusion_pytorch_model.safetensors")
    split(folder / "text_encoder" / "model.safetensors")
    sources = {"models:tiny": folder.name, "datasets:voc": "vo {c} {} 5%s [é]"}
    config = changed({f"{place}:source": {"folder": name} for place, name in sources.items()}, tmp_path / "own.yaml")
    repo = Repository(copied(tmp_path / "repository"), config)
    execute(repo, path("tiny"))
    np.testing.assert_array_equal(read(repo, "tiny")[0], read(finished, "tiny")[0])


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ({"hub": "tiny"}, r"models.tiny.source.hub: 'tiny' is not written as it must be (owner/name"),
        ({"hub": "lab/tiny", "folder": "x"}, "models.tiny.source"),
        ({"demo": {}, "revision": "main"}, "model 'tiny': 'revision' goes with 'hub' alone"),
        ({"demo": {}, "variant": "fp16"}, "model 'tiny': 'variant' goes with 'hub' and 'folder' alone"),
        (
            {"folder": "lab/tiny"},
            "folder lab/tiny does not exist; for a model of the Hugging Face hub, write 'hub: lab/",
        ),
    ],
)
def test_a_source_that_is_none_is_refused_in_words(source, named, tmp_path):
    config = changed({"models:tiny:source": source}, tmp_path / "bad.yaml")
    repo = Repository(copied(tmp_path / "repository"), config)
    assert named in snakemake(repo, "--dry-run", fails=True)
