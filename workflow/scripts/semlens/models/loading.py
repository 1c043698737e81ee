"""The parts of a diffusers-layout latent diffusion model, one loader each: weights from safetensors only."""

import json
import sys
from pathlib import Path
from types import ModuleType

import torch


def load_vae(folder: str | Path, *, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    """Return the ``AutoencoderKL`` of a ``vae`` folder, ready to encode."""
    return load_part(_diffusers().AutoencoderKL, folder, "VAE", dtype).to(device).eval().requires_grad_(False)


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


def load_part(kind: type, folder: str | Path, part: str, dtype: torch.dtype) -> torch.nn.Module:
    check_kind(kind, folder, part)
    try:
        model, loaded = kind.from_pretrained(
            folder,
            use_safetensors=True,
            torch_dtype=dtype,
            local_files_only=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
        return require_complete(model, loaded)
    except (OSError, ValueError) as error:
        raise ValueError(f"the {part} in {folder} cannot be loaded: {error}") from error


def check_kind(kind: type, folder: str | Path, part: str) -> None:
    require_file(Path(folder) / "config.json", part)
    try:
        found = json.loads((Path(folder) / "config.json").read_text()).get("_class_name")
    except ValueError as error:
        raise ValueError(f"the {part} in {folder} cannot be loaded: {error}") from error
    if found != kind.__name__:
        raise ValueError(f"the {part} in {folder} cannot be loaded: it is a {found}, not a {kind.__name__}")


def require_complete(model: torch.nn.Module, loaded: dict) -> torch.nn.Module:
    """Refuse what the libraries would fill with random numbers."""
    if missing := sorted(loaded["missing_keys"]):
        raise ValueError(f"{len(missing)} of its weights are missing, such as {missing[0]}")
    return model


def require_file(file: Path, part: str) -> None:
    if not file.is_file():
        raise FileNotFoundError(
            f"no {part} in {file.parent}: {file.name} is missing; a model is a folder in diffusers layout "
            f"(unet, vae, text_encoder, tokenizer, scheduler)"
        )
