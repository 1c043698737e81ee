"""Flux.1, dev and schnell: diffusers' ``FluxTransformer2DModel``: blocks of two streams, then of one.

Both kinds give out text and image. Inside the blocks of one stream, text comes before the image.
"""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._tokens import Blocks, gather_map, list_block_layers
from semlens.models.layers import Layer

if TYPE_CHECKING:
    import torch

NETWORKS = ("FluxTransformer2DModel",)
READS, NOISE, TEXT, REDUCTION = "latents", "flow", "flux", 8
PART = "transformer"
REQUIRED_PARTS = PARTS = (PART, "vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "scheduler")
GRID = 64  # of images of 1024 pixels, which the model was trained on; its configuration says no size
to_map = gather_map


def list_layers(config: dict[str, Any], size: int | None = None) -> list[Layer]:
    """Return the layers of every block, in forward order: ``block00`` to ``block18``, then ``single00`` and so on."""
    blocks = [
        Blocks("block", "transformer_blocks", config["num_layers"], "attn", stream=1),
        Blocks("single", "single_transformer_blocks", config["num_single_layers"], "attn", stream=1),
    ]
    channels = config["num_attention_heads"] * config["attention_head_dim"]
    return list_block_layers(blocks, grid=size // (2 * REDUCTION) if size else GRID, channels=channels)


def find_grid(network: "torch.nn.Module", inputs: dict[str, Any]) -> tuple[int, int]:
    """Return height and width of the maps, from the rows and columns that the tokens are said to have.

    Raises
    ------
    ValueError
        If they are those of several images, as Flux Kontext has them.
    """
    _, rows, columns = inputs["img_ids"].reshape(-1, 3).T
    height, width = int(rows.max()) + 1, int(columns.max()) + 1
    if inputs["hidden_states"].shape[1] != height * width:
        count = inputs["hidden_states"].shape[1]
        raise ValueError(f"{count} tokens are not those of one image of {height} x {width} cells")
    return height, width
