"""Stable Diffusion 3 and 3.5: diffusers' ``SD3Transformer2DModel``, whose blocks give out text and image."""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._tokens import Blocks, divide, gather_map, list_block_layers
from semlens.models.layers import Layer

if TYPE_CHECKING:
    import torch

NETWORKS = ("SD3Transformer2DModel",)
to_map = gather_map


def list_layers(config: dict[str, Any]) -> list[Layer]:
    """Return the layers of every block, in forward order."""
    blocks = [Blocks("block", "transformer_blocks", config["num_layers"], "attn", stream=1)]
    return list_block_layers(
        blocks,
        grid=config["sample_size"] // config["patch_size"],
        channels=config["num_attention_heads"] * config["attention_head_dim"],
    )


def find_grid(network: "torch.nn.Module", inputs: dict[str, Any]) -> tuple[int, int]:
    """Return height and width of the maps that the network makes of its latents."""
    return divide(inputs["hidden_states"], network.config.patch_size)
