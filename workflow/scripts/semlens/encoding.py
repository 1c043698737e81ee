"""Images to VAE latents and prompts to text embeddings: what is computed once and read many times."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import torch

from semlens import images, models, shards
from semlens import views as transform
from semlens.datasets import image_path
from semlens.devices import choose
from semlens.files import readable
from semlens.logs import log, progress

Encoders = Sequence[tuple[str | Path, str | Path]]  # folders of tokenizer and text encoder, see models.embed


def encode_images(
    *,
    manifest: str | Path,
    folder: str | Path,
    vae: str | Path,
    views: Sequence[str],
    seed: int,
    size: int,
    resize: str,
    dtype: str,
    device: str,
    batch_size: int,
    out: str | Path,
) -> None:
    """Write the posterior's mean and log variance of every sample of a manifest (section 4.1, step 1).

    The shard holds, per view, ``moments`` (N, 2 x latent channels, height, width) and ``sample_id`` (N): an image,
    or an instance where the view crops around one.
    """
    with readable(manifest):
        instances = pd.read_parquet(manifest)
    where = choose(device)
    log.info("encoding %d images on %s", instances["image_id"].nunique(), where)
    encoder = models.load_vae(vae, device=where, dtype=getattr(torch, dtype))
    attributes = {"scaling_factor": encoder.config.scaling_factor, "size": size, "resize": resize, "dtype": dtype}
    with shards.create(out, attributes) as shard, torch.inference_mode():
        for view in views:
            samples = list(transform.samples(view, instances))
            shard[f"{view}/sample_id"] = [sample.id for sample in samples]
            batches = [samples[start : start + batch_size] for start in range(0, len(samples), batch_size)]
            squares = _read_ahead(view, batches, folder, seed=seed, size=size, resize=resize)
            pairs = zip(batches, squares, strict=True)
            start = 0
            for batch, pictures in progress(pairs, total=len(batches), what=f"encode {view}", unit="batch"):
                pixels = torch.from_numpy(pictures).to(where, encoder.dtype)
                moments = encoder.encode(pixels).latent_dist.parameters
                if not moments.isfinite().all():
                    ids = ", ".join(sample.id for sample in batch)
                    raise ValueError(f"a latent of {ids} is not finite; use dtype: float32 or bfloat16")
                shards.put(shard, f"{view}/moments", start, moments.float().cpu().numpy(), total=len(samples))
                start += len(batch)


def encode_prompt(*, prompt: str, encoders: Encoders, out: str | Path) -> None:
    """Write a prompt's text embedding, ``embedding`` (1, tokens, width), and ``pooled`` (1, width) for SDXL."""
    with shards.create(out, {"prompt": prompt}) as shard:
        _embed([prompt], encoders, shard)
        log.info("prompt %r: %d tokens of width %d", prompt, *shard["embedding"].shape[1:])


def encode_template(
    *,
    template: str,
    manifest: str | Path,
    views: Sequence[str],
    encoders: Encoders,
    out: str | Path,
) -> None:
    """Write the text embeddings of a prompt that names what each sample shows.

    ``{classes}`` becomes the classes of the sample's instances, in alphabetical order, joined by "and". The shard
    holds ``embedding`` (texts, tokens, width), ``pooled`` (texts, width) for SDXL, and per view ``text`` (N): the text
    of each of its samples.
    """
    with readable(manifest):
        instances = pd.read_parquet(manifest)
    texts = {
        view: [
            template.replace("{classes}", " and ".join(sorted(set(sample.instances["category"]))))
            for sample in transform.samples(view, instances)
        ]
        for view in views
    }
    different = sorted(set(chain.from_iterable(texts.values())))
    with shards.create(out, {"prompt": template, "texts": different}) as shard:
        _embed(different, encoders, shard)
        for view in views:
            shard[f"{view}/text"] = [different.index(text) for text in texts[view]]
    log.info("prompt %r: %d texts, such as %r", template, len(different), different[0])


def _embed(texts: Sequence[str], encoders: Encoders, shard: h5py.File) -> None:
    embedding, pooled = models.embed(texts, encoders)
    shard["embedding"] = embedding.numpy()
    if pooled is not None:
        shard["pooled"] = pooled.numpy()


def _read_ahead(
    view: str, batches: Sequence[Sequence[transform.Sample]], folder: str | Path, **how: Any
) -> Iterator[np.ndarray]:  # (batch, 3, size, size)
    """The pictures of each batch; while one is encoded, threads read the next."""
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:

        def read(batch: Sequence[transform.Sample]) -> list[Future]:
            return [pool.submit(_square, view, sample, folder, **how) for sample in batch]

        coming = read(batches[0])
        for batch in [*batches[1:], []]:
            ready, coming = coming, read(batch)
            yield np.stack([square.result() for square in ready])


def _square(view: str, sample: transform.Sample, folder: str | Path, **how: Any) -> np.ndarray:  # (3, size, size)
    first = sample.instances.iloc[0]
    picture = images.load(image_path(folder, first["file"]), width=first["width"], height=first["height"])
    return images.seen(view, picture, first, **how)
