"""The parts of a diffusers-layout latent diffusion model, one loader each: weights from safetensors only."""

from pathlib import Path
from typing import TYPE_CHECKING

from semlens.models.part_files import name_class, read_config

if TYPE_CHECKING:
    import torch


def load_vae(folder: str | Path, *, device: "torch.device", dtype: "torch.dtype") -> "torch.nn.Module":
    """Return the VAE of a ``vae`` folder, ready to encode: an ``AutoencoderKL``, or Sana's ``AutoencoderDC``."""
    from diffusers import AutoencoderDC, AutoencoderKL

    require_file(Path(folder) / "config.json", "VAE")
    deep = name_class(read_config(Path(folder) / "config.json")) == "AutoencoderDC"
    vae = load_part(AutoencoderDC if deep else AutoencoderKL, folder, "VAE", dtype)
    return vae.to(device).eval().requires_grad_(False)


def load_part(kind: type, folder: str | Path, part: str, dtype: "torch.dtype") -> "torch.nn.Module":
    """Return a network of a model's folder, its weights all read from safetensors.

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the part and the folder, if it is not such a network, or a weight is missing.
    """
    from safetensors import SafetensorError

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
    except (OSError, ValueError, SafetensorError) as error:
        raise ValueError(f"the {part} in {folder} cannot be loaded: {error}") from error


def check_kind(kind: type, folder: str | Path, part: str) -> None:
    """Refuse a folder whose ``config.json`` is that of another class."""
    require_file(Path(folder) / "config.json", part)
    found = name_class(read_config(Path(folder) / "config.json"))
    if found != kind.__name__:
        raise ValueError(f"the {part} in {folder} cannot be loaded: it is a {found}, not a {kind.__name__}")


def require_complete(model: "torch.nn.Module", loaded: dict) -> "torch.nn.Module":
    """Return the network; refuse it where the libraries would fill weights with random numbers."""
    if missing := sorted(loaded["missing_keys"]):
        raise ValueError(f"{len(missing)} of its weights are missing, such as {missing[0]}")
    return model


def require_file(file: Path, part: str) -> None:
    """Refuse a folder that lacks a file."""
    if not file.is_file():
        raise FileNotFoundError(
            f"no {part} in {file.parent}: {file.name} is missing; a model is a folder in diffusers layout "
            f"(unet, vae, text_encoder, tokenizer, scheduler)"
        )
