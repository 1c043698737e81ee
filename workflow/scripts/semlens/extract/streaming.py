"""Latents to object prototypes: feature maps are pooled as the network makes them, and kept nowhere."""

from collections.abc import Sequence
from pathlib import Path

from semlens.extract.features import FeatureExtractor
from semlens.extract.prototypes import list_pooled_layers, plan_columns, write_prototypes
from semlens.extract.tokens import sample_tokens


def extract_prototypes(
    extractor: FeatureExtractor,
    *,
    manifest: str | Path,
    layer_sets: Sequence[str],
    resize: str,
    mask: str,
    seed: int,
    out: str | Path,
    tokens: str | Path | None = None,
) -> None:
    """Write the prototype of every instance, view and timestep, as ``write_prototypes`` does.

    They are those that ``pool_prototypes`` finds in the features that ``extract_features`` writes, but for the order in
    which float32 numbers are added. The network runs no further than the layer sets need.

    Parameters
    ----------
    tokens
        Where a sample of tokens is written, see :func:`semlens.extract.tokens.sample_tokens`; by default nowhere.

    Raises
    ------
    ValueError
        If the extractor has no layer of a layer set, or a prototype is not finite.
    """
    grids = {layer.name: layer.grid for layer in extractor.layers}
    columns = plan_columns(layer_sets, grids, extractor.attributes["extraction"])
    pooled = list_pooled_layers(columns)
    layers = [layer for layer in extractor.layers if layer.name in pooled]
    with sample_tokens(
        extractor.iterate_passes(layers),
        tokens,
        samples=extractor.samples,
        attributes={**extractor.attributes, "layers": [layer.name for layer in layers]},
        environment=extractor.environment,
    ) as passes:
        write_prototypes(
            passes,
            extractor.batches,
            columns,
            grids,
            environment=extractor.environment,
            manifest=manifest,
            resize=resize,
            mask=mask,
            seed=seed,
            out=out,
            device=extractor.device,
        )
