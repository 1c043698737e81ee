"""The demo's model: small, whole, trained; and what trains it does so from nothing."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from demo_model import MODEL
from repository import ROOT, until

from demo.scenes import compose_still
from semlens.models.backbones import unet

pytestmark = pytest.mark.slow

TRAINING = MODEL.parent / "training.yaml"
TOY = {
    "scenes": 4,
    "save_every": 1,
    "threads": 1,
    "samples": {"prompts": ["boat"], "steps": 1},
    "vae": {"steps": 3, "batch": 1, "side": 64},
    "unet": {
        "phases": [
            {"side": 8, "batch": 1, "steps": 2, "learning_rate": 0.001},
            {"side": 16, "batch": 1, "steps": 1, "learning_rate": 0.001},
        ]
    },
}


def pipeline(folder):
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(
        folder,
        torch_dtype=torch.float32,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def test_it_is_a_stable_diffusion_of_eight_megabytes():
    weights = list(MODEL.rglob("*.safetensors"))
    assert sorted(path.parent.name for path in weights) == ["text_encoder", "unet", "vae"]
    assert sum(path.stat().st_size for path in weights) <= 8e6
    parts = pipeline(MODEL)
    assert (parts.unet.config.sample_size, parts.vae_scale_factor) == (64, 8)
    published = yaml.safe_load(TRAINING.read_text())["unet"]["model"]
    assert list(parts.unet.config.down_block_types) == published["down_block_types"]
    grids = [layer.name for layer in unet.list_layers(dict(parts.unet.config))]
    assert {"enc64.1", "enc16.1", "mid8", "dec16.1", "dec64.3"} <= set(grids)


def test_it_has_learned_to_tell_noise_from_scenes():
    """It predicts the noise in the latents of a scene that it has not seen, far better than one that says nothing."""
    parts = pipeline(MODEL)
    errors = []
    with torch.inference_mode():
        for number in range(3):
            image = compose_still(1, "coco", "train2017", number + 1).image.resize((512, 512))
            seen = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
            latent = parts.vae.encode(seen).latent_dist.mean * parts.vae.config.scaling_factor
            restored = parts.vae.decode(latent / parts.vae.config.scaling_factor).sample
            assert float((restored - seen).abs().mean()) < 0.15
            noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(number))
            at = torch.tensor([400])
            noised = parts.scheduler.add_noise(latent, noise, at)
            silent = parts.encode_prompt("", "cpu", 1, False)[0]
            errors.append(float((parts.unet(noised, at, silent).sample - noise).square().mean()))
    assert max(errors) < 0.2  # saying nothing errs by 1


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    config = yaml.safe_load(TRAINING.read_text())
    for name, value in TOY.items():
        config[name] = {**config[name], **value} if isinstance(value, dict) else value
    (folder / "training.yaml").write_text(yaml.safe_dump(config))
    return folder


def train(folder, out):
    command = [sys.executable, "-m", "demo.train_model", "--device", "cpu"]
    places = ["--config", folder / "training.yaml", "--work", folder / f"{out}-work", "--out", folder / out]
    scripts = ROOT / "workflow" / "scripts"
    return subprocess.Popen(
        [*command, *places], cwd=scripts, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture(scope="module")
def trained(toy):
    """From nothing, at one go."""
    process = train(toy, "model")
    said = process.communicate()[0]
    assert process.returncode == 0, said
    return toy / "model"


def test_training_from_nothing_gives_a_pipeline_with_its_losses_and_samples(trained):
    assert pipeline(trained).unet.config.sample_size == 64
    assert (trained / "losses.png").stat().st_size and (trained / "samples.png").stat().st_size


def test_a_training_that_was_killed_goes_on_to_the_same_weights(toy, trained):
    for unfinished in ("vae.pt", "denoiser.pt"):
        process = train(toy, "resumed")
        until((toy / "resumed-work" / unfinished).exists)
        process.kill()
        process.communicate()
    process = train(toy, "resumed")
    said = process.communicate()[0]
    assert process.returncode == 0, said
    for path in trained.rglob("*.safetensors"):
        assert path.read_bytes() == (toy / "resumed" / path.relative_to(trained)).read_bytes(), path.name


def test_a_training_with_other_settings_does_not_go_on(toy, trained):
    settings = toy / "training.yaml"
    content = settings.read_text()
    settings.write_text(content.replace("scenes: 4", "scenes: 5"))
    process = train(toy, "model")
    said = process.communicate()[0]
    settings.write_text(content)
    assert process.returncode == 2 and "other settings" in said
