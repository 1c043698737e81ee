"""DINOv2, with and without registers: transformers' ``Dinov2Model`` and ``Dinov2WithRegistersModel``."""

from typing import Any

from semlens.models.backbones._encoders import divide_pixels, list_encoder_layers
from semlens.models.backbones._tokens import gather_map
from semlens.models.layers import Layer

NETWORKS = ("Dinov2Model", "Dinov2WithRegistersModel")
find_grid, to_map = divide_pixels, gather_map


def list_layers(config: dict[str, Any]) -> list[Layer]:
    """Return the layers of every block, in forward order."""
    return list_encoder_layers(config, "encoder.layer", "attention")
