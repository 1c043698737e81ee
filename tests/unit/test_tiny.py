"""The demo's model is laid out as Stable Diffusion is, is the same for the same seed, and keeps what it sees."""

import hashlib

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from semlens import tiny


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_diffusers_loads_it_as_a_stable_diffusion_pipeline(tiny_model):
    pipeline = StableDiffusionPipeline.from_pretrained(
        tiny_model, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    assert pipeline.unet.config.sample_size * pipeline.vae_scale_factor == 512
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a dog", num_inference_steps=1, height=64, width=64, output_type="np").images[0]
    assert picture.shape == (64, 64, 3)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_model(tiny_model, tmp_path):
    tiny.write(tmp_path / "again", seed=0)
    tiny.write(tmp_path / "other", seed=1)
    assert digests(tmp_path / "again") == digests(tiny_model)
    assert digests(tmp_path / "other")["unet/diffusion_pytorch_model.safetensors"] not in digests(tiny_model).values()


def test_latents_are_narrow_and_of_unit_variance_once_scaled(tiny_model):
    vae = AutoencoderKL.from_pretrained(tiny_model / "vae")
    coarse = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        posterior = vae.encode(torch.nn.functional.interpolate(coarse, 512, mode="bicubic")).latent_dist
    assert posterior.mean.shape == (2, 4, 64, 64)
    assert float((posterior.mean * vae.config.scaling_factor).std()) == pytest.approx(1, abs=0.3)
    assert float(posterior.std.max()) < 1e-3
