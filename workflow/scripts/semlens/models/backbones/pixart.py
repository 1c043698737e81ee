"""PixArt's diffusion transformers, alpha and Sigma: diffusers' ``PixArtTransformer2DModel``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from semlens.models.backbones._conditioning import read_sample_texts
from semlens.models.backbones._denoisers import (
    check_latents,
    check_size,
    count_latent_channels,
    divide_latents,
    list_denoiser_layers,
    load_denoiser,
    repeat_timestep,
    write_untrained_denoiser,
)
from semlens.models.backbones._tokens import gather_map
from semlens.models.layers import Layer

if TYPE_CHECKING:
    import h5py
    import torch

NETWORKS = ("PixArtTransformer2DModel",)
READS, NOISE, TEXT, REDUCTION = "latents", "betas", "t5", 8
PART = "transformer"
REQUIRED_PARTS = PARTS = (PART, "vae", "text_encoder", "tokenizer", "scheduler")
find_grid, to_map, count_channels = divide_latents, gather_map, count_latent_channels


def check_config(config: dict[str, Any], size: int | None = None) -> None:
    """Refuse a transformer that reads more than latents, or images that do not divide into its cells.

    Raises
    ------
    ValueError
        Saying what it reads, and the way out.
    """
    check_latents(config, 1, 2)
    check_size(size, REDUCTION * config["patch_size"])


def list_layers(config: dict[str, Any], size: int | None = None) -> list[Layer]:
    """Return the layers of every block, in forward order."""
    return list_denoiser_layers(config, size and size // REDUCTION, "attn1")


def load(folder: str | Path, *, device: "torch.device", dtype: "torch.dtype") -> "torch.nn.Module":
    """Return the ``PixArtTransformer2DModel`` of a ``transformer`` folder."""
    return load_denoiser(NETWORKS[0], folder, check_config, device=device, dtype=dtype)


def write_untrained(config_file: str | Path, out: str | Path, *, seed: int) -> None:
    """Write a ``transformer`` folder with random weights, see :func:`write_untrained_denoiser`."""
    write_untrained_denoiser(NETWORKS[0], config_file, out, seed=seed)


def prepare_conditioning(
    network: "torch.nn.Module", prompts: "h5py.File", view: str, rows: slice, *, image_size: int
) -> dict[str, Any]:
    """Return each sample's text and which of its tokens are read; where alpha wants it, size and form of the image.

    Parameters
    ----------
    prompts, view, rows
        See :func:`semlens.models.backbones._conditioning.read_sample_texts`.
    image_size
        Side in pixels.
    """
    import torch

    sizes: dict[str, Any] = {"resolution": None, "aspect_ratio": None}
    if network.use_additional_conditions:
        count = rows.stop - rows.start
        where = {"device": network.device, "dtype": network.dtype}
        sizes = {
            "resolution": torch.full((count, 2), float(image_size), **where),
            "aspect_ratio": torch.ones(count, 1, **where),
        }
    return {
        "encoder_hidden_states": read_sample_texts(network, prompts, "embedding", view, rows),
        "encoder_attention_mask": read_sample_texts(network, prompts, "mask", view, rows),
        "added_cond_kwargs": sizes,
    }


def build_inputs(
    network: "torch.nn.Module", latents: "torch.Tensor", timestep: int, conditioning: dict[str, Any]
) -> dict[str, Any]:
    """Return all that a forward pass is given, by name; time is the timestep."""
    import torch

    time = repeat_timestep(latents, timestep, torch.int64)
    return {"hidden_states": latents.to(network.dtype), "timestep": time, **conditioning}
