"""Features of all layers to a shard of maps."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import torch

from semlens.extract.features import FeatureExtractor
from semlens.extract.passes import Pass
from semlens.extract.tokens import sample_tokens
from semlens.runtime.ahead import Buffers, read_ahead
from semlens.runtime.devices import copy_to_host
from semlens.storage.fletcher import BYTES, seal_chunk
from semlens.storage.shard_writer import (
    ENVIRONMENT,
    SAMPLES,
    Item,
    Sealed,
    ShardContract,
    create_shard,
    write_array,
    write_samples,
)

_DEPTH = 2  # of what is ready to be written
_BYTES_AT_ONCE = 8_000_000  # that are handed over, or one map that is larger

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
        "dtype": Item("text", "Arithmetic of the network; bfloat16 is stored as float32, or as float16."),
        "optimizations": Item("text", "How the network was made faster; nothing, or several with commas between."),
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


def extract_features(
    extractor: FeatureExtractor, *, out: str | Path, tokens: str | Path | None = None, half: bool = False
) -> None:
    """Write the feature maps of all layers.

    What the shard holds is in ``FEATURES``.

    Parameters
    ----------
    tokens
        Where a sample of tokens is written, see :func:`semlens.extract.tokens.sample_tokens`; by default nowhere.
    half
        Whether maps are stored in half precision, whatever that of the network.

    Raises
    ------
    ValueError
        If a feature is not finite, or too large for half precision.
    """
    with (
        closing(extractor.iterate_passes(extractor.layers)) as read,
        sample_tokens(
            read,
            tokens,
            samples=extractor.samples,
            attributes=extractor.attributes,
            environment=extractor.environment,
        ) as passes,
        create_shard(out, extractor.attributes, extractor.environment) as shard,
        closing(read_ahead(_seal_maps(passes, half), _DEPTH)) as ready,
    ):
        for view, ids in extractor.samples.items():
            write_array(shard, f"{view}/sample_id", ids)
        for view, timestep, layer, place, sealed in ready:
            write_samples(shard, f"{view}/t{timestep}/{layer}", place, sealed, total=len(extractor.samples[view]))


def _seal_maps(passes: Iterable[Pass], half: bool) -> Iterator[tuple[str, int, str, int, Sealed]]:
    """Yield maps, ready to be written: view, timestep, layer, place of the first, and maps.

    Where they are not to be half precision, bfloat16, which HDF5 lacks, becomes float32.
    """
    buffers = Buffers(_DEPTH + 1)
    for batch, timestep, maps in passes:
        values = [
            of_layer.half() if half else of_layer.float() if of_layer.dtype == torch.bfloat16 else of_layer
            for of_layer in maps.values()
        ]
        extremes = [torch.stack(torch.aminmax(of_layer)) for of_layer in values]  # not finite if any value is not
        on_host = copy_to_host([*values, *extremes])
        for layer, of_layer, extreme in zip(maps, on_host, on_host[len(values) :], strict=False):
            if not extreme.isfinite().all():
                way_out = (
                    "keep: maps, if the network's own numbers are finite" if half else "dtype: float32 or bfloat16"
                )
                raise ValueError(
                    f"layer {layer} at t = {timestep} is not finite for a sample of {', '.join(batch.ids)}; "
                    f"use {way_out}"
                )
            samples = of_layer.numpy()
            step = max(1, _BYTES_AT_ONCE // samples[0].nbytes)
            for start in range(0, len(samples), step):
                some = samples[start : start + step]
                chunks = buffers.take("chunks", some.nbytes + len(some) * BYTES).reshape(len(some), -1)
                for sample, chunk in zip(some, chunks, strict=True):
                    seal_chunk(sample, chunk)
                yield batch.view, timestep, layer, batch.start + start, Sealed(chunks, some.shape[1:], some.dtype)
