"""Latents to object prototypes: features are pooled where the U-Net makes them, and kept nowhere."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from semlens.extract.features import FeatureExtractor
from semlens.extract.prototypes import list_pooled_layers, plan_columns, write_prototypes
from semlens.storage.shards import list_versions


def extract_prototypes(
    reader: FeatureExtractor,
    *,
    manifest: str | Path,
    layer_sets: Sequence[str],
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
    columns = plan_columns(layer_sets, list(there), reader.attributes["extraction"])
    batches = reader.batches([layer for name, layer in there.items() if name in list_pooled_layers(columns)])
    how = {"resize": resize, "mask": mask, "seed": seed, "versions": list_versions()}
    write_prototypes(batches, columns, _average, manifest=manifest, **how, out=out)


def _average(weights: np.ndarray, features: torch.Tensor) -> np.ndarray:  # (instances, channels) float32
    return (torch.from_numpy(weights).to(features.device) @ features.float().flatten(1).T).cpu().numpy()
