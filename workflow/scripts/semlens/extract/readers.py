"""What networks read, batch by batch: latents with noise and texts, or images."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import torch

from semlens.extract.passes import Batch
from semlens.extract.settings import ExtractionSettings
from semlens.extract.squares import ImageReader, read_squares
from semlens.images.reading import find_image_folder
from semlens.images.samples import iterate_samples
from semlens.images.views import load_view
from semlens.models.noise import build_ddim, load_noise
from semlens.runtime.devices import copy_to_device
from semlens.storage.environment import Environment
from semlens.storage.shard_reader import (
    open_shard,
    read_attribute,
    read_environment,
    read_names,
    read_samples,
    read_texts,
)
from semlens.storage.table_reader import read_table

_SCALE = ("scaling_factor", "latents_mean", "latents_std")  # attributes of a shard of latents


Inputs = Iterator[tuple[int, dict[str, Any]]]  # of a batch: by timestep, the inputs of a forward pass by name


class NoisyInputs:
    """What a denoising network is given of clean latents: these with noise, the timestep, and what it knows of texts.

    Parameters
    ----------
    inputs
        The folder of the ``scheduler``, where the family reads such.
    """

    def __init__(
        self,
        family: Any,
        network: torch.nn.Module,
        settings: ExtractionSettings,
        inputs: Mapping[str, Any],
        device: torch.device,
    ) -> None:
        self._family, self._network, self._settings, self._device = family, network, settings, device
        steps = settings.inference_steps
        self._sampler = None if steps is None else build_ddim(inputs["scheduler"], steps)
        self._noise = load_noise(family.NOISE, inputs["scheduler"]) if family.NOISE else None

    def prepare(
        self, clean: torch.Tensor, noise: torch.Tensor, prompts: h5py.File | None, batch: Batch, size: int
    ) -> Inputs:
        """Return by timestep the inputs of a forward pass; each is made as it is asked for, of what is ready.

        Parameters
        ----------
        clean, noise
            Of the batch, see :func:`draw_latents`.
        size
            Side of the images in pixels.

        Raises
        ------
        ValueError
            If the network reads latents of another size.
        """
        texts = self._family.prepare_conditioning(self._network, prompts, batch.view, batch.rows, image_size=size)
        return self._iterate(copy_to_device(clean, self._device), copy_to_device(noise, self._device), texts)

    def _iterate(self, clean: torch.Tensor, noise: torch.Tensor, texts: dict[str, Any]) -> Inputs:
        family, network, settings = self._family, self._network, self._settings
        for timestep in settings.timesteps:
            latents, level = clean, timestep
            if settings.noise and self._noise:
                latents = self._noise.mix(clean, noise, timestep)
            if self._sampler is not None:
                latents, level = family.denoise(network, self._sampler, latents, timestep, texts), 0
            yield timestep, family.build_inputs(network, latents, level, texts)


class LatentReader:
    """Latents of a shard, with noise, and the texts that condition a network.

    Each pass adds the noise of its timestep to a latent drawn from the VAE's posterior, see :func:`draw_latents`.

    Parameters
    ----------
    inputs
        Shards of ``latents`` and ``prompt``, and the folder of the ``scheduler``, where the family reads such.
    images
        Not read.

    Attributes
    ----------
    samples
        The ids of each view's samples.
    environment
        What was read was made with.
    folders
        Of parts that were read.
    described
        What else decides what is read, for provenance; complete once all was read.
    """

    def __init__(
        self,
        family: Any,
        network: torch.nn.Module,
        settings: ExtractionSettings,
        inputs: Mapping[str, Any],
        images: None,
        device: torch.device,
    ) -> None:
        self._settings, self._inputs = settings, inputs
        self._noisy = NoisyInputs(family, network, settings, inputs, device)
        with open_shard(inputs["latents"]) as source, open_prompts(inputs["prompt"]) as prompts:
            self.environment = read_environment(source) | (read_environment(prompts) if prompts else {})
            self.samples = {view: read_texts(source, f"{view}/sample_id") for view in read_names(source)}
        self.folders, self.described = {"scheduler": inputs["scheduler"]}, {}

    def iterate(self, batches: Sequence[Batch]) -> Iterator[tuple[Batch, Inputs]]:
        """Yield what the network is given of each batch.

        Raises
        ------
        ValueError
            If the network reads latents of another size.
        """
        settings = self._settings
        with open_shard(self._inputs["latents"]) as source, open_prompts(self._inputs["prompt"]) as prompts:
            size = int(read_attribute(source, "size"))
            for batch in batches:
                clean, noise = _read_latents(source, batch, settings.seed, settings.posterior)
                with self._name_files():
                    inputs = self._noisy.prepare(clean, noise, prompts, batch, size)
                yield batch, self._name_files_in(inputs)

    def _name_files_in(self, inputs: Inputs) -> Inputs:
        with self._name_files():
            yield from inputs

    @contextmanager
    def _name_files(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise ValueError(f"{self._inputs['network']} cannot read {self._inputs['latents']}: {error}") from None


class SquareReader:
    """Images as a network reads them, which has no noise, no texts and one timestep, 0.

    Parameters
    ----------
    settings
        Not minded, but for its one timestep.
    inputs
        The ``manifest``, where its ``images`` lie, and the folder of the ``network``.
    images
        ``views``, and as :func:`semlens.extract.latents.encode_images` takes them ``seed``, ``size``, ``resize`` and
        ``exif``.

    Attributes
    ----------
    samples, environment, folders, described
        As of :class:`LatentReader`.
    """

    def __init__(
        self,
        family: Any,
        network: torch.nn.Module,
        settings: ExtractionSettings,
        inputs: Mapping[str, Any],
        images: Mapping[str, Any],
        device: torch.device,
    ) -> None:
        self._family, self._network, self._images, self._device = family, network, images, device
        (self._timestep,) = settings.timesteps
        self._preprocessing = family.read_preprocessing(inputs["network"])
        self._reader = ImageReader(find_image_folder(inputs["images"]), images["exif"])
        self._instances = self._list_instances(inputs)
        self._views = {name: load_view(name) for name in sorted(images["views"])}
        self._samples = {name: list(iterate_samples(view, self._instances)) for name, view in self._views.items()}
        self.samples = {view: [sample.id for sample in samples] for view, samples in self._samples.items()}
        self.environment: Environment = {}
        self.folders, self.described = {}, {"preprocessing": self._preprocessing.describe()}

    @staticmethod
    def _list_instances(inputs: Mapping[str, Any]) -> pd.DataFrame:
        return read_table(inputs["manifest"])

    def iterate(self, batches: Sequence[Batch]) -> Iterator[tuple[Batch, Inputs]]:
        """Yield what the network is given of each batch, while threads read the next; then note what was read."""
        how = {key: self._images[key] for key in ("seed", "size", "resize")} | {
            "resample": self._preprocessing.resample
        }
        for name, in_view in groupby(batches, key=attrgetter("view")):
            of_view = list(in_view)
            samples = [self._samples[name][batch.rows] for batch in of_view]
            squares = read_squares(self._views[name], samples, self._reader, **how)
            for batch, images in zip(of_view, squares, strict=True):
                pixels = copy_to_device(torch.from_numpy(self._preprocessing.apply(images)), self._device)
                yield batch, iter([(self._timestep, self._family.build_inputs(self._network, pixels))])
        self.described["images"] = self._reader.digest_pixels()
        self._reader.log_turns()


def open_prompts(path: str | Path | list) -> AbstractContextManager[h5py.File | None]:
    """Return a shard of prompts, opened; nothing of a network that reads no texts."""
    return open_shard(path) if path else nullcontext()


def _read_latents(source: h5py.File, batch: Batch, seed: int, posterior: str) -> tuple[torch.Tensor, torch.Tensor]:
    kind = "latent" if "latent" in source[batch.view] else "posterior"
    encoded = torch.from_numpy(read_samples(source, f"{batch.view}/{kind}", batch.rows))
    scale = {key: read_attribute(source, key) for key in _SCALE if key in source.attrs}
    return draw_latents(encoded, kind, scale, view=batch.view, ids=batch.ids, seed=seed, posterior=posterior)


def draw_latents(
    encoded: torch.Tensor,
    kind: str,
    scale: Mapping[str, Any],
    *,
    view: str,
    ids: Sequence[str],
    seed: int,
    posterior: str,
) -> tuple[torch.Tensor, torch.Tensor]:  # clean latents and noise, (batch, channels, height, width) float32
    """Return what a network reads of encoded images, and the noise that goes with it.

    Both draws are seeded by (seed, view, sample, purpose): the same sample has the same latent and noise whatever its
    batch, shard, device and timestep.

    Parameters
    ----------
    encoded, kind
        As a VAE gives them: means and log variances of a ``posterior``, or a ``latent`` of one that has none.
    scale
        ``scaling_factor``, ``latents_mean`` and ``latents_std`` of :data:`semlens.extract.latents.LATENTS`.
    """

    constants = {
        key: torch.tensor(scale[key], dtype=torch.float32)[:, None, None]
        for key in ("latents_mean", "latents_std")
        if key in scale
    }

    def draw(sample: str, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        name, latent = f"{seed}/{view}/{sample}", values
        if kind == "posterior":
            mean, log_variance = values.chunk(2)
            std = (0.5 * log_variance.clamp(-30, 20)).exp()
            latent = mean if posterior == "mean" else mean + std * _draw_normal(mean.shape, f"{name}/posterior")
        for key, apply in (("latents_mean", torch.sub), ("latents_std", torch.div)):
            if key in constants:
                latent = apply(latent, constants[key])
        return latent * scale["scaling_factor"], _draw_normal(latent.shape, f"{name}/noise")

    # One by one, because torch shares out what is larger, and its threads would wait for those of the network.
    latents, noise = zip(*map(draw, ids, encoded), strict=True)
    return torch.stack(latents), torch.stack(noise)


def _draw_normal(shape: Sequence[int], key: str) -> torch.Tensor:
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
    return torch.randn(shape, generator=torch.Generator().manual_seed(number))
