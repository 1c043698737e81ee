"""Capturing features: hooks on chosen layers, and a forward pass that ends when the last has spoken."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from semlens.models.backbones import list_layers
from semlens.models.layers import Layer, expand_layers


class StopForward(Exception):
    """Raised inside the forward pass once every wanted layer has been seen."""


@contextmanager
def capture(
    network: torch.nn.Module, layers: str | Sequence[Layer], *, stop: bool = True
) -> Iterator[dict[str, torch.Tensor]]:
    """Collect the outputs of ``layers`` while the block runs the network.

    ``with capture(unet, "enc16+mid8") as features: unet(latents, t, text)`` leaves ``features`` holding one
    (batch, channels, height, width) tensor per layer name. Hooks are always removed.

    Parameters
    ----------
    layers
        What to capture: a layer set such as ``enc16+mid8``, or layers of :func:`semlens.list_layers`, each once.
    stop
        End the forward pass after the last of ``layers``; code of the block after the network's call is then skipped.

    Raises
    ------
    ValueError
        If the layer set names no layer of the network.
    """
    if isinstance(layers, str):
        known = {layer.name: layer for layer in list_layers(network)}
        layers = [known[name] for name in expand_layers(layers, known)]
    features: dict[str, torch.Tensor] = {}

    def keep(layer: Layer):
        def hook(module: torch.nn.Module, inputs: tuple, output: torch.Tensor | tuple) -> None:
            features[layer.name] = output[0] if isinstance(output, tuple) else output
            if stop and len(features) == len(layers):
                raise StopForward

        return hook

    modules = [network.get_submodule(layer.module) for layer in layers]  # all of them, before the first hook
    hooks = [module.register_forward_hook(keep(layer)) for module, layer in zip(modules, layers, strict=True)]
    try:
        yield features
    except StopForward:
        pass
    finally:
        for hook in hooks:
            hook.remove()
