"""Latents to object prototypes: features are pooled where the U-Net makes them, and kept nowhere."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from semlens import prototypes, shards
from semlens.extraction import Reader


def extract(
    reader: Reader,
    *,
    manifest: str | Path,
    feature_sets: Sequence[str],
    resize: str,
    mask: str,
    seed: int,
    out: str | Path,
) -> None:
    """Write the prototype of every instance, view and timestep that a U-Net reads; see :func:`prototypes.write`.

    They are those that :func:`prototypes.pool` finds in the features that :func:`extraction.extract` writes, but for
    the order in which float32 numbers are added. The U-Net runs no further than the feature sets need.

    Raises
    ------
    ValueError
        If the reader has no layer of a feature set, or a prototype is not finite.
    """
    there = {layer.name: layer for layer in reader.layers}
    columns = prototypes.feature_columns(feature_sets, list(there), reader.attributes["capture"])
    batches = reader.batches([layer for name, layer in there.items() if name in prototypes.layers_of(columns)])
    how = {"resize": resize, "mask": mask, "seed": seed, "versions": shards.versions()}
    prototypes.write(batches, columns, _mean, manifest=manifest, **how, out=out)


def _mean(weights: np.ndarray, features: torch.Tensor) -> np.ndarray:  # (instances, channels) float32
    return (torch.from_numpy(weights).to(features.device) @ features.float().flatten(1).T).cpu().numpy()
