"""Samples of tokens to artefacts by timestep and layer: massive channels, tokens of high norm, position."""

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.compare.pairs import get_units
from semlens.runtime.logs import log
from semlens.statistics.probes import measure_position
from semlens.storage.shard_reader import open_shard, read_attribute, read_names, read_samples, read_texts
from semlens.storage.table_reader import read_table
from semlens.storage.tables import write_csv

LARGEST = 4  # channels
HIGH_NORM = 3  # times the median
MAX_PROBED = 256  # images

TOKEN_ARTEFACTS = pa.DataFrameSchema(
    {
        "timestep": pa.Column("int64", pa.Check.ge(0), description="Timestep."),
        "layer": pa.Column(str, description="Layer, in forward order."),
        "n_tokens": pa.Column("int64", pa.Check.gt(0), description="Number of sampled tokens."),
        "n_images": pa.Column("int64", pa.Check.gt(0), description="Number of images that they are from."),
        "largest_channels": pa.Column(
            str, description="Numbers of the 4 channels with the largest mean magnitude, largest first."
        ),
        "variance_share": pa.Column(
            "float64",
            pa.Check.in_range(0, 1 + 1e-9),
            nullable=True,
            description="Share of the variance, summed over channels, that is in these channels.",
        ),
        "square_share": pa.Column(
            "float64",
            pa.Check.in_range(0, 1 + 1e-9),
            nullable=True,
            description="Share of the mean square: the same without subtracting the channels' means.",
        ),
        "norm_median": pa.Column("float64", pa.Check.ge(0), description="Median of the tokens' Euclidean norms."),
        "norm_p99": pa.Column("float64", pa.Check.ge(0), description="Their 99th percentile."),
        "norm_max": pa.Column("float64", pa.Check.ge(0), description="Their maximum."),
        "high_norm_share": pa.Column(
            "float64", pa.Check.in_range(0, 1), description="Share of tokens whose norm exceeds 3 medians."
        ),
        "row_r2": pa.Column(
            "float64",
            pa.Check.le(1),
            nullable=True,
            description="How well a ridge probe reads a token's row, of images (videos) that it has not seen: R2.",
        ),
        "column_r2": pa.Column("float64", pa.Check.le(1), nullable=True, description="The same of its column."),
        "position_r2": pa.Column("float64", pa.Check.le(1), nullable=True, description="Mean of both."),
    },
    unique=["timestep", "layer"],
    strict=True,
    coerce=True,
    ordered=True,
)


def measure_tokens(*, tokens: Sequence[str | Path], manifests: Sequence[str | Path], out: str | Path) -> None:
    """Write the artefacts of every timestep and layer of an extraction, one row each, see ``TOKEN_ARTEFACTS``.

    Parameters
    ----------
    tokens
        Shards of one extraction, model and dataset.
    manifests
        Of the same shards: they say which images are frames of one video.

    Raises
    ------
    ValueError
        If a token is not finite.
    """
    rows = []
    with ExitStack() as opened:
        shards = [opened.enter_context(open_shard(path)) for path in tokens]
        shards = [shard for shard in shards if "image_id" in shard]
        units = _find_units(shards, manifests)
        for timestep, layer in _list_passes(shards):
            features, places = _read_tokens(shards, timestep, layer)
            rows.append({"timestep": timestep, "layer": layer, **describe_tokens(features, places, units)})
            log.info("%s, t = %d: %d tokens", layer, timestep, rows[-1]["n_tokens"])
    write_csv(pd.DataFrame(rows, columns=list(TOKEN_ARTEFACTS.columns)), TOKEN_ARTEFACTS, out)


def describe_tokens(features: np.ndarray, places: np.ndarray, units: np.ndarray) -> dict[str, float | int | str]:
    """Return the artefacts of one timestep and layer: a row of ``TOKEN_ARTEFACTS``, but for these two.

    Of more than ``MAX_PROBED`` images, so many at even distances are probed for position.

    Parameters
    ----------
    features
        (images, cells, channels).
    places
        (images, cells, 2): row and column, as shares of the map.
    units
        (images): what is left out together, see :func:`semlens.compare.pairs.get_units`.
    """
    n_images, n_cells, n_channels = features.shape
    tokens = features.reshape(-1, n_channels)
    largest = np.argsort(-np.abs(tokens).mean(axis=0, dtype=np.float64), kind="stable")[:LARGEST]
    squares = np.square(tokens, dtype=np.float64)
    norms = np.sqrt(squares.sum(axis=1))
    probed = np.unique(np.linspace(0, n_images - 1, min(n_images, MAX_PROBED)).round().astype(int))
    row, column = measure_position(
        features[probed].reshape(-1, n_channels), places[probed].reshape(-1, 2), np.repeat(units[probed], n_cells)
    ).r2
    return {
        "n_tokens": len(tokens),
        "n_images": n_images,
        "largest_channels": " ".join(map(str, largest)),
        "variance_share": _share(tokens.var(axis=0, dtype=np.float64), largest),
        "square_share": _share(squares.mean(axis=0), largest),
        "norm_median": np.median(norms),
        "norm_p99": np.quantile(norms, 0.99),
        "norm_max": norms.max(),
        "high_norm_share": (norms > HIGH_NORM * np.median(norms)).mean(),
        "row_r2": row,
        "column_r2": column,
        "position_r2": (row + column) / 2,
    }


def _share(values: np.ndarray, chosen: np.ndarray) -> float:
    return values[chosen].sum() / values.sum() if values.any() else np.nan


def _find_units(shards: Sequence[h5py.File], manifests: Sequence[str | Path]) -> np.ndarray:  # (images)
    images = pd.concat([read_table(path)[["image_id", "video"]] for path in manifests]).drop_duplicates("image_id")
    units = pd.Series(get_units(images).to_numpy(object), index=images["image_id"])
    return units.loc[[name for shard in shards for name in read_texts(shard, "image_id")]].to_numpy(str)


def _read_tokens(shards: Sequence[h5py.File], timestep: int, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Return tokens (images, cells, channels) and their places (images, cells, 2) of all shards."""
    features, places = [], []
    for shard in shards:
        values, *place = (read_samples(shard, f"t{timestep}/{layer}/{name}") for name in ("tokens", "row", "column"))
        if not np.isfinite(values).all():
            raise ValueError(
                f"{shard.filename}: layer {layer} at t = {timestep} is not finite; use dtype: float32 or bfloat16"
            )
        features.append(values)
        places.append(np.stack(place, axis=-1))
    return np.concatenate(features), np.concatenate(places)


def _list_passes(shards: Sequence[h5py.File]) -> list[tuple[int, str]]:
    """Return timesteps, and of each its layers in forward order."""
    if not shards:
        return []
    timesteps = sorted(int(name[1:]) for name in read_names(shards[0]) if name != "image_id")
    return list(product(timesteps, read_attribute(shards[0], "layers")))
