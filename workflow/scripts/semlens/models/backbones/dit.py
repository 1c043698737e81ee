"""The class-conditional transformers DiT: diffusers' ``DiTTransformer2DModel``."""

from typing import Any

from semlens.models.backbones._denoisers import divide_latents, list_denoiser_layers
from semlens.models.backbones._tokens import gather_map
from semlens.models.layers import Layer

NETWORKS = ("DiTTransformer2DModel",)
READS, NOISE, TEXT, REDUCTION = "latents", "betas", None, 8
PART = "transformer"
REQUIRED_PARTS = PARTS = (PART, "vae", "scheduler")
find_grid, to_map = divide_latents, gather_map


def list_layers(config: dict[str, Any], size: int | None = None) -> list[Layer]:
    """Return the layers of every block, in forward order."""
    return list_denoiser_layers(config, size and size // REDUCTION, "attn1")
