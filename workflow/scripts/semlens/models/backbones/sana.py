"""Sana's transformers: diffusers' ``SanaTransformer2DModel``."""

from typing import Any

from semlens.models.backbones._denoisers import divide_latents, list_denoiser_layers
from semlens.models.backbones._tokens import gather_map
from semlens.models.layers import Layer

NETWORKS = ("SanaTransformer2DModel",)
READS, NOISE, TEXT, REDUCTION = "latents", "flow", "gemma", 32
PART = "transformer"
REQUIRED_PARTS = PARTS = (PART, "vae", "text_encoder", "tokenizer", "scheduler")
find_grid, to_map = divide_latents, gather_map


def list_layers(config: dict[str, Any], size: int | None = None) -> list[Layer]:
    """Return the layers of every block, in forward order."""
    return list_denoiser_layers(config, size and size // REDUCTION, "attn1")
