"""Latents to per-layer U-Net features."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from semlens.models.backbones.unet import list_unet_layers, load_unet
from semlens.models.capture import capture
from semlens.models.layers import Layer, expand_layers
from semlens.models.noise import build_ddim, read_alphas_cumprod
from semlens.runtime.devices import resolve_device
from semlens.runtime.logs import log, show_progress
from semlens.storage.shards import Batch, create_shard, open_shard, read_samples, read_texts, write_samples


class FeatureExtractor:
    """A U-Net that reads every latent of a shard at every timestep (section 4.1, step 2).

    Each pass adds the noise of its timestep to a latent drawn from the VAE's posterior. Both draws are seeded by
    (seed, view, sample, purpose): the same sample has the same noise whatever its batch, shard, device and timestep.
    ``attributes`` say what is read and how, ``layers`` are those of the feature sets in forward order, and ``samples``
    are the ids of each view's samples.
    """

    def __init__(
        self,
        *,
        latents: str | Path,
        prompt: str | Path,
        unet: str | Path,
        scheduler: str | Path,
        layer_sets: Sequence[str],
        timesteps: Sequence[int],
        posterior: str,
        noise: bool,
        inference_steps: int | None,
        seed: int,
        dtype: str,
        device: str,
        batch_size: int,
        about: dict[str, str],
    ) -> None:
        """Load the U-Net.

        Parameters
        ----------
        posterior
            ``sample`` or ``mean``: how latents are drawn from it.
        noise
            Whether noise is added; without, the U-Net reads the clean latent and is told the timestep.
        inference_steps
            None: the U-Net is read at the noise level of the timestep. A number: that noise is taken away again in
            deterministic steps of which so many span the whole range, and the U-Net is read in the last, at 0.
        about
            More attributes, of which ``capture`` is named where something is wrong.

        Raises
        ------
        ValueError
            If the model has no layer of a feature set.
        """
        self._latents, self._prompt, self._unet = latents, prompt, unet
        self._timesteps, self._posterior, self._noise, self._seed = timesteps, posterior, noise, seed
        self._batch_size = batch_size
        self._device = resolve_device(device)
        self._network = load_unet(unet, device=self._device, dtype=getattr(torch, dtype))
        self._signal = read_alphas_cumprod(scheduler)
        self._sampler = None if inference_steps is None else build_ddim(scheduler, inference_steps)
        self.layers = _find_layers(self._network, layer_sets, about["extraction"])
        self.attributes = {
            **about,
            "posterior": posterior,
            "noise": noise,
            "inference_steps": inference_steps or 0,
            "seed": seed,
            "dtype": dtype,
            "layers": [layer.name for layer in self.layers],
            "unet_config_sha256": _hash_config(self._network),
        }
        with open_shard(latents) as source:
            self.samples = {view: read_texts(source, f"{view}/sample_id") for view in source}

    def batches(self, layers: Sequence[Layer]) -> Iterator[Batch]:
        """Yield all samples, view by view; a batch's passes run as they are asked for, up to the last of ``layers``.

        Maps are on the device, in the U-Net's precision, and gone once the next pass is asked for.

        Raises
        ------
        ValueError
            If the U-Net reads latents of another size.
        """
        names = ", ".join(layer.name for layer in layers)
        log.info("reading %s at t = %s on %s", names, list(self._timesteps), self._device)
        with open_shard(self._latents) as source, open_shard(self._prompt) as prompts:
            for view, samples in self.samples.items():
                starts = range(0, len(samples), self._batch_size)
                for start in show_progress(starts, total=len(starts), what=f"extract {view}", unit="batch"):
                    ids = samples[start : start + self._batch_size]
                    yield Batch(view, start, ids, self._passes(source, prompts, view, start, ids, layers))

    @torch.inference_mode()
    def _passes(
        self, source: h5py.File, prompts: h5py.File, view: str, start: int, ids: list[str], layers: Sequence[Layer]
    ) -> Iterator[tuple[int, str, torch.Tensor]]:
        network, rows = self._network, slice(start, start + len(ids))
        clean, added = _draw_latents(source, view, rows, ids, self._seed, self._posterior)
        _check_latent_size(clean, network, self._unet)
        conditioned = _condition(network, prompts, view, rows, len(ids), int(source.attrs["size"]))
        for timestep in self._timesteps:
            read = clean
            if self._noise:
                read = self._signal[timestep].sqrt() * clean + (1 - self._signal[timestep]).sqrt() * added
            read, at = read.to(self._device), timestep
            if self._sampler is not None:
                read, at = _denoise(network, self._sampler, read, timestep, conditioned), 0
            with capture(network, layers) as features:
                network(read.to(network.dtype), at, **conditioned)
            for layer in layers:
                yield timestep, layer.name, features[layer.name]


def extract_features(reader: FeatureExtractor, *, out: str | Path) -> None:
    """Write all that a U-Net reads as it is.

    The shard holds ``{view}/t{timestep}/{layer}`` (N, channels, height, width) and ``{view}/sample_id`` (N).

    Raises
    ------
    ValueError
        If a feature is not finite.
    """
    with create_shard(out, reader.attributes) as shard:
        for view, ids in reader.samples.items():
            shard[f"{view}/sample_id"] = ids
        for view, start, ids, passes in reader.batches(reader.layers):
            for timestep, layer, maps in passes:
                values = _to_storable(maps, f"layer {layer} at t = {timestep}", ids)
                write_samples(shard, f"{view}/t{timestep}/{layer}", start, values, total=len(reader.samples[view]))


def _find_layers(network: torch.nn.Module, layer_sets: Sequence[str], extraction: str) -> list[Layer]:
    known = {layer.name: layer for layer in list_unet_layers(network.config)}
    try:
        wanted = {name for layer_set in layer_sets for name in expand_layers(layer_set, known)}
    except ValueError as error:
        raise ValueError(f"extraction {extraction!r}: {error}") from None
    return [layer for name, layer in known.items() if name in wanted]


def _hash_config(network: torch.nn.Module) -> str:
    """A hash of what the U-Net is, wherever its folder lies and whatever wrote it."""
    settings = {key: value for key, value in network.config.items() if not key.startswith("_")}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def _check_latent_size(latents: torch.Tensor, network: torch.nn.Module, unet: str | Path) -> None:
    native = network.config.sample_size
    if latents.shape[-2:] != (native, native):
        raise ValueError(
            f"the U-Net in {unet} reads {native}x{native} latents, "
            f"its VAE made {latents.shape[-2]}x{latents.shape[-1]}; "
            f"set the model's 'size' to {native} times the VAE's reduction (8 for Stable Diffusion)"
        )


def _condition(
    network: torch.nn.Module, prompts: h5py.File, view: str, rows: slice, batch: int, size: int
) -> dict[str, Any]:
    """What tells the U-Net what samples show: text; for SDXL, also pooled text and the size of an uncropped picture."""

    def of_samples(key: str) -> torch.Tensor:  # (batch, ...)
        texts = torch.from_numpy(read_samples(prompts, key))
        chosen = texts[read_samples(prompts, f"{view}/text", rows)] if view in prompts else texts
        return chosen.expand(batch, *texts.shape[1:]).to(network.device, network.dtype)

    given = {"encoder_hidden_states": of_samples("embedding")}
    if network.config.addition_embed_type == "text_time":
        sizes = torch.tensor([[size, size, 0, 0, size, size]] * batch, device=network.device, dtype=network.dtype)
        given["added_cond_kwargs"] = {"text_embeds": of_samples("pooled"), "time_ids": sizes}
    return given


def _denoise(
    network: torch.nn.Module, sampler: Any, noisy: torch.Tensor, timestep: int, conditioned: dict[str, Any]
) -> torch.Tensor:  # (batch, channels, height, width) float32
    """Noisy latents of a timestep, brought to the noise of timestep 0 without new noise (DDIM)."""
    stride = sampler.config.num_train_timesteps // sampler.num_inference_steps
    for at in range(timestep, 0, -stride):
        predicted = network(noisy.to(network.dtype), at, **conditioned).sample
        noisy = sampler.step(predicted.float(), at, noisy).prev_sample
    return noisy


def _draw_latents(
    source: h5py.File, view: str, rows: slice, ids: Sequence[str], seed: int, posterior: str
) -> tuple[torch.Tensor, torch.Tensor]:  # clean latents and noise, (batch, channels, height, width) float32
    moments = torch.from_numpy(read_samples(source, f"{view}/posterior", rows))
    mean, log_variance = moments.chunk(2, dim=1)
    std = (0.5 * log_variance.clamp(-30, 20)).exp()

    def normal(purpose: str) -> torch.Tensor:
        return torch.stack([_draw_normal(mean.shape[1:], f"{seed}/{view}/{sample}/{purpose}") for sample in ids])

    drawn = mean if posterior == "mean" else mean + std * normal("posterior")
    return drawn * source.attrs["scaling_factor"], normal("noise")


def _draw_normal(shape: Sequence[int], key: str) -> torch.Tensor:
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
    return torch.randn(shape, generator=torch.Generator().manual_seed(number))


def _to_storable(features: torch.Tensor, what: str, ids: Sequence[str]) -> np.ndarray:
    """On the host, in half precision if computed so; bfloat16, which HDF5 lacks, becomes float32."""
    values = features.float() if features.dtype == torch.bfloat16 else features
    if not values.isfinite().all():
        raise ValueError(f"{what} is not finite for a sample of {', '.join(ids)}; use dtype: float32 or bfloat16")
    return values.cpu().numpy()
