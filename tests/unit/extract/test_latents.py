"""Latents of VAEs of several kinds, as shards hold them."""

import h5py
import numpy as np
import pytest
import tiny_transformers
import torch
from manifests import make_instance, write_manifest
from PIL import Image

from semlens.extract.latents import encode_images
from semlens.models.loading import load_vae

SIZE = 128


@pytest.fixture(scope="module")
def encode(tmp_path_factory):
    """Latents of one image by a family's VAE: shard, VAE and pixels."""
    home = tmp_path_factory.mktemp("latents")
    colours = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    Image.fromarray(colours).save(home / "drawn.png")
    mask = np.ones((SIZE, SIZE), dtype=bool)
    manifest = write_manifest([make_instance("drawn/1", mask, file="drawn.png")], home / "manifest.parquet")
    how = {"views": ["identity"], "seed": 0, "size": SIZE, "resize": "stretch", "exif": "apply", "batch_size": 1}

    def run(family):
        tiny_transformers.write(home / family, family, seed=0)
        vae, out = home / family / "vae", home / f"{family}.h5"
        encode_images(manifest=manifest, folder=home, vae=vae, dtype="float32", device="cpu", out=out, **how)
        pixels = torch.from_numpy(colours / np.float32(127.5) - 1).permute(2, 0, 1)[None]
        return out, load_vae(vae, device=torch.device("cpu"), dtype=torch.float32), pixels

    return run


def test_a_vae_without_a_posterior_has_a_latent(encode):
    out, vae, pixels = encode("sana")
    with h5py.File(out) as shard, torch.inference_mode():
        assert set(shard["identity"]) == {"sample_id", "latent"}
        assert shard["identity/latent"].shape == (1, 8, SIZE // 32, SIZE // 32)
        expected = vae.encode(pixels).latent.numpy()
        np.testing.assert_allclose(shard["identity/latent"][:], expected, rtol=1e-4, atol=1e-5)
        assert shard.attrs["scaling_factor"] == 0.41407
        assert "latents_mean" not in shard.attrs


def test_a_vae_that_shifts_has_the_shift_as_mean_of_all_channels(encode):
    out, vae, pixels = encode("sd3")
    with h5py.File(out) as shard, torch.inference_mode():
        assert set(shard["identity"]) == {"sample_id", "posterior"}
        expected = vae.encode(pixels).latent_dist.parameters.numpy()
        np.testing.assert_allclose(shard["identity/posterior"][:], expected, rtol=1e-4, atol=1e-5)
        assert shard.attrs["scaling_factor"] == 1.5305
        assert shard.attrs["latents_mean"].tolist() == [0.0609] * 16
        assert "latents_std" not in shard.attrs


def test_the_vae_never_rounds_to_tf32(encode, monkeypatch):
    """As torch does by default."""
    torch.backends.cudnn.conv.fp32_precision = "tf32"
    used, convolve = set(), torch.nn.functional.conv2d

    def note(*given, **named):
        used.add(torch.backends.cudnn.conv.fp32_precision)
        return convolve(*given, **named)

    monkeypatch.setattr(torch.nn.functional, "conv2d", note)
    try:
        encode("sana")
    finally:
        torch.backends.cudnn.conv.fp32_precision = "tf32"  # as torch has it
    assert used == {"ieee"}


def test_a_vae_of_another_kind_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"_class_name": "VQModel"}')
    with pytest.raises(
        ValueError, match=f"the VAE in {tmp_path} cannot be loaded: it is a VQModel, not a AutoencoderKL"
    ):
        load_vae(tmp_path, device=torch.device("cpu"), dtype=torch.float32)
