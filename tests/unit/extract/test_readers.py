"""Networks that read images themselves, and baselines: from an image's pixels to an object's prototype."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import tiny_encoders
import torch
from extractors import make_extractor
from manifests import make_instance, write_manifest
from PIL import Image
from transformers import ViTModel

from semlens.extract.feature_shards import extract_features
from semlens.extract.latents import encode_images
from semlens.extract.prototypes import pool_prototypes
from semlens.extract.streaming import extract_prototypes
from semlens.storage.shard_reader import open_shard, read_environment

SIZE = 64
NAMES = {"extraction": "plain", "dataset": "drawn", "model": "tiny", "prompt": ""}
READ = {"views": ["identity", "hflip"], "seed": None, "resize": "stretch", "exif": "ignore"}
SETTINGS = {"timesteps": [0], "posterior": "sample", "noise": True, "inference_steps": None, "seed": 0}
MASKS = {"resize": "stretch", "mask": "area", "seed": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    for name, seed in (("a", 1), ("b", 2), ("c", 3)):
        coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((SIZE, SIZE), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def masks():
    """A mask per image."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return {
        "a": (rows < 20) & (columns < 30),
        "b": (rows - 40) ** 2 + (columns - 20) ** 2 < 15**2,
        "c": (rows > 10) & (rows <= 14),
    }


@pytest.fixture(scope="module")
def manifest(masks, tmp_path_factory):
    rows = [make_instance(f"{name}/1", mask, file=f"{name}.png") for name, mask in masks.items()]
    return write_manifest(rows, tmp_path_factory.mktemp("manifest") / "manifest.parquet")


@pytest.fixture
def read(folder, manifest):
    def run(family, layers, *, batch_size=2, **options):
        settings = {**SETTINGS, "layers": layers, "dtype": options.pop("dtype", "float32")}
        inputs = {"manifest": manifest, "images": folder, **options}
        how = {"size": SIZE, "how": READ, "device": "cpu", "batch_size": batch_size, "names": NAMES}
        return make_extractor(family=family, **settings, **inputs, **how)

    return run


def read_vectors(path):
    """Prototypes of the images as they are, all columns side by side, (instances, channels)."""
    table = pd.read_parquet(path).query("view == 'identity'").sort_values("instance_id")
    columns = sorted(name for name in table if "@" in name and not name.startswith(("n_cells", "area_weighted")))
    return np.hstack([np.stack(table[name]) for name in columns])


def read_prototypes(extractor, layers, manifest, out):
    extract_prototypes(extractor, manifest=manifest, layer_sets=[layers], **MASKS, out=out)
    return read_vectors(out)


def test_features_are_those_of_the_library_for_the_prepared_image(read, folder, tmp_path):
    tiny_encoders.write(tmp_path / "vit", "vit", seed=1)
    out = tmp_path / "features.h5"
    extract_features(read("vit", ["block00-01"], network=tmp_path / "vit"), out=out)
    network = ViTModel.from_pretrained(tmp_path / "vit", add_pooling_layer=False).eval()
    mean, std = (torch.tensor(tiny_encoders.PREPROCESSING[key])[:, None, None] for key in ("image_mean", "image_std"))
    pixels = torch.stack(
        [
            (torch.from_numpy(np.array(Image.open(folder / f"{name}.png"))).permute(2, 0, 1) / 255 - mean) / std
            for name in "abc"
        ]
    )
    with torch.no_grad():
        options = {"interpolate_pos_encoding": True, "output_hidden_states": True}
        plain, turned = (network(images, **options).hidden_states[2] for images in (pixels, pixels.flip(3)))
    with h5py.File(out) as file:
        for view, states in (("identity", plain), ("hflip", turned)):
            expected = states[:, 1:].transpose(1, 2).unflatten(2, (8, 8)).numpy()
            np.testing.assert_allclose(file[f"{view}/t0/block01"], expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_an_image_does_not_depend_on_its_batch(read, manifest, tmp_path, batch_size):
    tiny_encoders.write(tmp_path / "dinov2", "dinov2", seed=1)
    layers = "block00+block02.attn_in"
    found = [
        read_prototypes(
            read("dinov2", [layers], batch_size=size, network=tmp_path / "dinov2"), layers, manifest, tmp_path / name
        )
        for size, name in ((batch_size, "one.parquet"), (2, "two.parquet"))
    ]
    np.testing.assert_allclose(*found, rtol=0, atol=1e-5)


def test_both_ways_lead_to_the_same_prototypes(read, manifest, tmp_path):
    tiny_encoders.write(tmp_path / "vit", "vit", seed=1)
    layers = "block02+block01.attn_in"
    streamed = read_prototypes(
        read("vit", [layers], network=tmp_path / "vit"), layers, manifest, tmp_path / "s.parquet"
    )
    extract_features(read("vit", [layers], network=tmp_path / "vit"), out=tmp_path / "features.h5")
    pool_prototypes(
        features=tmp_path / "features.h5", manifest=manifest, layer_sets=[layers], **MASKS, out=tmp_path / "p.parquet"
    )
    np.testing.assert_allclose(streamed, read_vectors(tmp_path / "p.parquet"), rtol=0, atol=1e-5)


def test_how_images_were_prepared_is_recorded_with_the_hash_of_what_was_read(read, tmp_path):
    tiny_encoders.write(tmp_path / "vit", "vit", seed=1)
    extract_features(read("vit", ["block00"], network=tmp_path / "vit"), out=tmp_path / "features.h5")
    with open_shard(tmp_path / "features.h5") as shard:
        made = read_environment(shard)["extract"]
    asked = tiny_encoders.PREPROCESSING
    assert made["preprocessing"] == {"resample": "bicubic", "mean": asked["image_mean"], "std": asked["image_std"]}
    assert len(made["images"]) == 64


def test_rgb_is_the_mean_colour_of_the_object(read, folder, masks, manifest, tmp_path):
    found = read_prototypes(read("rgb", ["baseline"]), "baseline", manifest, tmp_path / "rgb.parquet")
    for vector, (name, mask) in zip(found, masks.items(), strict=True):
        colour = (np.array(Image.open(folder / f"{name}.png")) / 255)[mask].mean(axis=0)
        np.testing.assert_allclose(vector, [*colour, *(1 - colour)], rtol=0, atol=1e-6)


def test_position_is_centroid_and_second_moments_whatever_the_image_shows(read, masks, manifest, tmp_path):
    found = read_prototypes(read("position", ["baseline"]), "baseline", manifest, tmp_path / "position.parquet")
    for vector, mask in zip(found, masks.values(), strict=True):
        y, x = (np.nonzero(mask) + np.array([[0.5], [0.5]])) / SIZE
        place = np.array([y.mean(), x.mean(), (y**2).mean(), (x**2).mean()])
        np.testing.assert_allclose(vector, [*place, *(1 - place)], rtol=0, atol=1e-6)


def test_latents_are_read_as_the_network_would(small_model, folder, manifest, tmp_path):
    how = {**READ, "size": SIZE, "dtype": "float32", "device": "cpu", "batch_size": 2}
    encode_images(manifest=manifest, folder=folder, vae=small_model / "vae", **how, out=tmp_path / "latents.h5")
    settings = {**SETTINGS, "layers": ["baseline"], "dtype": "float32", "posterior": "mean"}
    extractor = make_extractor(
        family="vae", size=SIZE, **settings, latents=tmp_path / "latents.h5", network=small_model / "vae",
        device="cpu", batch_size=2, names=NAMES,
    )  # fmt: skip
    extract_features(extractor, out=tmp_path / "features.h5")
    scale = json.loads((small_model / "vae" / "config.json").read_text())["scaling_factor"]
    with h5py.File(tmp_path / "latents.h5") as latents, h5py.File(tmp_path / "features.h5") as features:
        mean = np.array(latents["hflip/posterior"])[:, :4]
        np.testing.assert_allclose(features["hflip/t0/baseline"], scale * mean, rtol=1e-6)
