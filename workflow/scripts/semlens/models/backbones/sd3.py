"""Stable Diffusion 3 and 3.5: diffusers' ``SD3Transformer2DModel``, whose blocks give out text and image."""

from typing import Any

from semlens.models.backbones._denoisers import divide_latents, list_denoiser_layers
from semlens.models.backbones._tokens import gather_map
from semlens.models.layers import Layer

NETWORKS = ("SD3Transformer2DModel",)
READS, NOISE, TEXT, REDUCTION = "latents", "flow", "sd3", 8
PART = "transformer"
REQUIRED_PARTS = PARTS = (
    PART,
    "vae",
    "text_encoder",
    "tokenizer",
    "text_encoder_2",
    "tokenizer_2",
    "text_encoder_3",
    "tokenizer_3",
    "scheduler",
)
find_grid, to_map = divide_latents, gather_map


def list_layers(config: dict[str, Any], size: int | None = None) -> list[Layer]:
    """Return the layers of every block, in forward order."""
    return list_denoiser_layers(config, size and size // REDUCTION, "attn", stream=1)
