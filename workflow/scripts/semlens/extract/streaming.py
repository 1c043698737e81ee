"""Latents to object prototypes: feature maps are pooled as the network makes them, and kept nowhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from pathlib import Path

import numpy as np
import torch

from semlens.extract.features import FeatureExtractor
from semlens.extract.passes import Pass
from semlens.extract.pooling import HostPooling
from semlens.extract.prototypes import list_pooled_layers, plan_columns, write_prototypes
from semlens.extract.tokens import sample_tokens
from semlens.runtime.devices import copy_to_device, copy_to_host


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
    on_host = extractor.device.type == "cpu"
    with (
        HostPooling() if on_host else nullcontext(DevicePooling(extractor.device)) as pooling,
        closing(extractor.iterate_passes(layers)) as read,
        sample_tokens(
            read,
            tokens,
            samples=extractor.samples,
            attributes={**extractor.attributes, "layers": [layer.name for layer in layers]},
            environment=extractor.environment,
        ) as passes,
    ):
        write_prototypes(
            _to_arrays(passes) if on_host else passes,
            extractor.batches,
            columns,
            grids,
            environment=extractor.environment,
            manifest=manifest,
            resize=resize,
            mask=mask,
            seed=seed,
            out=out,
            pooling=pooling,
        )


class DevicePooling:
    """Means of tensors on their device, see :class:`semlens.extract.pooling.Pooling`."""

    depth = 0

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def place(self, shares: np.ndarray, ends: Sequence[int]) -> list[torch.Tensor]:
        """Return shares of each sample on the device."""
        return list(copy_to_device(torch.from_numpy(shares), self._device).split(np.diff(ends).tolist()))

    def average(
        self,
        shares: Mapping[str, Sequence[list[torch.Tensor]]],
        ends: Sequence[int],
        maps: Mapping[str, Sequence[torch.Tensor]],
    ) -> list[torch.Tensor]:
        """Return means on the device."""
        means = []
        for layer, grids in shares.items():
            cells = [features.float().flatten(1).T for features in maps[layer]]
            means += [torch.cat([one @ of for one, of in zip(of_grid, cells, strict=True)]) for of_grid in grids]
        return means

    def fetch(self, means: Sequence[torch.Tensor]) -> list[np.ndarray]:
        """Return means on the host, which waits once for all of them, in memory that is not locked."""
        return [of_grid.numpy().copy() for of_grid in copy_to_host(means)]


def _to_arrays(passes: Iterable[Pass]) -> Iterator[Pass]:
    """Yield passes whose maps are arrays; of bfloat16, which numpy lacks, they become float32."""
    for one in passes:
        maps = {
            layer: (maps.float() if maps.dtype == torch.bfloat16 else maps).numpy() for layer, maps in one.maps.items()
        }
        yield one._replace(maps=maps)
