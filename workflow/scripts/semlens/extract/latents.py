"""Images to VAE latents and prompts to text embeddings: what is computed once and read many times."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semlens.extract.squares import ImageReader, read_squares
from semlens.images.samples import iterate_samples
from semlens.images.views import load_view
from semlens.models.loading import load_vae
from semlens.models.optimizations import use_tf32
from semlens.models.part_hashes import describe_parts
from semlens.runtime.devices import describe_device, resolve_device
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
    log.info("encoding %d images on %s", instances["image_id"].nunique(), where)
    encoder = load_vae(vae, device=where, dtype=getattr(torch, dtype))
    attributes = {**describe_scale(encoder), "size": size, "resize": resize, "dtype": dtype}
    environment = describe_environment("encode", describe_device(where), describe_parts({"vae": vae}))
    reader = ImageReader(folder, exif)
    with create_shard(out, attributes, environment) as shard:
        for view in map(load_view, views):
            samples = list(iterate_samples(view, instances))
            write_array(shard, f"{view.name}/sample_id", [sample.id for sample in samples])
            batches = [samples[start : start + batch_size] for start in range(0, len(samples), batch_size)]
            squares = read_squares(view, batches, reader, seed=seed, size=size, resize=resize)
            pairs = zip(batches, squares, strict=True)
            start = 0
            for batch, images in show_progress(pairs, total=len(batches), what=f"encode {view.name}", unit="batch"):
                name, encoded = encode_batch(encoder, images, [sample.id for sample in batch])
                write_samples(shard, f"{view.name}/{name}", start, encoded.numpy(), total=len(samples))
                start += len(batch)
        environment["encode"]["images"] = reader.digest_pixels()
    reader.log_turns()


@torch.inference_mode()
@use_tf32(False)
def encode_batch(
    encoder: torch.nn.Module, images: np.ndarray, ids: Sequence[str]
) -> tuple[str, torch.Tensor]:  # (batch, channels, height, width) float32, on the host
    """Return what a VAE makes of images (batch, 3, size, size), and the dataset of ``LATENTS`` that holds it.

    Raises
    ------
    ValueError
        If it is not finite, naming the samples.
    """
    encoded = encoder.encode(torch.from_numpy(images).to(encoder.device, encoder.dtype))
    has_posterior = hasattr(encoded, "latent_dist")
    values = encoded.latent_dist.parameters if has_posterior else encoded.latent
    if not values.isfinite().all():
        raise ValueError(f"a latent of {', '.join(ids)} is not finite; use dtype: float32 or bfloat16")
    return "posterior" if has_posterior else "latent", values.float().cpu()


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
