"""What transformers share: layers by block, and the tokens of an image as a map."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from semlens.models.layers import ATTENTION_INPUT, Layer

if TYPE_CHECKING:
    import torch


class Blocks(NamedTuple):
    """Blocks of one kind, in forward order.

    Attributes
    ----------
    name
        What their layers are called, before a number: ``block``.
    place
        Their module list in the network.
    count
        How many there are.
    attention
        The self-attention inside a block.
    stream
        Which of a block's outputs is that of the image.
    """

    name: str
    place: str
    count: int
    attention: str
    stream: int = 0


def list_block_layers(kinds: Iterable[Blocks], *, grid: int, channels: int) -> list[Layer]:
    """Return two layers per block, in forward order: what enters its self-attention, and what it gives out."""
    return [
        layer
        for kind in kinds
        for number in range(kind.count)
        for name, module in [(f"{kind.name}{number:02d}", f"{kind.place}.{number}")]
        for layer in (
            Layer(f"{name}.{ATTENTION_INPUT}", f"{module}.{kind.attention}", grid, channels, tap=ATTENTION_INPUT),
            Layer(name, module, grid, channels, stream=kind.stream),
        )
    ]


def gather_map(tokens: "torch.Tensor", grid: tuple[int, int]) -> "torch.Tensor":  # (batch, channels, height, width)
    """Return the map of the last tokens, which are those of the image, row by row.

    Parameters
    ----------
    tokens
        (batch, tokens, channels). Those of text, of a class or of registers come before the image's.
    grid
        Height and width of the map in cells.
    """
    height, width = grid
    return tokens[:, -height * width :].transpose(1, 2).unflatten(2, grid)


def divide(images: "torch.Tensor", patch: int) -> tuple[int, int]:
    """Return height and width of the map of images or latents (batch, channels, height, width), cut into patches."""
    return images.shape[-2] // patch, images.shape[-1] // patch
