"""The parts of a diffusers-layout latent diffusion model, one loader each: weights from safetensors only."""

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from semlens import registry
from semlens.logs import log


def load_vae(folder: str | Path, *, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    """Return the ``AutoencoderKL`` of a ``vae`` folder, ready to encode."""
    return _load(_diffusers().AutoencoderKL, folder, "VAE", dtype).to(device).eval().requires_grad_(False)


def load_unet(folder: str | Path, *, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    """Return the ``UNet2DConditionModel`` of a ``unet`` folder."""
    return _load(_diffusers().UNet2DConditionModel, folder, "U-Net", dtype).to(device).eval().requires_grad_(False)


def write_untrained_unet(settings: str | Path, out: str | Path, *, seed: int) -> None:
    """Write a ``unet`` folder built as another's ``config.json`` says, with PyTorch's random initial weights.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is not that of a ``UNet2DConditionModel``.
    """
    kind = _diffusers().UNet2DConditionModel
    _check_kind(kind, settings, "U-Net")
    torch.manual_seed(seed)
    kind.from_config(kind.load_config(settings, local_files_only=True)).save_pretrained(out)
    log.info("%s: a U-Net with random weights of seed %d, built as %s says", out, seed, settings)


def alphas_cumprod(folder: str | Path) -> torch.Tensor:  # (1000,) float32
    """Return the signal's share of variance at each timestep, from a ``scheduler`` folder."""
    return _scheduler(_diffusers().DDPMScheduler, folder).alphas_cumprod


def ddim(folder: str | Path, inference_steps: int) -> Any:
    """Return diffusers' ``DDIMScheduler`` of a ``scheduler`` folder, whose last step ends at the noise of t = 0."""
    sampler = _scheduler(_diffusers().DDIMScheduler, folder, set_alpha_to_one=False, clip_sample=False)
    sampler.set_timesteps(inference_steps)
    return sampler


def encoders(given: Mapping[str, Any]) -> list[tuple[Path, Path]]:
    """Return the folders of tokenizers and text encoders, a second pair where ``tokenizer_2`` is given."""
    numbers = ["", "_2"] if given.get("tokenizer_2") else [""]
    return [
        tuple(registry.part(given[f"{name}{number}"], f"{name}{number}") for name in ("tokenizer", "text_encoder"))
        for number in numbers
    ]


def embed(
    texts: Sequence[str], encoders: Sequence[tuple[str | Path, str | Path]]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the texts' embeddings as the U-Net's cross-attention reads them, and the pooled ones that SDXL adds.

    Parameters
    ----------
    encoders
        Folders of tokenizer and text encoder: one pair for Stable Diffusion, whose last state is read; two for SDXL,
        whose last states but one are joined, and of which the second gives a text's pooled embedding.

    Returns
    -------
    (texts, tokens, width) float32, and (texts, width) float32 or None
    """
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    if len(encoders) == 1:
        return torch.cat([state for (state,) in _encoded(texts, *encoders[0], CLIPTextModel, [-1])]), None
    first = _encoded(texts, *encoders[0], CLIPTextModel, [-2])
    second = _encoded(texts, *encoders[1], CLIPTextModelWithProjection, [-2, "pooled"])
    joined = [torch.cat([one, other], dim=-1) for (one,), (other, _) in zip(first, second, strict=True)]
    return torch.cat(joined), torch.cat([pooled for _, pooled in second])


def _encoded(
    texts: Sequence[str], tokenizer: str | Path, text_encoder: str | Path, kind: type, wanted: Sequence[int | str]
) -> list[list[torch.Tensor]]:
    """What is wanted of each text, one at a time: hidden states by number (-1 is normalised), or "pooled"."""
    from transformers import CLIPTokenizer

    _require(Path(tokenizer) / "vocab.json", "tokenizer")
    _require(Path(text_encoder) / "config.json", "text encoder")
    words = CLIPTokenizer.from_pretrained(tokenizer, local_files_only=True)
    try:
        encoder, loaded = kind.from_pretrained(
            text_encoder, use_safetensors=True, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
        _complete(encoder.eval(), loaded)
    except (OSError, ValueError) as error:
        raise ValueError(f"the text encoder in {text_encoder} cannot be loaded: {error}") from error
    whole = {"padding": "max_length", "max_length": words.model_max_length, "truncation": True, "return_tensors": "pt"}
    found = []
    with torch.inference_mode():
        for text in texts:
            said = encoder(words(text, **whole).input_ids, output_hidden_states=True)
            named = {"pooled": getattr(said, "text_embeds", None), -1: said.last_hidden_state}
            found.append([named[key] if key in named else said.hidden_states[key] for key in wanted])
    return found


def _diffusers() -> ModuleType:
    """The package, without two of its optional dependencies that no U-Net or VAE needs: half as long an import."""
    if "diffusers" not in sys.modules:
        unneeded = {"transformers", "scipy"} - sys.modules.keys()
        sys.modules.update(dict.fromkeys(unneeded))  # None is how Python is told that there is no such module
        try:
            from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, UNet2DConditionModel  # noqa: F401
        finally:
            for name in unneeded:
                del sys.modules[name]
    return sys.modules["diffusers"]


def _scheduler(kind: type, folder: str | Path, **fixed: Any) -> Any:
    """A scheduler of this kind with the folder's noise; diffusers' ``from_config`` would import every kind there is."""
    _require(Path(folder) / "scheduler_config.json", "scheduler")
    config = json.loads(Path(folder, "scheduler_config.json").read_text())
    known = inspect.signature(kind).parameters
    return kind(**{key: value for key, value in config.items() if key in known} | fixed)


def _load(kind: type, folder: str | Path, part: str, dtype: torch.dtype) -> torch.nn.Module:
    _check_kind(kind, folder, part)
    try:
        model, loaded = kind.from_pretrained(
            folder,
            use_safetensors=True,
            torch_dtype=dtype,
            local_files_only=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
        return _complete(model, loaded)
    except (OSError, ValueError) as error:
        raise ValueError(f"the {part} in {folder} cannot be loaded: {error}") from error


def _check_kind(kind: type, folder: str | Path, part: str) -> None:
    _require(Path(folder) / "config.json", part)
    try:
        found = json.loads((Path(folder) / "config.json").read_text()).get("_class_name")
    except ValueError as error:
        raise ValueError(f"the {part} in {folder} cannot be loaded: {error}") from error
    if found != kind.__name__:
        raise ValueError(f"the {part} in {folder} cannot be loaded: it is a {found}, not a {kind.__name__}")


def _complete(model: torch.nn.Module, loaded: dict) -> torch.nn.Module:
    """Refuse what the libraries would fill with random numbers."""
    if missing := sorted(loaded["missing_keys"]):
        raise ValueError(f"{len(missing)} of its weights are missing, such as {missing[0]}")
    return model


def _require(file: Path, part: str) -> None:
    if not file.is_file():
        raise FileNotFoundError(
            f"no {part} in {file.parent}: {file.name} is missing; a model is a folder in diffusers layout "
            f"(unet, vae, text_encoder, tokenizer, scheduler)"
        )
