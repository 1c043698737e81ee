"""Frames of a video as networks read them, all of them and in order; nothing is kept of a frame that was read."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd
import torch

from semlens.extract.latents import check_latents, describe_scale, encode_batch
from semlens.extract.passes import Batch
from semlens.extract.readers import Inputs, NoisyInputs, SquareReader, draw_latents, open_prompts
from semlens.extract.settings import ExtractionSettings
from semlens.extract.squares import ImageReader, read_squares
from semlens.images.original import ORIGINAL
from semlens.images.reading import find_image_folder
from semlens.images.samples import iterate_samples
from semlens.images.views import load_view
from semlens.models.loading import load_vae
from semlens.storage.shard_reader import read_environment


class SquareFrameReader(SquareReader):
    """Frames for a network that reads images.

    Parameters
    ----------
    inputs
        As of :class:`semlens.extract.readers.SquareReader`, but in the manifest's place ``frames``: a row per frame
        with its ``image_id``, ``file``, ``width`` and ``height``.
    """

    @staticmethod
    def _list_instances(inputs: Mapping[str, Any]) -> pd.DataFrame:
        return inputs["frames"]


class LatentFrameReader:
    """Frames for a network that reads latents: each is encoded as it is read.

    It is given what :class:`semlens.extract.readers.LatentReader` gives it of the same images, bit by bit but for what
    the size of a batch does to the VAE's arithmetic.

    Parameters
    ----------
    inputs
        A shard of the ``prompt``, and the folders of ``vae``, ``scheduler`` and ``images``; and ``frames``, as above.
    images
        Their ``size``, ``resize`` and ``exif``, see :func:`semlens.extract.latents.encode_images`.

    Attributes
    ----------
    samples, environment, folders, described
        As of :class:`semlens.extract.readers.LatentReader`.
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
        self._settings, self._inputs, self._images = settings, inputs, images
        self._noisy = NoisyInputs(family, network, settings, inputs, device)
        self._vae = load_vae(inputs["vae"], device=device, dtype=getattr(torch, settings.dtype))
        self._view = load_view(ORIGINAL)
        self._samples = list(iterate_samples(self._view, inputs["frames"]))
        self._reader = ImageReader(find_image_folder(inputs["images"]), images["exif"])
        self.samples = {ORIGINAL: [sample.id for sample in self._samples]}
        with open_prompts(inputs["prompt"]) as prompts:
            self.environment = read_environment(prompts) if prompts else {}
        self.folders, self.described = {part: inputs[part] for part in ("scheduler", "vae")}, {}

    def iterate(self, batches: Sequence[Batch]) -> Iterator[tuple[Batch, Inputs]]:
        """Yield what the network is given of each batch, while threads read the next.

        Raises
        ------
        ValueError
            If a latent is not finite, or the network reads latents of another size.
        """
        settings, size, scale = self._settings, self._images["size"], describe_scale(self._vae)
        samples = [self._samples[batch.rows] for batch in batches]
        squares = read_squares(self._view, samples, self._reader, seed=None, size=size, resize=self._images["resize"])
        with open_prompts(self._inputs["prompt"]) as prompts:
            for batch, pixels in zip(batches, squares, strict=True):
                kind, encoded = encode_batch(self._vae, pixels)
                drawn = {"view": ORIGINAL, "ids": batch.ids, "seed": settings.seed, "posterior": settings.posterior}
                clean, noise = draw_latents(check_latents(encoded, batch.ids), kind, scale, **drawn)
                yield batch, self._noisy.prepare(clean, noise, prompts, batch, size)
        self.described["images"] = self._reader.digest_pixels()


FRAME_READERS = MappingProxyType({"latents": LatentFrameReader, "images": SquareFrameReader})
