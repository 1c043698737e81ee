"""Latents to per-layer U-Net features."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
import torch

from semlens.extract.batches import Batch
from semlens.extract.settings import ExtractionSettings
from semlens.extract.tokens import sample_tokens
from semlens.models.backbones import load_backbone
from semlens.models.capture import capture
from semlens.models.layers import Layer, expand_layers
from semlens.models.noise import build_ddim, read_alphas_cumprod
from semlens.models.part_hashes import describe_parts
from semlens.runtime.devices import describe_device, resolve_device
from semlens.runtime.logs import log, show_progress
from semlens.storage.environment import describe_environment
from semlens.storage.shard_reader import (
    open_shard,
    read_attribute,
    read_environment,
    read_names,
    read_samples,
    read_texts,
)
from semlens.storage.shard_writer import (
    ENVIRONMENT,
    SAMPLES,
    Item,
    ShardContract,
    create_shard,
    write_array,
    write_samples,
)

FEATURES = ShardContract(
    attributes={
        "extraction": Item("text", "Name of the extraction in the configuration."),
        "model": Item("text", "Name of the model in the configuration."),
        "dataset": Item("text", "Name of the dataset in the configuration."),
        "prompt": Item("text", "Text that conditioned the network; {classes} stands for those of the sample."),
        "layers": Item("list of text", "The captured layers, in forward order."),
        "posterior": Item("text", "How latents are drawn from the VAE's posterior: sample or mean."),
        "noise": Item("bool", "Whether the noise of the timestep was added."),
        "inference_steps": Item("int64", "Steps of which so many span the whole range; 0: noise was not taken away."),
        "seed": Item("int64", "Of the posterior's sample and of the noise."),
        "dtype": Item("text", "Arithmetic of the network; bfloat16 is stored as float32."),
        "network_config_sha256": Item("text", "SHA-256 of the network's configuration."),
        **ENVIRONMENT,
    },
    datasets={
        **SAMPLES,
        "{view}/t{timestep}/{layer}": Item(
            ("float32", "float16"),
            "What the layer gives out at a timestep of noise.",
            "(samples, channels, height, width)",
        ),
    },
)


class FeatureExtractor:
    """A network that reads every latent of a shard at every timestep (section 4.1, step 2).

    Each pass adds the noise of its timestep to a latent drawn from the VAE's posterior. Both draws are seeded by
    (seed, view, sample, purpose): the same sample has the same noise whatever its batch, shard, device and timestep.

    Attributes
    ----------
    attributes
        What is read and how, as a shard of features records it.
    environment
        What features are made with, see :mod:`semlens.storage.environment`.
    layers
        The captured layers, in forward order.
    samples
        The ids of each view's samples.
    """

    def __init__(
        self,
        settings: ExtractionSettings,
        *,
        backbone: str,
        latents: str | Path,
        prompt: str | Path,
        network: str | Path,
        scheduler: str | Path,
        device: str,
        batch_size: int,
        names: dict[str, str],
    ) -> None:
        """Load the network.

        Parameters
        ----------
        backbone
            The family of the network, see :mod:`semlens.models.backbones`.
        latents, prompt
            Shards.
        network, scheduler
            Folders.
        names
            Of extraction, model and dataset, and the text of the prompt: recorded, and named in errors.

        Raises
        ------
        ValueError
            If the network has no layer of a layer set.
        """
        self._settings, self._batch_size = settings, batch_size
        self._latents, self._prompt, self._folder = latents, prompt, network
        self._device = resolve_device(device)
        self._backbone = load_backbone(backbone)
        self._network = self._backbone.load(network, device=self._device, dtype=getattr(torch, settings.dtype))
        self._alphas_cumprod = read_alphas_cumprod(scheduler)
        steps = settings.inference_steps
        self._sampler = None if steps is None else build_ddim(scheduler, steps)
        self.layers = _find_layers(
            self._backbone.list_layers(self._network.config), settings.layers, names["extraction"]
        )
        self.attributes = {
            **names,
            "posterior": settings.posterior,
            "noise": settings.noise,
            "inference_steps": steps or 0,
            "seed": settings.seed,
            "dtype": settings.dtype,
            "layers": [layer.name for layer in self.layers],
            "network_config_sha256": _hash_config(self._network),
        }
        read = describe_parts({"network": network, "scheduler": scheduler})
        made = describe_environment("extract", describe_device(self._device), read)
        with open_shard(latents) as source, open_shard(prompt) as embedding:
            self.environment = read_environment(source) | read_environment(embedding) | made
            self.samples = {view: read_texts(source, f"{view}/sample_id") for view in read_names(source)}

    def iterate_batches(self, layers: Sequence[Layer]) -> Iterator[Batch]:
        """Yield all samples, view by view; a batch's passes run as they are asked for, up to the last of ``layers``.

        Maps are on the device, in the network's precision, and gone once the next pass is asked for.

        Raises
        ------
        ValueError
            If the network reads latents of another size.
        """
        names = ", ".join(layer.name for layer in layers)
        log.info("reading %s at t = %s on %s", names, list(self._settings.timesteps), self._device)
        with open_shard(self._latents) as source, open_shard(self._prompt) as prompts:
            for view, samples in self.samples.items():
                starts = range(0, len(samples), self._batch_size)
                for start in show_progress(starts, total=len(starts), what=f"extract {view}", unit="batch"):
                    ids = samples[start : start + self._batch_size]
                    yield Batch(view, start, ids, self._run_passes(source, prompts, view, start, ids, layers))

    @torch.inference_mode()
    def _run_passes(
        self, source: h5py.File, prompts: h5py.File, view: str, start: int, ids: list[str], layers: Sequence[Layer]
    ) -> Iterator[tuple[int, str, torch.Tensor]]:
        network, settings, rows = self._network, self._settings, slice(start, start + len(ids))
        clean, noise = _draw_latents(source, view, rows, ids, settings.seed, settings.posterior)
        self._backbone.check_latents(network, clean, self._folder)
        image_size = int(read_attribute(source, "size"))
        conditioning = self._backbone.prepare_conditioning(network, prompts, view, rows, image_size=image_size)
        for timestep in settings.timesteps:
            latents, level = clean, timestep
            if settings.noise:
                share = self._alphas_cumprod[timestep]
                latents = share.sqrt() * clean + (1 - share).sqrt() * noise
            latents = latents.to(self._device)
            if self._sampler is not None:
                latents, level = self._backbone.denoise(network, self._sampler, latents, timestep, conditioning), 0
            with capture(network, layers) as features:
                network(latents.to(network.dtype), level, **conditioning)
            for layer in layers:
                yield timestep, layer.name, features[layer.name]


def extract_features(extractor: FeatureExtractor, *, out: str | Path, tokens: str | Path | None = None) -> None:
    """Write the feature maps of all layers.

    What the shard holds is in ``FEATURES``.

    Parameters
    ----------
    tokens
        Where a sample of tokens is written, see :func:`semlens.extract.tokens.sample_tokens`; by default nowhere.

    Raises
    ------
    ValueError
        If a feature is not finite.
    """
    batches = extractor.iterate_batches(extractor.layers)
    with (
        sample_tokens(
            batches,
            tokens,
            samples=extractor.samples,
            attributes=extractor.attributes,
            environment=extractor.environment,
        ) as sampled,
        create_shard(out, extractor.attributes, extractor.environment) as shard,
    ):
        for view, ids in extractor.samples.items():
            write_array(shard, f"{view}/sample_id", ids)
        for view, start, ids, passes in sampled:
            for timestep, layer, maps in passes:
                values = _to_storable(maps, f"layer {layer} at t = {timestep}", ids)
                write_samples(shard, f"{view}/t{timestep}/{layer}", start, values, total=len(extractor.samples[view]))


def _find_layers(available: Sequence[Layer], layer_sets: Sequence[str], extraction: str) -> list[Layer]:
    names = [layer.name for layer in available]
    try:
        wanted = {name for layer_set in layer_sets for name in expand_layers(layer_set, names)}
    except ValueError as error:
        raise ValueError(f"extraction {extraction!r}: {error}") from None
    return [layer for layer in available if layer.name in wanted]


def _hash_config(network: torch.nn.Module) -> str:
    """Return a hash of what the network is, wherever its folder lies and whatever wrote it."""
    settings = {key: value for key, value in network.config.items() if not key.startswith("_")}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def _draw_latents(
    source: h5py.File, view: str, rows: slice, ids: Sequence[str], seed: int, posterior: str
) -> tuple[torch.Tensor, torch.Tensor]:  # clean latents and noise, (batch, channels, height, width) float32
    parameters = torch.from_numpy(read_samples(source, f"{view}/posterior", rows))
    mean, log_variance = parameters.chunk(2, dim=1)
    std = (0.5 * log_variance.clamp(-30, 20)).exp()

    def draw(purpose: str) -> torch.Tensor:
        return torch.stack([_draw_normal(mean.shape[1:], f"{seed}/{view}/{sample}/{purpose}") for sample in ids])

    latents = mean if posterior == "mean" else mean + std * draw("posterior")
    for key, apply in (("latents_mean", torch.sub), ("latents_std", torch.div)):
        if key in source.attrs:
            latents = apply(latents, torch.tensor(read_attribute(source, key), dtype=torch.float32)[:, None, None])
    latents = latents * read_attribute(source, "scaling_factor")
    return latents, draw("noise")


def _draw_normal(shape: Sequence[int], key: str) -> torch.Tensor:
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
    return torch.randn(shape, generator=torch.Generator().manual_seed(number))


def _to_storable(features: torch.Tensor, what: str, ids: Sequence[str]) -> np.ndarray:
    """Return features on the host, in half precision if computed so; bfloat16, which HDF5 lacks, becomes float32."""
    values = features.float() if features.dtype == torch.bfloat16 else features
    if not values.isfinite().all():
        raise ValueError(f"{what} is not finite for a sample of {', '.join(ids)}; use dtype: float32 or bfloat16")
    return values.cpu().numpy()
