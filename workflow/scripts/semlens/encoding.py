"""Images to VAE latents and prompts to text embeddings: what is computed once and read many times."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from semlens import images, models, shards
from semlens.datasets import image_path
from semlens.logs import log, progress


def encode_images(
    *,
    manifest: str | Path,
    folder: str | Path,
    vae: str | Path,
    views: Sequence[str],
    size: int,
    dtype: str,
    device: str,
    batch_size: int,
    out: str | Path,
) -> None:
    """Write the posterior's mean and log variance of every image of a manifest (section 4.1, step 1).

    The shard holds, per view, ``moments`` (N, 2 x latent channels, height, width) and ``sample_id`` (N).
    """
    pictures = pd.read_parquet(manifest, columns=["image_id", "file", "width", "height"]).drop_duplicates("image_id")
    where = models.device(device)
    log.info("encoding %d images on %s", len(pictures), where)
    encoder = models.load_vae(vae, device=where, dtype=getattr(torch, dtype))
    attributes = {"scaling_factor": encoder.config.scaling_factor, "size": size, "dtype": dtype}
    with shards.create(out, attributes) as shard, torch.inference_mode():
        for view in views:
            shard[f"{view}/sample_id"] = list(pictures["image_id"])
            starts = range(0, len(pictures), batch_size)
            for start in progress(starts, total=len(starts), what=f"encode {view}", unit="batch"):
                batch = [
                    images.squash(images.load(image_path(folder, row.file), width=row.width, height=row.height), size)
                    for row in pictures.iloc[start : start + batch_size].itertuples()
                ]
                pixels = torch.from_numpy(np.stack(batch)).to(where, encoder.dtype)  # (batch, 3, size, size)
                moments = encoder.encode(pixels).latent_dist.parameters
                shards.put(shard, f"{view}/moments", start, moments.float().cpu().numpy(), total=len(pictures))


def encode_prompt(*, prompt: str, tokenizer: str | Path, text_encoder: str | Path, out: str | Path) -> None:
    """Write a prompt's text embedding (tokens, width)."""
    embedding = models.embed(prompt, tokenizer=tokenizer, text_encoder=text_encoder)
    with shards.create(out, {"prompt": prompt}) as shard:
        shard["embedding"] = embedding.numpy()
    log.info("prompt %r: %d tokens of width %d", prompt, *embedding.shape)
