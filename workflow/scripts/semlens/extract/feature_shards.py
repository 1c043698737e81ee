"""Features of all layers to a shard of maps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from semlens.extract.features import FeatureExtractor
from semlens.extract.tokens import sample_tokens
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


def _to_storable(features: torch.Tensor, what: str, ids: Sequence[str]) -> np.ndarray:
    """Return features on the host, in half precision if computed so; bfloat16, which HDF5 lacks, becomes float32."""
    values = features.float() if features.dtype == torch.bfloat16 else features
    if not values.isfinite().all():
        raise ValueError(f"{what} is not finite for a sample of {', '.join(ids)}; use dtype: float32 or bfloat16")
    return values.cpu().numpy()
