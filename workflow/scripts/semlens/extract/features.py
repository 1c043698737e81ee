"""Latents or images to features per layer."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from types import MappingProxyType
from typing import Any

import torch

from semlens.extract.passes import Batch, Pass, split_samples
from semlens.extract.readers import LatentReader, SquareReader
from semlens.extract.settings import ExtractionSettings
from semlens.models.backbones import load_backbone, read_config
from semlens.models.capture import capture
from semlens.models.layers import Layer, expand_layers
from semlens.models.optimizations import optimize_network
from semlens.models.part_hashes import describe_parts
from semlens.runtime.ahead import read_ahead
from semlens.runtime.devices import SideStream, describe_device, resolve_device
from semlens.runtime.logs import log, show_progress
from semlens.storage.environment import describe_environment

_NOT_THE_NETWORK = ("transformers_version", "dtype")  # keys of a configuration of transformers
READERS = MappingProxyType({"latents": LatentReader, "images": SquareReader})  # by what a family reads


class FeatureExtractor:
    """A network that reads every sample of a shard at every timestep (section 4.1, step 2).

    Attributes
    ----------
    attributes
        What is read and how, as a shard of features records it.
    environment
        What features are made with, see :mod:`semlens.storage.environment`; complete once all batches were read.
    layers
        The captured layers, in forward order.
    samples
        The ids of each view's samples.
    batches
        Which of them are read together, in their order.
    device
        Where maps are.
    """

    def __init__(
        self,
        settings: ExtractionSettings,
        *,
        family: str,
        inputs: Mapping[str, Any],
        images: Mapping[str, Any],
        device: str,
        batch_size: int,
        names: dict[str, str],
        readers: Mapping[str, Any] = READERS,
    ) -> None:
        """Load the network.

        Parameters
        ----------
        family
            Of the network, see :mod:`semlens.models.backbones`.
        inputs
            The folder of the ``network``, and what :class:`semlens.extract.readers.LatentReader` or
            :class:`semlens.extract.readers.SquareReader` is given. What a family does not read is empty.
        images
            How images are read, as the latter takes it, with their ``size``.
        names
            Of extraction, model and dataset, and the text of the prompt: recorded, and named in errors.
        readers
            Of what a family reads: ``latents`` and ``images``.

        Raises
        ------
        ValueError
            If the network has no layer of a layer set.
        """
        backbone, where = load_backbone(family), resolve_device(device)
        self.device, self._timesteps = where, list(settings.timesteps)
        self._denoises = settings.inference_steps is not None
        self._network = backbone.load(inputs["network"], device=where, dtype=getattr(torch, settings.dtype))
        self._reader = readers[backbone.READS](backbone, self._network, settings, inputs, images, where)
        available = backbone.list_layers(read_config(self._network), images["size"])
        self.layers = _find_layers(available, settings.layers, names["extraction"])
        optimize_network(self._network, settings.optimizations, self.layers, available)
        self.attributes = {
            **names,
            "posterior": settings.posterior,
            "noise": settings.noise,
            "inference_steps": settings.inference_steps or 0,
            "seed": settings.seed,
            "dtype": settings.dtype,
            "optimizations": ", ".join(settings.optimizations),
            "layers": [layer.name for layer in self.layers],
            "network_config_sha256": _hash_config(self._network),
        }
        folders = {"network": inputs["network"], **self._reader.folders}
        parts = describe_parts({part: folder for part, folder in folders.items() if folder})
        made = describe_environment("extract", describe_device(where), parts | self._reader.described)
        self.environment = self._reader.environment | made
        self.samples = self._reader.samples
        self.batches = split_samples(self.samples, batch_size)

    def iterate_passes(self, layers: Sequence[Layer]) -> Iterator[Pass]:
        """Yield the maps of all samples, batch by batch, at each timestep; the network stops at the last of ``layers``.

        While one pass is used, the network makes the next, and what it reads is got ready. Maps are on the device, in
        the network's precision; there they must have been used once the next pass is asked for.

        Raises
        ------
        ValueError
            If the network reads latents of another size.
        """
        names = ", ".join(layer.name for layer in layers)
        log.info("reading %s at t = %s on %s", names, self._timesteps, self.device)
        side = SideStream(self.device)
        passes = read_ahead(self._run_network(layers, side), side.depth)
        total = len(self.batches) * len(self._timesteps)
        for done, mark in show_progress(passes, total=total, what="extract", unit="pass"):
            with side.follow(mark):
                yield done

    @torch.inference_mode()
    def _run_network(self, layers: Sequence[Layer], side: SideStream) -> Iterator[tuple[Pass, Any]]:
        depth = 0 if self._denoises else side.depth  # the network makes such inputs itself, and cannot do both at once
        with closing(read_ahead(self._prepare_inputs(side), depth)) as prepared:
            for batch, timestep, inputs in prepared:
                with capture(self._network, layers) as features:
                    self._network(**inputs)
                yield Pass(batch, timestep, {layer.name: features[layer.name] for layer in layers}), side.mark()
        self.environment["extract"] |= self._reader.described

    def _prepare_inputs(self, side: SideStream) -> Iterator[tuple[Batch, int, dict[str, Any]]]:
        with closing(read_ahead(self._reader.iterate(self.batches), side.depth)) as read:
            for batch, passes in read:
                for timestep, inputs in passes:
                    yield batch, timestep, inputs


def _find_layers(available: Sequence[Layer], layer_sets: Sequence[str], extraction: str) -> list[Layer]:
    names = [layer.name for layer in available]
    try:
        wanted = {name for layer_set in layer_sets for name in expand_layers(layer_set, names)}
    except ValueError as error:
        raise ValueError(f"extraction {extraction!r}: {error}") from None
    return [layer for layer in available if layer.name in wanted]


def _hash_config(network: torch.nn.Module) -> str:
    """Return a hash of what the network is, wherever its folder lies and whatever wrote it."""
    config = read_config(network).items()
    settings = {key: value for key, value in config if not key.startswith("_") and key not in _NOT_THE_NETWORK}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()
