"""What diffusion transformers of diffusers share that read latents as a map."""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._tokens import Blocks, divide, list_block_layers
from semlens.models.layers import Layer

if TYPE_CHECKING:
    import torch


def list_denoiser_layers(config: dict[str, Any], side: int | None, attention: str, *, stream: int = 0) -> list[Layer]:
    """Return the layers of every block, in forward order.

    Parameters
    ----------
    side
        Of the latents; the network's own if None.
    attention, stream
        See :class:`semlens.models.backbones._tokens.Blocks`.
    """
    blocks = Blocks("block", "transformer_blocks", config["num_layers"], attention, stream)
    return list_block_layers(
        [blocks],
        grid=(side or config["sample_size"]) // config["patch_size"],
        channels=config["num_attention_heads"] * config["attention_head_dim"],
    )


def divide_latents(network: "torch.nn.Module", inputs: dict[str, Any]) -> tuple[int, int]:
    """Return height and width of the maps that the network makes of its latents."""
    return divide(inputs["hidden_states"], network.config.patch_size)
