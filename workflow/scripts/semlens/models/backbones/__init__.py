"""Networks that can be read, one file per family, found by its name.

A family is a module, or the ``FAMILY`` of one, with these (``config`` is the network's own ``config.json``):

* ``NETWORKS``: the names of its classes in diffusers or transformers.
* ``MODEL_TYPES``, where it is transformers': what ``config.json`` has as ``model_type``.
* ``list_layers(config, size=None)``: its layers in forward order; grids are those of square images of ``size`` pixels,
  or of the network's own size.
* ``find_grid(network, inputs)``: height and width of its maps, from what a forward pass is given, by name.
* ``to_map(features, grid)``: the map (batch, channels, height, width) of what a layer gives out.
* ``READS``: ``latents`` or ``images``; and ``PART``, ``REQUIRED_PARTS`` and ``PARTS``: the part of a model that is the
  network, the parts without which the family cannot be read, and all that it may have.
* ``check_config(config, size)``: refuse a network that this module cannot read at that size.
* ``load(folder, device=, dtype=)``: the network, frozen; ``write_untrained(config_file, out, seed=)``: random weights.

One that reads images has ``build_inputs(network, pixels)``, what a forward pass is given, and
``read_preprocessing(folder)``, how images become pixels. One that reads latents has these:

* ``NOISE``: how noise and latents are mixed, see :func:`semlens.models.noise.load_noise`.
* ``REDUCTION``: image pixels per latent along each side.
* ``count_channels(config)``: how many a latent has.
* ``TEXT``: how it reads texts, see :mod:`semlens.models.texts`; None where it reads none.
* ``prepare_conditioning(network, prompts, view, rows, image_size=)``: what a forward pass is given beside the latents.
* ``build_inputs(network, latents, timestep, conditioning)``: all that a forward pass is given, by name.
* ``denoise(network, sampler, latents, timestep, conditioning)``: latents brought to the noise of timestep 0, where a
  family can do that.

Modules are imported when the workflow is parsed: they import torch inside their functions.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semlens.models.layers import Layer
from semlens.models.part_files import name_class

if TYPE_CHECKING:
    import torch


def list_backbones() -> list[str]:
    """Return the names of all families."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def load_backbone(name: str) -> Any:
    """Return a family.

    Raises
    ------
    ValueError
        If there is no such family, naming those that there are.
    """
    if name not in list_backbones():
        raise ValueError(f"unknown backbone {name!r}; there are {', '.join(list_backbones())}")
    module = import_module(f"semlens.models.backbones.{name}")
    return getattr(module, "FAMILY", module)


def list_layers(network: "torch.nn.Module") -> list[Layer]:
    """Return the layers of a network in forward order.

    Parameters
    ----------
    network
        Of one of the families, such as diffusers' ``UNet2DConditionModel`` or transformers' ``Dinov2Model``.

    Raises
    ------
    ValueError
        If it is of no known family.
    """
    return find_family(network).list_layers(read_config(network))


def read_config(network: "torch.nn.Module") -> Mapping[str, Any]:
    """Return the configuration of a network of diffusers or transformers."""
    config = network.config
    return config if isinstance(config, Mapping) else config.to_dict()


def find_family(network: "torch.nn.Module") -> Any:
    """Return the family of a network.

    Raises
    ------
    ValueError
        If it is of no known family.
    """
    families = _map_networks()
    kinds = [kind.__name__ for kind in type(network).__mro__]
    known = next((families[kind] for kind in kinds if kind in families), None)
    if known is None:
        raise ValueError(f"the layers of a {kinds[0]} are not known; those of {', '.join(families)} are")
    return known


@cache
def _map_networks() -> dict[str, Any]:
    """Return families by the classes of their networks."""
    return {kind: family for family in map(load_backbone, list_backbones()) for kind in family.NETWORKS}


def recognize_family(config: Mapping[str, Any]) -> str | None:
    """Return the name of the family that reads a network, by the class that its ``config.json`` names, if it does.

    Raises
    ------
    ValueError
        If there is none, naming the class and those that are known.
    """
    named = [name_class(config), config.get("model_type"), *(config.get("architectures") or [])]
    named = [kind for kind in named if kind]
    if not named and "pretrained_cfg" in config:
        raise ValueError(
            "it is laid out as timm does, which is not read; take the same model as transformers lays it out"
        )
    if not named:
        return None
    for name in list_backbones():
        family = load_backbone(name)
        if any(kind in (*family.NETWORKS, *getattr(family, "MODEL_TYPES", ())) for kind in named):
            return name
    families = [load_backbone(name) for name in list_backbones()]
    known = [kind for family in families if family.PART not in (None, "vae") for kind in family.NETWORKS]
    raise ValueError(f"no family reads a network {named[0]}; known are {', '.join(known)}")
