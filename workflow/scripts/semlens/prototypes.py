"""Features and masks to object prototypes: one vector per instance."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from semlens import masks, shards, views
from semlens.files import whole
from semlens.layers import grid, members
from semlens.logs import log, progress
from semlens.tables import SEEN, check

FEATURE_SETS = b"feature_sets"
PROTOTYPES = pa.DataFrameSchema(
    {
        **{name: column for name, column in SEEN.items() if name not in ("file", "width", "height")},
        "view": pa.Column(str),
        "timestep": pa.Column("int32", pa.Check.in_range(0, 999)),
        r"cells@\d+": pa.Column("int32", pa.Check.ge(0), regex=True),
        r"fallback@\d+": pa.Column(bool, regex=True),
    },
    unique=["instance_id", "view", "timestep"],
    strict=True,
    coerce=True,
)


def pool(
    *,
    features: str | Path,
    manifest: str | Path,
    feature_sets: Sequence[str],
    resize: str,
    mask: str,
    seed: int,
    out: str | Path,
) -> None:
    """Write the prototype of every instance, view and timestep of a features shard (section 4.1, steps 3 to 5).

    The prototype of a feature set is the concatenation of one masked mean per layer. A layer is pooled with the
    mask at the set's largest grid, so it has one column ``{layer}@{grid}`` per such grid. The mask is taken at
    each cell's centre; where that leaves nothing, cells count by the area covered and ``fallback@{grid}`` is true.
    With ``mask`` "area" cells always count so. ``cells@{grid}`` is the number of cells that count. An instance of
    which a view shows nothing has no prototype.
    """
    instances = pd.read_parquet(manifest)
    with shards.opened(features) as shard:
        columns = feature_columns(feature_sets, list(shard.attrs["layers"]), shard.attrs["capture"])
        wanted = sorted({column for set_columns in columns.values() for column in set_columns})
        tables, lost, vanished = [], 0, 0
        for view in shard:
            ids = shards.texts(shard, f"{view}/sample_id")
            weights = _weights(view, instances, ids, wanted, resize=resize, mask=mask, seed=seed)
            rows = pd.concat([sample.rows for sample in weights], ignore_index=True)
            lost += sum(sample.lost for sample in weights)
            vanished += int(rows.filter(like="fallback@").any(axis=1).sum())
            for timestep in (name for name in shard[view] if name != "sample_id"):
                vectors = _means(shard, f"{view}/{timestep}", weights, wanted)
                seen = rows.assign(view=view, timestep=int(timestep.removeprefix("t")))
                tables.append(_table(seen, vectors, out))
    table = arrow.concat_tables(tables)
    with whole(out) as file:
        parquet.write_table(table.replace_schema_metadata({FEATURE_SETS: json.dumps(columns).encode()}), file)
    log.info(
        "%d prototypes; masks of %d vanish at some grid and count by area, %d show nothing in their view",
        table.num_rows, vanished, lost,
    )  # fmt: skip


def _weights(
    view: str, instances: pd.DataFrame, ids: Sequence[str], columns: Sequence[str], **how: Any
) -> list["Weights"]:
    of_sample = {sample.id: sample.instances for sample in views.samples(view, instances)}
    return [
        Weights(view, of_sample[name], columns, **how)
        for name in progress(ids, total=len(ids), what=f"masks {view}", unit="sample")
    ]


def _means(
    shard: h5py.File, where: str, weights: Sequence["Weights"], columns: Sequence[str]
) -> dict[str, np.ndarray]:  # (instances, channels) by column
    pooled = {column: [] for column in columns}
    for place, sample in enumerate(progress(weights, total=len(weights), what=f"pool {where}", unit="sample")):
        for layer, its_columns in _by_layer(columns).items():
            values = shards.read(shard, f"{where}/{layer}", place).astype(np.float32)
            for column in its_columns:
                pooled[column].append(sample.mean(column, values))
    return {column: np.concatenate(parts) for column, parts in pooled.items()}


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
    """How much each cell counts for each instance of one sample, per prototype column.

    ``rows`` are the instances that the view shows, ``lost`` counts those of which it shows nothing. ``on_grid`` holds
    their weights (instances, side, side) by the side of the grid.
    """

    def __init__(
        self, view: str, instances: pd.DataFrame, columns: Sequence[str], *, resize: str, mask: str, seed: int
    ) -> None:
        decoded = [mask_under(view, row, resize=resize, seed=seed) for row in instances.itertuples()]
        shown = [pixels.any() for pixels in decoded]
        decoded = [pixels for pixels, there in zip(decoded, shown, strict=True) if there]
        self.lost = len(shown) - len(decoded)
        self.rows = instances[shown].drop(columns=["file", "width", "height", "rle"])
        self.on_grid: dict[int, np.ndarray] = {}
        for side in sorted({int(column.split("@")[1]) for column in columns}):
            centres = np.array([masks.nearest(pixels, side) for pixels in decoded]).reshape(-1, side, side)
            vanished = ~centres.any(axis=(1, 2))
            for place in range(len(decoded)) if mask == "area" else np.flatnonzero(vanished):
                centres[place] = masks.area(decoded[place], side)
            self.on_grid[side] = views.turn(view, centres)
            self.rows[f"cells@{side}"] = np.count_nonzero(self.on_grid[side], axis=(1, 2)).astype(np.int32)
            self.rows[f"fallback@{side}"] = vanished
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
            weights = self.on_grid[side]
            if cells < side:
                weights = np.array([masks.shrink(mask, cells) for mask in weights])
            weights = weights.reshape(len(weights), cells * cells)
            self._small[side, cells] = weights / weights.sum(axis=1, keepdims=True)
        return self._small[side, cells] @ features.reshape(len(features), -1).T


def mask_under(view: str, instance: Any, *, resize: str, seed: int) -> np.ndarray:  # (height, width)
    """Return the mask of a manifest's row as a view's crop shows it; turns follow on a grid, where they are exact."""
    mask = masks.decode(instance.rle, width=instance.width, height=instance.height)
    return views.fit(resize, views.crop(view, mask, views.window(view, instance, seed=seed)))


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
