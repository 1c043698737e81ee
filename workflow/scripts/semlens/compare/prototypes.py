"""Prototype shards as the stages after pooling read them."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow

from semlens.compare.channels import choose_treatment
from semlens.storage.prototype_keys import LAYER_SETS
from semlens.storage.table_reader import read_arrow, read_schema, read_table


class PrototypeShard:
    """One shard of prototypes: its rows are in memory, its vectors are read on demand.

    Attributes
    ----------
    rows
        What the shard says of each prototype, indexed by row number.
    layer_sets
        The columns of vectors that each layer set concatenates.
    """

    def __init__(self, path: str | Path, start: int) -> None:
        """Number the rows from ``start`` on."""
        self._path = path
        schema = read_schema(path)
        vectors = {field.name: field.type for field in schema if arrow.types.is_fixed_size_list(field.type)}
        rows = read_table(path, [name for name in schema.names if name not in vectors])
        self.layer_sets: dict[str, list[str]] = json.loads(schema.metadata[LAYER_SETS])
        self.rows = rows.set_axis(pd.RangeIndex(start, start + len(rows)))
        self._start = start
        self._widths = {name: kind.list_size for name, kind in vectors.items()}

    def count_dimensions(self, layer_set: str) -> int:
        """Return the length of a layer set's vectors."""
        return sum(self._widths[column] for column in self.layer_sets[layer_set])

    def iterate_columns(self, layer_set: str, numbers: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each column of a layer set with the vectors of the rows of these numbers, (numbers, channels)."""
        for column in self.layer_sets[layer_set]:
            values = read_arrow(self._path, [column])[column].combine_chunks().flatten().to_numpy()
            yield column, values.reshape(-1, self._widths[column])[numbers - self._start]


def open_prototypes(paths: Iterable[str | Path]) -> list[PrototypeShard]:
    """Return shards whose rows are numbered from the first shard to the last."""
    shards: list[PrototypeShard] = []
    for path in paths:
        shards.append(PrototypeShard(path, sum(len(shard.rows) for shard in shards)))
    return shards


def list_rows(shards: Sequence[PrototypeShard], condition: dict[str, Any]) -> pd.DataFrame:
    """Return the rows of a condition, indexed by their number; parameters and errors are :func:`load_prototypes`'s."""
    layer_set = condition["layers"]
    tables = [
        shard.rows[(shard.rows["view"] == condition["view"]) & (shard.rows["timestep"] == condition["timestep"])]
        for shard in shards
        if layer_set in shard.layer_sets
    ]
    if not any(map(len, tables)):
        raise ValueError(
            f"condition {condition['name']!r}: no extraction of the experiment holds layers {layer_set!r} "
            f"of view {condition['view']!r} at t = {condition['timestep']}"
        )
    rows = pd.concat(tables)
    if rows.duplicated("instance_id").any():
        raise ValueError(
            f"condition {condition['name']!r}: several extractions hold the same instances; name one of them"
        )
    return rows


def load_prototypes(
    shards: Sequence[PrototypeShard],
    condition: dict[str, Any],
    choose: Callable[[pd.DataFrame], np.ndarray] | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of a condition, and their vectors (rows, dimensions) float32.

    Memory holds these vectors, and those of one layer of one shard.

    Parameters
    ----------
    condition
        Its ``name``, ``view``, ``timestep`` and layer set (``layers``); perhaps what is done to channels, see
        :func:`semlens.compare.channels.choose_treatment`.
    choose
        Takes all rows of the condition and returns the positions of those that are wanted, in rising order.

    Raises
    ------
    ValueError
        If no shard holds the condition's prototypes, or several hold the same instances.
    """
    rows = list_rows(shards, condition)
    layer_set = condition["layers"]
    shards = [shard for shard in shards if layer_set in shard.layer_sets]
    if choose is not None:
        rows = rows.iloc[choose(rows)]
    numbers = rows.index.to_numpy()
    is_treated = condition.get("discard_channels") or condition.get("standardize_channels")
    treatment = choose_treatment(shards, condition) if is_treated else None
    width = len(treatment.list_names()) if treatment else shards[0].count_dimensions(layer_set)
    vectors = np.empty((len(rows), width), np.float32)
    for shard in shards:
        top, bottom = np.searchsorted(numbers, [shard.rows.index.start, shard.rows.index.stop])
        left = 0
        if top == bottom:
            continue
        for place, (_, values) in enumerate(shard.iterate_columns(layer_set, numbers[top:bottom])):
            kept = treatment.apply(place, values) if treatment else values
            vectors[top:bottom, left : left + kept.shape[1]] = kept
            left += kept.shape[1]
    return rows, vectors
