"""Sana's transformers: diffusers' ``SanaTransformer2DModel``."""

from typing import Any

from semlens.models.backbones._denoisers import divide_latents, list_denoiser_layers
from semlens.models.backbones._tokens import gather_map
from semlens.models.layers import Layer

NETWORKS = ("SanaTransformer2DModel",)
find_grid, to_map = divide_latents, gather_map


def list_layers(config: dict[str, Any]) -> list[Layer]:
    """Return the layers of every block, in forward order."""
    return list_denoiser_layers(config, "attn1")
