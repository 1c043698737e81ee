"""Ways to compute the same features faster: the layout of maps, compiled blocks, and TF32."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from semlens.models.layers import OUT, Layer

# Kinds of one block that may be compiled, by sizes and by batch. Beyond torch's own 8, blocks run as they are.
_MOST_KINDS = 256


def optimize_network(
    network: torch.nn.Module, optimizations: Sequence[str], captured: Sequence[Layer], available: Sequence[Layer]
) -> None:
    """Change how a network computes, in place; :func:`semlens.capture` works as before.

    Parameters
    ----------
    optimizations
        Of these: ``channels_last``, maps and weights of convolutions lie in memory with channels last; ``compile``,
        blocks are compiled as they are first run, anew for each size of batch; ``tf32``, GPUs take products and
        convolutions of float32 from factors rounded to 10 bits, in all that this process computes. Without the last,
        they do not, whatever torch's defaults are.
    captured, available
        The layers that will be captured, and all that the network has. What is compiled has none of the former strictly
        inside, so that hooks are never part of it. Nor has it the output of others: which outputs are captured changes
        no number.
    """
    if "channels_last" in optimizations:
        network.to(memory_format=torch.channels_last)
    if "compile" in optimizations:
        apart = {layer.module for layer in available if layer.tap == OUT or layer in captured}
        for region in list(_list_regions(network, "", apart)):
            region.forward = torch.compile(region.forward, dynamic=False, recompile_limit=_MOST_KINDS)
    set_tf32("tf32" in optimizations)


def set_tf32(wanted: bool) -> None:
    """Let GPUs round factors of float32 to TF32 in this process, or not.

    torch does so in convolutions by default, and not in products. Its switches are those of the process: stages that
    run side by side cannot differ.
    """
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    for place in (products, convolutions, convolutions.conv, convolutions.rnn):  # the whole before its parts
        place.fp32_precision = "tf32" if wanted else "ieee"


def _list_regions(module: torch.nn.Module, prefix: str, apart: set[str], inside: bool = False) -> Iterator[Any]:
    """Yield the largest repeated blocks, and layers, that have none of the modules ``apart`` strictly inside.

    What surrounds the blocks, such as embeddings, is run once a pass and not worth the time that compiling takes.
    """
    for name, child in module.named_children():
        place = prefix + name
        repeated = inside or isinstance(module, torch.nn.ModuleList) or place in apart
        if isinstance(child, torch.nn.ModuleList) or any(other.startswith(f"{place}.") for other in apart):
            yield from _list_regions(child, f"{place}.", apart, repeated)
        elif repeated and any(child.children()):
            yield child
