"""Capturing features: hooks on chosen layers, and a forward pass that ends when the last has spoken."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from semlens.models.backbones import find_family, read_config
from semlens.models.layers import ATTENTION_INPUT, Layer, expand_layers


class StopForward(Exception):
    """Raised inside the forward pass once every wanted layer has been seen."""


@contextmanager
def capture(
    network: torch.nn.Module, layers: str | Sequence[Layer], *, stop: bool = True
) -> Iterator[dict[str, torch.Tensor]]:
    """Collect the outputs of ``layers`` while the block runs the network.

    ``with capture(unet, "enc16+mid8") as features: unet(latents, t, text)`` leaves ``features`` holding one
    (batch, channels, height, width) tensor per layer name. Of a transformer, that is the map of the image's tokens:
    those of text are left out. Hooks are always removed.

    Parameters
    ----------
    layers
        What to capture: a layer set such as ``enc16+mid8`` or ``block07.attn_in``, or layers of
        :func:`semlens.list_layers`, each once.
    stop
        End the forward pass after the last of ``layers``; code of the block after the network's call is then skipped.

    Raises
    ------
    ValueError
        If the layer set names no layer of the network, or the network is of no known family.
    """
    family = find_family(network)
    if isinstance(layers, str):
        known = {layer.name: layer for layer in family.list_layers(read_config(network))}
        layers = [known[name] for name in expand_layers(layers, known)]
    features: dict[str, torch.Tensor] = {}
    grid = None

    def find_grid(module: torch.nn.Module, given: tuple, named: dict[str, Any]) -> None:
        nonlocal grid
        grid = family.find_grid(module, signature(module.forward).bind_partial(*given, **named).arguments)

    def keep(layer: Layer, values: torch.Tensor) -> None:
        features[layer.name] = family.to_map(values, grid)
        if stop and len(features) == len(layers):
            raise StopForward

    def hook(layer: Layer, module: torch.nn.Module) -> RemovableHandle:
        if layer.tap == ATTENTION_INPUT:
            first = next(iter(signature(module.forward).parameters))
            return module.register_forward_pre_hook(
                lambda _, given, named: keep(layer, given[0] if given else named[first]), with_kwargs=True
            )
        return module.register_forward_hook(
            lambda _, __, output: keep(layer, output if isinstance(output, torch.Tensor) else output[layer.stream])
        )

    modules = [network.get_submodule(layer.module) for layer in layers]  # all of them, before the first hook
    hooks = [network.register_forward_pre_hook(find_grid, with_kwargs=True)]
    hooks += [hook(layer, module) for layer, module in zip(layers, modules, strict=True)]
    try:
        yield features
    except StopForward:
        pass
    finally:
        for handle in hooks:
            handle.remove()
