"""Prototypes to labelled distances, condition by condition of an experiment."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from semlens.distances import pairwise
from semlens.logs import log, progress
from semlens.prototypes import FEATURE_SETS
from semlens.relations import SETS, across_views, among, at_offset
from semlens.tables import check, whole

DISTANCES = pa.DataFrameSchema(
    {
        "condition": pa.Column("category"),
        "set": pa.Column("category", pa.Check.isin(SETS)),
        "i": pa.Column("int32", pa.Check.ge(0)),
        "j": pa.Column("int32", pa.Check.ge(0)),
        "distance": pa.Column("float32"),
    },
    strict=True,
    ordered=True,
)
INSTANCES = b"instances"  # metadata: the instance of every row that ``i`` and ``j`` count
_LABEL = arrow.dictionary(arrow.int16(), arrow.string())
_SCHEMA = arrow.schema(
    [("condition", _LABEL), ("set", _LABEL), ("i", arrow.int32()), ("j", arrow.int32()), ("distance", arrow.float32())]
)


def compare(
    *,
    prototypes: Sequence[str | Path],
    conditions: Sequence[dict[str, Any]],
    sets: Sequence[str],
    reference: str,
    out: str | Path,
) -> None:
    """Write the distance of every pair of every set, sorted by condition and set (section 4.2).

    Parameters
    ----------
    prototypes
        Shards of one dataset. ``i`` and ``j`` are row numbers of their concatenation, in this order; the file's
        metadata names the instance of each.
    conditions
        Each names a ``view``, ``timestep``, feature set, ``metric`` and ``offset`` (null where frames do not matter).
    reference
        What frames at an offset are compared with, see :func:`semlens.relations.at_offset`.
    """
    parts = [_Shard(path) for path in prototypes]
    starts = np.cumsum([0] + [len(part.rows) for part in parts])
    names = [condition["name"] for condition in conditions]
    instances = [name for part in parts for name in part.rows["instance_id"]]
    schema = _SCHEMA.with_metadata({INSTANCES: json.dumps(instances).encode()})
    with whole(out) as file, parquet.ParquetWriter(file, schema) as writer:
        for condition in progress(conditions, total=len(conditions), what="compare", unit="condition"):
            rows, vectors = _seen(parts, starts, {**condition, "view": "identity"})
            if condition["view"] != "identity":
                transformed, more = _seen(parts, starts, condition)
                pairs = across_views(rows, transformed)
                rows, vectors = pd.concat([rows, transformed]), np.vstack([vectors, more])
            elif condition["offset"] is not None:
                pairs = at_offset(rows, condition["offset"], reference)
            else:
                pairs = among(rows)
            matrix = pairwise(vectors, condition["metric"])
            number = rows.index.to_numpy(np.int32)
            for name in sets:
                i, j = pairs[name]
                frame = pd.DataFrame(
                    {
                        "condition": pd.Categorical.from_codes(np.full(len(i), names.index(condition["name"])), names),
                        "set": pd.Categorical.from_codes(np.full(len(i), sets.index(name)), list(sets)),
                        "i": number[i],
                        "j": number[j],
                        "distance": matrix[i, j].astype(np.float32),
                    }
                )
                table = arrow.Table.from_pandas(check(frame, DISTANCES, out), preserve_index=False)
                writer.write_table(table.cast(schema))
            counts = ", ".join(f"{name} {len(pairs[name][0])}" for name in sets)
            log.info("%s: %d prototypes of %d dimensions; pairs: %s", condition["name"], *vectors.shape, counts)


class _Shard:
    """One prototypes shard: its rows in memory, its vectors read when asked for."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        schema = parquet.read_schema(path)
        self.feature_sets: dict[str, list[str]] = json.loads(schema.metadata[FEATURE_SETS])
        scalars = [field.name for field in schema if not arrow.types.is_fixed_size_list(field.type)]
        self.rows = pd.read_parquet(path, columns=scalars)

    def vectors(self, feature_set: str) -> np.ndarray:  # (rows, dimensions) float32
        columns = self.feature_sets[feature_set]
        table = parquet.read_table(self._path, columns=columns).combine_chunks()
        return np.hstack(
            [table[column].combine_chunks().flatten().to_numpy().reshape(len(table), -1) for column in columns]
        )


def _seen(parts: Sequence[_Shard], starts: np.ndarray, condition: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """The condition's rows, indexed by row number, and their vectors."""
    rows, vectors = [], []
    for part, start in zip(parts, starts, strict=False):
        seen = (part.rows["view"] == condition["view"]) & (part.rows["timestep"] == condition["timestep"])
        if condition["features"] in part.feature_sets and seen.any():
            rows.append(part.rows[seen].set_axis(start + np.flatnonzero(seen)))
            vectors.append(part.vectors(condition["features"])[seen])
    if not rows:
        raise ValueError(
            f"condition {condition['name']!r}: no capture of the experiment holds features {condition['features']!r} "
            f"of view {condition['view']!r} at t = {condition['timestep']}"
        )
    rows = pd.concat(rows)
    if rows.duplicated("instance_id").any():
        raise ValueError(f"condition {condition['name']!r}: several captures hold the same instances; name one of them")
    return rows, np.vstack(vectors)
