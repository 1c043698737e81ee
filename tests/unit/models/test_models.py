"""Parts of a model: what they hold, and what is said of those that are missing or mistaken for another."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from semlens.models import loading
from semlens.models.backbones import unet as backbone
from semlens.models.loading import load_vae
from semlens.models.noise import read_alphas_cumprod
from semlens.models.texts.clip import embed_texts

CPU = torch.device("cpu")
LOADERS = {"unet": backbone.load, "vae": load_vae}
CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}


def load(part, folder, dtype=torch.float32):
    return LOADERS[part](folder, device=CPU, dtype=dtype)


def copied(tiny_model, part, tmp_path):
    folder = tmp_path / part
    shutil.copytree(tiny_model / part, folder)
    return folder


def schedule():
    """Stable Diffusion's: variances linear in their roots from 0.00085 to 0.012."""
    beta = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    return np.cumprod(1 - beta)


@pytest.mark.parametrize("part", LOADERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_networks_come_ready_to_read(tiny_model, part, dtype):
    network = load(part, tiny_model / part, dtype)
    assert type(network).__name__ == CLASSES[part]
    assert not network.training
    assert {parameter.dtype for parameter in network.parameters()} == {dtype}
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("part", LOADERS)
def test_a_missing_part_is_named(tmp_path, part):
    with pytest.raises(FileNotFoundError) as error:
        load(part, tmp_path / "nowhere" / part)
    assert f"{tmp_path / 'nowhere' / part}: config.json is missing" in str(error.value)
    assert "diffusers layout" in str(error.value)


@pytest.mark.parametrize(("part", "other"), [("unet", "vae"), ("vae", "unet")])
def test_a_part_mistaken_for_another_is_named(tiny_model, part, other):
    with pytest.raises(ValueError) as error:
        load(part, tiny_model / other)
    assert str(tiny_model / other) in str(error.value)
    assert str(error.value).endswith(f"it is a {CLASSES[other]}, not a {CLASSES[part]}")


@pytest.mark.parametrize("part", LOADERS)
def test_a_tensor_that_is_missing_is_never_made_up(tiny_model, tmp_path, part):
    folder = copied(tiny_model, part, tmp_path)
    weights = load_file(folder / "diffusion_pytorch_model.safetensors")
    lost = sorted(weights)[0]
    del weights[lost]
    save_file(weights, folder / "diffusion_pytorch_model.safetensors")
    with pytest.raises(ValueError, match="1 of its weights are missing") as error:
        load(part, folder)
    assert lost in str(error.value)
    assert str(folder) in str(error.value)


def test_a_configuration_that_is_no_json_is_named(tiny_model, tmp_path):
    folder = copied(tiny_model, "vae", tmp_path)
    (folder / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json cannot be read") as error:
        load("vae", folder)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("part", LOADERS)
def test_missing_weights_name_the_folder(tiny_model, tmp_path, part):
    folder = copied(tiny_model, part, tmp_path)
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(ValueError, match="cannot be loaded") as error:
        load(part, folder)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("part", LOADERS)
def test_pickled_weights_are_not_read(tiny_model, tmp_path, part):
    folder = copied(tiny_model, part, tmp_path)
    torch.save(load(part, folder).state_dict(), folder / "diffusion_pytorch_model.bin")
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(ValueError, match="cannot be loaded") as error:
        load(part, folder)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("part", LOADERS)
def test_a_truncated_download_names_the_folder(tiny_model, tmp_path, part):
    folder = copied(tiny_model, part, tmp_path)
    weights = folder / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ValueError) as error:
        load(part, folder)
    assert str(folder) in str(error.value)


def embed(model, text):
    return embed_texts([text], {part: model / part for part in ("tokenizer", "text_encoder")})["embedding"]


def test_an_embedding_has_a_row_per_token_whatever_the_prompt(tiny_model):
    for prompt in ("", "a photo of a horse", "horse " * 100):
        (embedding,) = embed(tiny_model, prompt)
        assert embedding.shape == (77, 32)
        assert embedding.dtype == torch.float32
        assert embedding.isfinite().all()


def test_prompts_differ_from_the_first_token_that_does(tiny_model):
    (horse,), (house,) = embed(tiny_model, "horse"), embed(tiny_model, "house")
    # CLIP reads from left to right: start token, h, o, then r or u.
    assert torch.allclose(horse[:3], house[:3], atol=1e-6)
    assert not torch.allclose(horse[3], house[3], atol=1e-3)
    assert torch.equal(horse, embed(tiny_model, "horse")[0])


def test_an_embedding_is_that_of_the_text_encoders_last_state(tiny_model):
    from transformers import CLIPTextModel

    vocabulary = json.loads((tiny_model / "tokenizer" / "vocab.json").read_text())
    start, end = vocabulary["<|startoftext|>"], vocabulary["<|endoftext|>"]
    tokens = torch.tensor([[start, vocabulary["a</w>"], *[end] * 75]])
    encoder = CLIPTextModel.from_pretrained(tiny_model / "text_encoder").eval()
    with torch.inference_mode():
        expected = encoder(tokens).last_hidden_state[0]
    torch.testing.assert_close(embed(tiny_model, "a")[0], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("part", "file"), [("tokenizer", "vocab.json"), ("text_encoder", "config.json")], ids=["tokenizer", "text_encoder"]
)
def test_a_missing_text_part_is_named(tiny_model, tmp_path, part, file):
    folders = {"tokenizer": tiny_model / "tokenizer", "text_encoder": tiny_model / "text_encoder"}
    with pytest.raises(FileNotFoundError) as error:
        embed_texts(["a"], {**folders, part: tmp_path / part})
    assert f"{tmp_path / part}: {file} is missing" in str(error.value)


def test_missing_text_weights_name_the_folder(tiny_model, tmp_path):
    folder = copied(tiny_model, "text_encoder", tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises((ValueError, OSError)) as error:
        embed_texts(["a"], {"tokenizer": tiny_model / "tokenizer", "text_encoder": folder})
    assert str(folder) in str(error.value)


def test_the_signal_is_stable_diffusions_schedule(tiny_model):
    signal = read_alphas_cumprod(tiny_model / "scheduler")
    assert signal.shape == (1000,)
    assert signal[0].item() == pytest.approx(1 - 0.00085, rel=1e-7)
    # A product of a thousand float32 factors.
    np.testing.assert_allclose(signal.numpy(), schedule(), rtol=1e-4)


@pytest.mark.parametrize("kind", ["PNDMScheduler", "EulerDiscreteScheduler", "DDIMScheduler"])
def test_the_signal_is_read_from_any_scheduler_that_models_ship_with(tmp_path, kind):
    import diffusers

    scheduler = getattr(diffusers, kind)(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    scheduler.save_pretrained(tmp_path)
    np.testing.assert_allclose(read_alphas_cumprod(tmp_path).numpy(), schedule(), rtol=1e-4)


@pytest.mark.parametrize("timestep", [0, 1, 50, 500, 999])
def test_noise_mixed_by_the_signal_is_that_of_diffusers(tiny_model, timestep):
    from diffusers import DDPMScheduler

    rng = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 4, 8, 8, generator=rng), torch.randn(2, 4, 8, 8, generator=rng)
    signal = read_alphas_cumprod(tiny_model / "scheduler")[timestep]
    scheduler = DDPMScheduler.from_pretrained(tiny_model / "scheduler")
    expected = scheduler.add_noise(clean, noise, torch.tensor([timestep, timestep]))
    torch.testing.assert_close(signal.sqrt() * clean + (1 - signal).sqrt() * noise, expected, atol=1e-6, rtol=0)


@pytest.mark.slow
def test_loading_hides_no_package_from_others(tiny_model):
    """A notebook that loads a network with semlens goes on with pipelines of diffusers."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(loading.__file__).parents[2])!r})
import torch
from semlens.models.backbones import unet
unet.load({str(tiny_model / "unet")!r}, device=torch.device("cpu"), dtype=torch.float32)
from diffusers import StableDiffusionPipeline
StableDiffusionPipeline.from_pretrained({str(tiny_model)!r}, safety_checker=None, local_files_only=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_missing_scheduler_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        read_alphas_cumprod(tmp_path)
    assert f"{tmp_path}: scheduler_config.json is missing" in str(error.value)
