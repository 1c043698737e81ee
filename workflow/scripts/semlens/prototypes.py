"""Features and masks to object prototypes: one vector per instance."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from semlens import masks, shards
from semlens.layers import grid, members
from semlens.logs import log, progress
from semlens.tables import PROTOTYPES, check, whole

FEATURE_SETS = b"feature_sets"


def pool(*, features: str | Path, manifest: str | Path, feature_sets: Sequence[str], out: str | Path) -> None:
    """Write the prototype of every instance, view and timestep of a features shard (section 4.1, steps 3 to 5).

    The prototype of a feature set is the concatenation of one masked mean per layer. A layer is pooled with the
    mask at the set's largest grid, so it has one column ``{layer}@{grid}`` per such grid. The mask is taken at
    each cell's centre; where that leaves nothing, cells count by the area covered and ``fallback@{grid}`` is true.
    ``cells@{grid}`` is the number of cells that count.
    """
    instances = pd.read_parquet(manifest)
    with shards.opened(features) as shard:
        columns = feature_columns(feature_sets, list(shard.attrs["layers"]), shard.attrs["capture"])
        wanted = sorted({column for set_columns in columns.values() for column in set_columns})
        passes = [(view, timestep) for view in shard for timestep in shard[view] if timestep != "sample_id"]
        samples = {view: shards.texts(shard, f"{view}/sample_id") for view in shard}
        of_image = dict(list(instances.groupby("image_id", sort=False)))
        weights = {
            image: Weights(of_image[image], wanted)
            for image in progress(of_image, total=len(of_image), what="masks", unit="image")
        }
        tables = []
        for view, timestep in passes:
            pooled = {column: [] for column in wanted}
            for place, image in enumerate(
                progress(samples[view], total=len(samples[view]), what=f"pool {view} {timestep}", unit="image")
            ):
                for layer, its_columns in _by_layer(wanted).items():
                    values = shards.read(shard, f"{view}/{timestep}/{layer}", place).astype(np.float32)
                    for column in its_columns:
                        pooled[column].append(weights[image].mean(column, values))
            seen = pd.concat([weights[image].rows for image in samples[view]], ignore_index=True)
            seen = seen.assign(view=view, timestep=int(timestep.removeprefix("t")))
            tables.append(_table(seen, {column: np.concatenate(parts) for column, parts in pooled.items()}, out))
    table = arrow.concat_tables(tables)
    with whole(out) as file:
        parquet.write_table(table.replace_schema_metadata({FEATURE_SETS: json.dumps(columns).encode()}), file)
    lost = sum(int(weights[image].rows.filter(like="fallback@").any(axis=1).sum()) for image in weights)
    log.info("%d instances pooled; %d vanish at some grid and were pooled by area", len(instances), lost)


def feature_columns(feature_sets: Iterable[str], available: Sequence[str], capture: str) -> dict[str, list[str]]:
    """Return the prototype columns that each feature set concatenates.

    Raises
    ------
    ValueError
        If a layer is asked for that ``capture`` does not hold.
    """
    columns = {}
    for feature_set in feature_sets:
        try:
            names = members(feature_set, available)
        except ValueError as error:
            raise ValueError(f"capture {capture!r}: {error}; add it to the capture's layers") from None
        largest = max(grid(name) for name in names)
        columns[feature_set] = [f"{name}@{largest}" for name in names]
    return columns


class Weights:
    """How much each cell counts for each instance of one image, per prototype column."""

    def __init__(self, instances: pd.DataFrame, columns: Sequence[str]) -> None:
        decoded = [masks.decode(row.rle, width=row.width, height=row.height) for row in instances.itertuples()]
        self.rows = instances.drop(columns=["file", "width", "height", "rle"])
        large = {}
        for side in sorted({int(column.split("@")[1]) for column in columns}):
            large[side] = np.stack([masks.nearest(mask, side) for mask in decoded])
            vanished = ~large[side].any(axis=(1, 2))
            for place in np.flatnonzero(vanished):
                large[side][place] = masks.area(decoded[place], side)
            self.rows[f"cells@{side}"] = np.count_nonzero(large[side], axis=(1, 2)).astype(np.int32)
            self.rows[f"fallback@{side}"] = vanished
        self._large = large
        self._small: dict[tuple[int, int], np.ndarray] = {}  # (instances, cells), rows sum to 1

    def mean(self, column: str, features: np.ndarray) -> np.ndarray:  # (instances, channels) float32
        """Return the masked mean of one layer's map.

        Parameters
        ----------
        features
            (channels, height, width) of the column's layer.
        """
        side = int(column.split("@")[1])
        cells = features.shape[-1]
        if (side, cells) not in self._small:
            weights = self._large[side]
            if cells < side:
                weights = np.stack([masks.shrink(mask, cells) for mask in weights])
            weights = weights.reshape(len(weights), -1)
            self._small[side, cells] = weights / weights.sum(axis=1, keepdims=True)
        return self._small[side, cells] @ features.reshape(len(features), -1).T


def _by_layer(columns: Sequence[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for column in columns:
        grouped.setdefault(column.split("@")[0], []).append(column)
    return grouped


def _table(rows: pd.DataFrame, vectors: dict[str, np.ndarray], path: str | Path) -> arrow.Table:
    table = arrow.Table.from_pandas(check(rows, PROTOTYPES, path), preserve_index=False)
    for column, values in vectors.items():
        if not np.isfinite(values).all():
            raise ValueError(
                f"{path}: column {column!r}, row {np.flatnonzero(~np.isfinite(values).all(1))[0]}: not finite"
            )
        flat = arrow.array(np.ascontiguousarray(values, dtype=np.float32).ravel())
        table = table.append_column(column, arrow.FixedSizeListArray.from_arrays(flat, values.shape[1]))
    return table
