"""Models as they come: from a hub, in half precision, in shards, with a tokenizer of today."""

import json
import shutil

import h5py
import numpy as np
import pytest
from demo_model import MODEL
from hub import Hub
from repository import Repository, changed, copied, execute, plan, snakemake
from safetensors.torch import load_file, save_file

FEATURES = "results/features/noised/{}/voc/00000.h5"


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Features of the demo's model and of its control, by model; and the repository that they are made in."""
    folder = tmp_path_factory.mktemp("expected")
    repo = Repository(copied(folder / "repository"), changed({}, folder / "small.yaml"))
    return read(repo)


def read(repo):
    execute(repo, *map(FEATURES.format, ("tiny", "untrained")))
    found = {}
    for model in ("tiny", "untrained"):
        with h5py.File(repo.path(FEATURES.format(model)), locking=False) as shard:
            found[model] = shard["identity/1/enc16.1"][:]
    return found


def assert_same(found, expected):
    for model, features in expected.items():
        np.testing.assert_array_equal(found[model], features)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    folder = shutil.copytree(MODEL, tmp_path / "model", ignore=shutil.ignore_patterns("*.md", "*.png"))
    for name, value in {"HF_HOME": tmp_path / "cache", "HF_HUB_OFFLINE": 0, "HF_HUB_DISABLE_XET": 1}.items():
        monkeypatch.setenv(name, str(value))
    with Hub({"lab/tiny": folder}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub


def test_a_model_of_the_hub_gives_the_features_of_the_same_model_in_a_folder(hub, expected, tmp_path):
    """Its control is built as its configuration says, and provenance names the commit; a second run asks nothing."""
    sources = {f"models:{model}:source": {"hub": "lab/tiny"} for model in expected}
    repo = Repository(copied(tmp_path / "repository"), changed(sources, tmp_path / "hub.yaml"))
    assert_same(read(repo), expected)
    with h5py.File(repo.path(FEATURES.format("tiny")), locking=False) as shard:
        origins = json.loads(shard.attrs["environment"])["extract"]["origins"]
    assert origins["network"] == f"lab/tiny@{hub.find_commit('lab/tiny')}"
    hub.asked.clear()
    assert plan(repo, *map(FEATURES.format, expected)) == set()
    assert hub.asked == []


def test_a_model_that_the_hub_does_not_have_says_so_on_the_terminal(hub, tmp_path):
    config = changed({"models:tiny:source": {"hub": "lab/other"}}, tmp_path / "hub.yaml")
    repo = Repository(copied(tmp_path / "repository"), config)
    said = execute(repo, FEATURES.format("tiny"), fails=True)
    assert "the hub has no lab/other at main, or does not show it to you" in said


def in_half(folder):
    """Another set of weights, in half precision, beside the usual one."""
    for file in [*folder.glob("*/diffusion_pytorch_model.safetensors"), *folder.glob("*/model.safetensors")]:
        half = {name: weight.half() for name, weight in load_file(file).items()}
        save_file(half, file.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})


def in_shards(folder):
    """The weights of the U-Net and the text encoder in two files each, with an index."""
    for file in (folder / "unet/diffusion_pytorch_model.safetensors", folder / "text_encoder/model.safetensors"):
        weights = load_file(file)
        places = {}
        for number in (1, 2):
            shard = file.with_stem(f"{file.stem}-0000{number}-of-00002")
            names = sorted(weights)[number - 1 :: 2]
            save_file({name: weights[name] for name in names}, shard, metadata={"format": "pt"})
            places |= dict.fromkeys(names, shard.name)
        size = sum(weight.nbytes for weight in weights.values())
        index = {"metadata": {"total_size": size}, "weight_map": places}
        file.with_name(f"{file.name}.index.json").write_text(json.dumps(index))
        file.unlink()


def with_a_tokenizer_of_today(folder):
    """As transformers writes it since version 5: one file."""
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    shutil.rmtree(folder / "tokenizer")
    tokenizer.save_pretrained(folder / "tokenizer")
    assert not (folder / "tokenizer" / "vocab.json").exists()


@pytest.mark.parametrize("change", [in_half, in_shards, with_a_tokenizer_of_today])
def test_the_same_model_written_otherwise_gives_the_same_features(change, expected, tmp_path):
    folder = shutil.copytree(MODEL, tmp_path / "model", ignore=shutil.ignore_patterns("*.md", "*.png"))
    change(folder)
    sources = {f"models:{model}:source": {"folder": str(folder)} for model in expected}
    repo = Repository(copied(tmp_path / "repository"), changed(sources, tmp_path / "own.yaml"))
    assert_same(read(repo), expected)


def test_a_variant_is_read_where_it_is_asked_for(expected, tmp_path):
    folder = shutil.copytree(MODEL, tmp_path / "model", ignore=shutil.ignore_patterns("*.md", "*.png"))
    in_half(folder)
    sources = {f"models:{model}:source": {"folder": str(folder), "variant": "fp16"} for model in expected}
    repo = Repository(copied(tmp_path / "repository"), changed(sources, tmp_path / "own.yaml"))
    found = read(repo)["tiny"].astype(float)
    assert not np.array_equal(found, expected["tiny"])
    np.testing.assert_allclose(found, expected["tiny"].astype(float), atol=0.02 * np.abs(expected["tiny"]).max())


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
