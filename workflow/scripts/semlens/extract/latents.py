"""Images to VAE latents and prompts to text embeddings: what is computed once and read many times."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semlens.extract.passes import Batch, split_samples
from semlens.extract.squares import ImageReader, read_squares
from semlens.images.samples import Sample, iterate_samples
from semlens.images.views import load_view
from semlens.models.loading import load_vae
from semlens.models.optimizations import set_tf32
from semlens.models.part_hashes import describe_parts
from semlens.runtime.ahead import read_ahead
from semlens.runtime.devices import SideStream, copy_to_device, copy_to_host, describe_device, resolve_device
from semlens.runtime.logs import log, show_progress
from semlens.storage.environment import describe_environment
from semlens.storage.shard_writer import (
    ENVIRONMENT,
    SAMPLES,
    Item,
    ShardContract,
    create_shard,
    write_array,
    write_samples,
)
from semlens.storage.table_reader import read_table

LATENTS = ShardContract(
    attributes={
        "scaling_factor": Item("float64", "The network reads (latents - mean) / std times this."),
        "latents_mean": Item("float64", "By channel; 0 where the VAE does not say.", optional=True),
        "latents_std": Item("float64", "By channel; 1 where the VAE does not say.", optional=True),
        "size": Item("int64", "Side in pixels of the square that the VAE reads."),
        "resize": Item("text", "How images become squares: stretch or letterbox."),
        "dtype": Item("text", "Arithmetic of the VAE; latents are stored as float32."),
        **ENVIRONMENT,
    },
    datasets={
        **SAMPLES,
        "{view}/posterior": Item(
            "float32",
            "Mean and log variance of the VAE's posterior, one after the other along the channels.",
            "(samples, 2 x latent channels, height, width)",
            optional=True,
        ),
        "{view}/latent": Item(
            "float32",
            "In the posterior's place: the latent itself, of a VAE that has no posterior.",
            "(samples, latent channels, height, width)",
            optional=True,
        ),
    },
)


def encode_images(
    *,
    manifest: str | Path,
    folder: str | Path,
    vae: str | Path,
    views: Sequence[str],
    seed: int,
    size: int,
    resize: str,
    exif: str,
    dtype: str,
    device: str,
    batch_size: int,
    out: str | Path,
) -> None:
    """Write the posterior's mean and log variance of every sample of a manifest (section 4.1, step 1), or its latent.

    What the shard holds is in ``LATENTS``. How often an EXIF orientation was applied or ignored is logged.

    Parameters
    ----------
    exif
        See :func:`semlens.images.reading.read_image`.
    """
    instances = read_table(manifest)
    where = resolve_device(device)
    set_tf32(False)
    encoder = load_vae(vae, device=where, dtype=getattr(torch, dtype))
    attributes = {**describe_scale(encoder), "size": size, "resize": resize, "dtype": dtype}
    environment = describe_environment("encode", describe_device(where), describe_parts({"vae": vae}))
    reader, side = ImageReader(folder, exif), SideStream(where)
    how = {"seed": seed, "size": size, "resize": resize}
    samples = {view: list(iterate_samples(load_view(view), instances)) for view in views}
    names = {view: [sample.id for sample in of_view] for view, of_view in samples.items()}
    batches = split_samples(names, batch_size)
    log.info("encoding %d images on %s", instances["image_id"].nunique(), where)
    encoding = _run_encoder(encoder, samples, batches, reader, how, side)
    with (
        create_shard(out, attributes, environment) as shard,
        closing(read_ahead(encoding, side.depth)) as encoded,
    ):
        for view, ids in names.items():
            write_array(shard, f"{view}/sample_id", ids)
        for batch, kind, values, mark in show_progress(encoded, total=len(batches), what="encode", unit="batch"):
            with side.follow(mark):
                latents = check_latents(values, batch.ids)
            total = len(samples[batch.view])
            write_samples(shard, f"{batch.view}/{kind}", batch.start, latents.numpy(), total=total)
        environment["encode"]["images"] = reader.digest_pixels()
    reader.log_turns()


def _run_encoder(
    encoder: torch.nn.Module,
    samples: Mapping[str, Sequence[Sample]],
    batches: Sequence[Batch],
    reader: ImageReader,
    how: Mapping[str, Any],
    side: SideStream,
) -> Iterator[tuple[Batch, str, torch.Tensor, Any]]:
    """Yield what the VAE makes of each batch, on its device, and the mark at which it is made."""
    for view, in_view in groupby(batches, key=attrgetter("view")):
        of_view = list(in_view)
        squares = read_squares(load_view(view), [samples[view][batch.rows] for batch in of_view], reader, **how)
        for batch, images in zip(of_view, squares, strict=True):
            yield batch, *encode_batch(encoder, images), side.mark()


@torch.inference_mode()
def encode_batch(encoder: torch.nn.Module, images: np.ndarray) -> tuple[str, torch.Tensor]:
    """Return what a VAE makes of images (batch, 3, size, size), on its device, and the dataset that holds it.

    Datasets are those of ``LATENTS``. See :func:`check_latents` for what comes next.
    """
    pixels = copy_to_device(torch.from_numpy(images), encoder.device)
    encoded = encoder.encode(pixels.to(encoder.dtype))
    if hasattr(encoded, "latent_dist"):
        return "posterior", encoded.latent_dist.parameters
    return "latent", encoded.latent


def check_latents(values: torch.Tensor, ids: Sequence[str]) -> torch.Tensor:  # float32, on the host
    """Return what a VAE has made of some samples.

    Raises
    ------
    ValueError
        If it is not finite, naming the samples.
    """
    latents, extremes = copy_to_host([values.float(), torch.stack(torch.aminmax(values))])
    if not extremes.isfinite().all():
        raise ValueError(f"a latent of {', '.join(ids)} is not finite; use dtype: float32 or bfloat16")
    return latents


def describe_scale(encoder: torch.nn.Module) -> dict[str, Any]:
    """Return how latents are scaled for a network: attributes of ``LATENTS``.

    Mean and standard deviation are there where the VAE's configuration says them, as diffusers applies them.
    ``shift_factor`` is a mean that all channels share.
    """
    config = encoder.config
    scale = {"scaling_factor": config.scaling_factor}
    mean, std, shift = (config.get(key) for key in ("latents_mean", "latents_std", "shift_factor"))
    if mean is not None and std is not None:
        return {**scale, "latents_mean": np.array(mean, float), "latents_std": np.array(std, float)}
    if shift:
        return {**scale, "latents_mean": np.full(config.latent_channels, float(shift))}
    return scale
