"""Capturing features: hooks on chosen layers, and a forward pass that ends when the last has spoken."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from semlens.models.layers import Layer


class StopForward(Exception):
    """Raised inside the forward pass once every wanted layer has been seen."""


@contextmanager
def capture(unet: torch.nn.Module, layers: Sequence[Layer], *, stop: bool = True) -> Iterator[dict[str, torch.Tensor]]:
    """Collect the outputs of ``layers`` while the block runs the U-Net.

    ``with capture(unet, layers) as features: unet(latents, t, text)`` leaves ``features`` holding one
    (batch, channels, height, width) tensor per layer name. Hooks are always removed.

    Parameters
    ----------
    layers
        What to capture, each once.
    stop
        End the forward pass after the last of ``layers``; code of the block after the U-Net call is then skipped.
    """
    features: dict[str, torch.Tensor] = {}

    def keep(layer: Layer):
        def hook(module: torch.nn.Module, inputs: tuple, output: torch.Tensor | tuple) -> None:
            features[layer.name] = output[0] if isinstance(output, tuple) else output
            if stop and len(features) == len(layers):
                raise StopForward

        return hook

    modules = [unet.get_submodule(layer.module) for layer in layers]  # all of them, before the first hook
    hooks = [module.register_forward_hook(keep(layer)) for module, layer in zip(modules, layers, strict=True)]
    try:
        yield features
    except StopForward:
        pass
    finally:
        for hook in hooks:
            hook.remove()
