"""TODO."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from semlens.extract.prototypes import LAYER_SETS
from semlens.runtime.files import quarantine_if_corrupt


class PrototypeShard:
    """One prototypes shard: its rows in memory, its vectors read when asked for."""

    def __init__(self, path: str | Path, start: int) -> None:
        """Number the rows from ``start`` on."""
        self._path = path
        with quarantine_if_corrupt(path):
            schema = parquet.read_schema(path)
            vectors = {field.name: field.type for field in schema if arrow.types.is_fixed_size_list(field.type)}
            rows = pd.read_parquet(path, columns=[name for name in schema.names if name not in vectors])
        self.layer_sets: dict[str, list[str]] = json.loads(schema.metadata[LAYER_SETS])
        self.rows = rows.set_axis(pd.RangeIndex(start, start + len(rows)))
        self._start = start
        self._widths = {name: kind.list_size for name, kind in vectors.items()}

    def dimensions(self, layer_set: str) -> int:
        return sum(self._widths[column] for column in self.layer_sets[layer_set])

    def read(self, layer_set: str, numbers: np.ndarray, out: np.ndarray) -> None:
        """Put the vectors of the rows of these numbers into ``out``, (numbers, dimensions)."""
        at = 0
        for column in self.layer_sets[layer_set]:
            with quarantine_if_corrupt(self._path):
                values = parquet.read_table(self._path, columns=[column])[column].combine_chunks().flatten().to_numpy()
            width = self._widths[column]
            out[:, at : at + width] = values.reshape(-1, width)[numbers - self._start]
            at += width


def open_prototypes(paths: Iterable[str | Path]) -> list[PrototypeShard]:
    """Return shards whose rows are numbered through, in this order."""
    parts: list[PrototypeShard] = []
    for path in paths:
        parts.append(PrototypeShard(path, sum(len(part.rows) for part in parts)))
    return parts


def load_prototypes(
    parts: Sequence[PrototypeShard],
    condition: dict[str, Any],
    choose: Callable[[pd.DataFrame], np.ndarray] | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows that a condition's view and timestep show, and their vectors (rows, dimensions) float32.

    No more is held than these vectors, and those of one layer of one shard.

    Parameters
    ----------
    choose
        Of all such rows: the places, rising, of those that are wanted.

    Raises
    ------
    ValueError
        If no shard holds such features, or several hold the same instances.
    """
    layer_set = condition["layers"]
    holding = [part for part in parts if layer_set in part.layer_sets]
    seen = [
        part.rows[(part.rows["view"] == condition["view"]) & (part.rows["timestep"] == condition["timestep"])]
        for part in holding
    ]
    if not any(map(len, seen)):
        raise ValueError(
            f"condition {condition['name']!r}: no capture of the experiment holds layers {layer_set!r} "
            f"of view {condition['view']!r} at t = {condition['timestep']}"
        )
    rows = pd.concat(seen)
    if rows.duplicated("instance_id").any():
        raise ValueError(
            f"condition {condition['name']!r}: several extractions hold the same instances; name one of them"
        )
    if choose is not None:
        rows = rows.iloc[choose(rows)]
    numbers = rows.index.to_numpy()
    vectors = np.empty((len(rows), holding[0].dimensions(layer_set)), np.float32)
    for part in holding:
        first, last = np.searchsorted(numbers, [part.rows.index.start, part.rows.index.stop])
        if first < last:
            part.read(layer_set, numbers[first:last], vectors[first:last])
    return rows, vectors
