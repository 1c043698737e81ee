"""CLIP's image encoder: transformers' ``CLIPVisionModel``."""

from typing import Any

from semlens.models.backbones._encoders import divide_pixels, list_encoder_layers
from semlens.models.backbones._tokens import gather_map
from semlens.models.layers import Layer

NETWORKS = ("CLIPVisionModel",)
find_grid, to_map = divide_pixels, gather_map


def list_layers(config: dict[str, Any]) -> list[Layer]:
    """Return the layers of every block, in forward order."""
    return list_encoder_layers(config, "encoder.layers", "self_attn")
