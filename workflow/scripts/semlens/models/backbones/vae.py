"""The latents that a diffusion model reads, themselves: what its VAE says before any network."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semlens.models.layers import BASELINE, Layer
from semlens.models.part_files import read_config
from semlens.models.requirements import find_reduction

if TYPE_CHECKING:
    import h5py
    import torch

NETWORKS = ("Latent",)
READS, NOISE, TEXT = "latents", None, None
PART = "vae"
PARTS = REQUIRED_PARTS = (PART,)


def list_layers(config: Mapping[str, Any], size: int | None = None) -> list[Layer]:
    """Return its one layer."""
    reduction = find_reduction(config)
    return [Layer(BASELINE, "out", (size or config["sample_size"]) // reduction, config["latent_channels"])]


def check_config(config: Mapping[str, Any], size: int | None = None) -> None:
    """Refuse images that the VAE does not make whole latents of.

    Raises
    ------
    ValueError
        Naming its reduction.
    """
    reduction = find_reduction(config)
    if size is not None and size % reduction:
        raise ValueError(f"its VAE makes one latent of {reduction} pixels; set 'size' to a multiple of that")


def find_grid(network: "torch.nn.Module", inputs: dict[str, Any]) -> None:
    """Return nothing: its layer gives out a map."""


def to_map(features: "torch.Tensor", grid: None) -> "torch.Tensor":  # (batch, channels, height, width)
    """Return its layer's output as it is."""
    return features


def load(folder: str | Path, *, device: "torch.device", dtype: "torch.dtype") -> "torch.nn.Module":
    """Return a network that gives out the latents that it is given."""
    from semlens.models.baselines import Latent

    return Latent(read_config(Path(folder, "config.json"))).to(device)


def prepare_conditioning(
    network: "torch.nn.Module", prompts: "h5py.File | None", view: str, rows: slice, *, image_size: int
) -> dict[str, Any]:
    """Return nothing."""
    return {}


def build_inputs(
    network: "torch.nn.Module", latents: "torch.Tensor", timestep: int, conditioning: dict[str, Any]
) -> dict[str, Any]:
    """Return all that a forward pass is given, by name."""
    return {"sample": latents}
