"""What image encoders of transformers share."""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._tokens import Blocks, divide, list_block_layers
from semlens.models.layers import Layer

if TYPE_CHECKING:
    import torch


def list_encoder_layers(config: dict[str, Any], place: str, attention: str) -> list[Layer]:
    """Return the layers of every block, in forward order.

    Parameters
    ----------
    place, attention
        See :class:`semlens.models.backbones._tokens.Blocks`.
    """
    blocks = Blocks("block", place, config["num_hidden_layers"], attention)
    return list_block_layers(
        [blocks], grid=config["image_size"] // config["patch_size"], channels=config["hidden_size"]
    )


def divide_pixels(network: "torch.nn.Module", inputs: dict[str, Any]) -> tuple[int, int]:
    """Return height and width of the maps that the network makes of its images."""
    return divide(inputs["pixel_values"], network.config.patch_size)
