"""Frames that are encoded as they are read give a network what stored latents give it."""

import numpy as np
import pytest
import tiny_transformers
import torch
from extractors import make_extractor
from manifests import make_instance, write_manifest
from videos import COMMON, HEIGHT, SETTINGS, SIZE, WIDTH, read_frames, write_prompt, write_scene

from semlens.extract.latents import encode_images

ROUNDING = 1e-5  # of the largest value: batches of other sizes are added up in another order


@pytest.fixture(scope="module")
def prompt(tmp_path_factory):
    return write_prompt(tmp_path_factory.mktemp("prompt") / "any.h5")


def read_all(extractor):
    found = {}
    for batch, timestep, maps in extractor.iterate_passes(extractor.layers):
        for layer, of_layer in maps.items():
            for name, values in zip(batch.ids, of_layer, strict=True):
                found[name, timestep, layer] = values.numpy()
    return found


def assert_alike(found, expected):
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, atol=ROUNDING * np.abs(values).max(), err_msg=str(key))


def write_frames(folder):
    """Write a video, and a manifest of its frames."""
    frames, _ = write_scene(folder)
    whole = np.ones((HEIGHT, WIDTH), bool)
    rows = [
        make_instance(f"{name}/1", whole, file=file)
        for name, file in zip(frames["image_id"], frames["file"], strict=True)
    ]
    return write_manifest(rows, folder / "manifest.parquet")


@pytest.mark.parametrize("posterior", ["sample", "mean"])
@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_a_network_of_latents_sees_what_shards_give_it(tmp_path, small_model, prompt, posterior, resize):
    parts = {"network": small_model / "unet", "scheduler": small_model / "scheduler", "prompt": prompt}
    latents, manifest = tmp_path / "latents.h5", write_frames(tmp_path)
    encoded = {"views": ["identity"], "seed": 0, "size": SIZE, "resize": resize, "exif": "ignore", "batch_size": 4}
    encode_images(
        manifest=manifest,
        folder=tmp_path,
        vae=small_model / "vae",
        dtype="float32",
        device="cpu",
        out=latents,
        **encoded,
    )
    settings = SETTINGS | {"posterior": posterior}
    stored = make_extractor(**settings, **parts, latents=latents, batch_size=3, **COMMON)
    flying = read_frames(
        tmp_path, vae=small_model / "vae", images={"resize": resize}, posterior=posterior, batch_size=4, **parts
    )
    assert_alike(read_all(flying), read_all(stored))


def test_a_baseline_sees_squares(tmp_path):
    plain = SETTINGS | {"layers": ["baseline"], "timesteps": [0]}
    manifest = write_frames(tmp_path)
    how = {"views": ["identity"], "seed": None, "resize": "letterbox", "exif": "ignore"}
    stored = make_extractor(
        **plain, family="rgb", size=SIZE, how=how, manifest=manifest, images=tmp_path, batch_size=3, **COMMON
    )
    frames = read_frames(tmp_path, family="rgb", images={"resize": "letterbox"}, layers=["baseline"], timesteps=[0])
    assert_alike(read_all(frames), read_all(stored))


@pytest.mark.parametrize("family", ["sana", "sd3"])
def test_vaes_without_a_posterior_or_with_a_shift_are_read(tmp_path, family):
    tiny_transformers.write(tmp_path / family, family, seed=0)
    vae = tmp_path / family / "vae"
    latents, manifest = tmp_path / "latents.h5", write_frames(tmp_path)
    reader = read_frames(tmp_path, family="vae", network=vae, vae=vae, layers=["baseline"], timesteps=[0], noise=False)
    encoded = {"views": ["identity"], "seed": 0, "size": SIZE, "resize": "stretch", "exif": "ignore", "batch_size": 2}
    encode_images(manifest=manifest, folder=tmp_path, vae=vae, dtype="float32", device="cpu", out=latents, **encoded)
    plain = SETTINGS | {"layers": ["baseline"], "timesteps": [0], "noise": False}
    stored = make_extractor(**plain, family="vae", network=vae, latents=latents, batch_size=2, size=SIZE, **COMMON)
    assert_alike(read_all(reader), read_all(stored))


def test_a_latent_that_is_not_finite_names_its_frames(tmp_path, small_model, prompt):
    parts = {"network": small_model / "unet", "scheduler": small_model / "scheduler", "prompt": prompt}
    write_scene(tmp_path)
    reader = read_frames(tmp_path, vae=small_model / "vae", **parts)
    with torch.no_grad():
        next(reader._reader._vae.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match=r"walk/00000, walk/00001 is not finite"):
        read_all(reader)
