"""Vision transformers: transformers' ``ViTModel``, which MAE's weights fit as well.

``ViTMAEModel`` leaves out most of an image and changes the order of the rest, so it is no family.
"""

from typing import Any

from semlens.models.backbones._encoders import divide_pixels, list_encoder_layers
from semlens.models.backbones._tokens import gather_map
from semlens.models.layers import Layer

NETWORKS = ("ViTModel",)
find_grid, to_map = divide_pixels, gather_map


def list_layers(config: dict[str, Any]) -> list[Layer]:
    """Return the layers of every block, in forward order."""
    return list_encoder_layers(config, "layers", "attention")
