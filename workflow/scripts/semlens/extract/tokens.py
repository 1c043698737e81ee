"""A sample of the tokens of every layer, taken while maps pass by; a token is what a map has at one cell."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import torch

from semlens.extract.passes import Pass
from semlens.images.original import ORIGINAL
from semlens.runtime.ahead import write_behind
from semlens.runtime.devices import copy_to_host
from semlens.storage.environment import Environment
from semlens.storage.shard_writer import ENVIRONMENT, Item, ShardContract, create_shard, write_array, write_samples

MAX_IMAGES = 64  # of a shard; docs/data.md says so, and how many cells
MAX_CELLS = 16  # of a map

_NAMES = ("extraction", "model", "dataset", "layers", "seed")

TOKENS = ShardContract(
    attributes={
        "extraction": Item("text", "Name of the extraction in the configuration."),
        "model": Item("text", "Name of the model in the configuration."),
        "dataset": Item("text", "Name of the dataset in the configuration."),
        "layers": Item("list of text", "The layers that were read, in forward order."),
        "seed": Item("int64", "Of the drawn cells."),
        **ENVIRONMENT,
    },
    datasets={
        "image_id": Item("text", "Ids of the images.", "(images)", optional=True),
        "t{timestep}/{layer}/grid": Item(
            "int64", "Height and width of the layer's map, in cells.", "(2)", optional=True
        ),
        "t{timestep}/{layer}/row": Item(
            "float64", "Where the centres of the drawn cells lie: 0 top, 1 bottom.", "(images, cells)", optional=True
        ),
        "t{timestep}/{layer}/column": Item("float64", "The same from left to right.", "(images, cells)", optional=True),
        "t{timestep}/{layer}/tokens": Item(
            "float32", "What the layer gives out at these cells.", "(images, cells, channels)", optional=True
        ),
    },
)


@contextmanager
def sample_tokens(
    passes: Iterable[Pass],
    out: str | Path | None,
    *,
    samples: Mapping[str, Sequence[str]],
    attributes: Mapping[str, Any],
    environment: Environment,
) -> Iterator[Iterable[Pass]]:
    """Give the same passes, of which a sample of tokens is written as they go by.

    Of the first ``MAX_IMAGES`` images of the original view, each map gives the tokens of ``MAX_CELLS`` cells, drawn
    without replacement, or of all if it has fewer. The draw is seeded by (seed, image, shape of the map): layers of one
    shape give the same cells at every timestep, whatever the batch. A thread writes the tokens of a pass while those
    of the next are gathered, and no more are in memory: batch x cells x channels numbers of each layer. What the shard
    holds is in ``TOKENS``; without the original view, it has attributes alone.

    Parameters
    ----------
    passes
        With maps on any device: tokens are gathered there, and then copied.
    out
        The shard; if None, nothing is sampled.
    samples
        By view, the ids of all samples.
    attributes
        Those of ``TOKENS`` are recorded.
    """
    if out is None:
        yield passes
        return
    images = list(samples.get(ORIGINAL, ()))[:MAX_IMAGES]
    described = {name: attributes[name] for name in _NAMES if name in attributes}
    with create_shard(out, described, environment) as shard:
        if images:
            write_array(shard, "image_id", images)
        draw = cache(partial(_draw_cells, images, attributes["seed"]))
        with write_behind(partial(_write_tokens, shard, len(images), draw)) as write:
            yield _keep_tokens(passes, len(images), draw, write)


class _Tokens(NamedTuple):
    """What layers give out at the drawn cells of images ``start`` onwards."""

    start: int
    timestep: int
    layers: dict[str, tuple[tuple[int, int], np.ndarray]]  # shape of the map; (images, cells, channels)


def _keep_tokens(
    passes: Iterable[Pass], total: int, draw: Callable[..., np.ndarray], write: Callable[[_Tokens], None]
) -> Iterator[Pass]:
    for one in passes:
        batch, timestep, maps = one
        if batch.view == ORIGINAL and batch.start < total:
            shapes = [tuple(values.shape[-2:]) for values in maps.values()]
            cells = [draw(*shape)[batch.start : batch.start + len(batch.ids)] for shape in shapes]
            values = [tokens.numpy() for tokens in copy_to_host(list(map(_gather, maps.values(), cells)))]
            write(_Tokens(batch.start, timestep, dict(zip(maps, zip(shapes, values, strict=True), strict=True))))
        yield one


def _write_tokens(shard: h5py.File, total: int, draw: Callable[..., np.ndarray], tokens: _Tokens) -> None:
    for layer, ((height, width), values) in tokens.layers.items():
        group = f"t{tokens.timestep}/{layer}"
        if group not in shard:
            cells = draw(height, width)
            write_array(shard, f"{group}/grid", [height, width])
            write_array(shard, f"{group}/row", (cells // width + 0.5) / height)
            write_array(shard, f"{group}/column", (cells % width + 0.5) / width)
        write_samples(shard, f"{group}/tokens", tokens.start, values, total=total)


def _gather(maps: torch.Tensor, cells: np.ndarray) -> torch.Tensor:  # (images, cells, channels) float32
    """Return what the first maps have at their cells, map by map, which torch does in this thread alone."""
    places = torch.from_numpy(cells).to(maps.device)
    chosen = [one.flatten(1).index_select(1, of_one) for one, of_one in zip(maps, places, strict=False)]
    return torch.stack([values.T.float() for values in chosen])


def _draw_cells(images: Sequence[str], seed: int, height: int, width: int) -> np.ndarray:  # (images, cells) int64
    """Return cells of each image's maps of this shape, rising."""
    return np.stack([_draw_cells_of(f"{seed}/{ORIGINAL}/{name}/tokens", height, width) for name in images])


def _draw_cells_of(key: str, height: int, width: int) -> np.ndarray:  # (cells) int64
    number = int.from_bytes(hashlib.sha256(f"{key}/{height}x{width}".encode()).digest()[:8], "big")
    n_cells = height * width
    return np.sort(np.random.default_rng(number).choice(n_cells, min(MAX_CELLS, n_cells), replace=False))
