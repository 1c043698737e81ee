"""Features and masks to object prototypes: one vector per instance."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from semlens import masks, shards, views
from semlens.files import readable, whole
from semlens.layers import grid, members
from semlens.logs import log, progress
from semlens.tables import SEEN, check

FEATURE_SETS = b"feature_sets"  # metadata: the columns that each feature set concatenates
PASSES = b"passes"  # metadata: every (view, timestep) that was read, whether it shows an instance or not
VERSIONS = b"versions"  # metadata: of the packages that made the features
_BATCH = 4  # samples that are read at once
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
    """Write the prototype of every instance, view and timestep of a features shard; see :func:`write`."""
    with shards.opened(features) as shard:
        columns = feature_columns(feature_sets, list(shard.attrs["layers"]), shard.attrs["capture"])
        batches = _stored(shard, layers_of(columns))
        how = {"resize": resize, "mask": mask, "seed": seed, "versions": shards.versions(shard)}
        write(batches, columns, _mean, manifest=manifest, **how, out=out)


def write(
    batches: Iterable[shards.Batch],
    columns: dict[str, list[str]],
    mean: Callable[[np.ndarray, Any], np.ndarray],
    *,
    versions: dict[str, str],
    manifest: str | Path,
    resize: str,
    mask: str,
    seed: int,
    out: str | Path,
) -> None:
    """Write the prototype of every instance, view and timestep (section 4.1, steps 3 to 5), sorted by the last two.

    The prototype of a feature set is the concatenation of one masked mean per layer. A layer is pooled with the
    mask at the set's largest grid, so it has one column ``{layer}@{grid}`` per such grid. The mask is taken at
    each cell's centre; where that leaves nothing, cells count by the area covered and ``fallback@{grid}`` is true.
    With ``mask`` "area" cells always count so. ``cells@{grid}`` is the number of cells that count. An instance of
    which a view shows nothing has no prototype.

    Parameters
    ----------
    batches
        Samples of the manifest, with all layers of the columns.
    columns
        By feature set, as :func:`feature_columns` finds them.
    mean
        Of weights (instances, cells) and a map (channels, height, width): means (instances, channels), float32.
    versions
        Of the packages that made the maps.

    Raises
    ------
    ValueError
        If a mean is not finite.
    """
    with readable(manifest):
        instances = pd.read_parquet(manifest)
    described = list(instances.itertuples())
    wanted = sorted({column for set_columns in columns.values() for column in set_columns})
    seen: dict[str, dict[str, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))  # by view
    vectors: dict[tuple[str, int], dict[str, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
    lost = 0

    @cache
    def places(view: str) -> dict[str, np.ndarray]:
        return {sample.id: sample.instances.index.to_numpy() for sample in views.samples(view, instances)}

    for view, _, ids, passes in batches:
        weights = []
        for name in ids:
            rows = places(view)[name]
            sample = Weights(view, [described[row] for row in rows], wanted, resize=resize, mask=mask, seed=seed)
            weights.append(sample)
            lost += np.count_nonzero(~sample.shown)
            for column, values in {"row": rows[sample.shown], **sample.counts}.items():
                seen[view][column].append(values)
        for timestep, layer, maps in passes:
            of_layer = [column for column in wanted if column.split("@")[0] == layer]
            for column, (name, sample, features) in product(of_layer, zip(ids, weights, maps, strict=True)):
                means = mean(sample.shares(column, features.shape[-1]), features)
                if not np.isfinite(means).all():
                    raise ValueError(
                        f"layer {layer} at t = {timestep} is not finite for {name}; use dtype: float32 or bfloat16"
                    )
                vectors[view, timestep][column].append(means)
    shown = {view: _rows(instances, parts).assign(view=view) for view, parts in seen.items()}
    order = sorted(vectors)
    everyone = pd.concat([shown[view].assign(timestep=timestep) for view, timestep in order], ignore_index=True)
    table = arrow.Table.from_pandas(check(everyone, PROTOTYPES, out), preserve_index=False)
    repeating = table.column_names
    for column in wanted:
        values = np.concatenate([part for one in order for part in vectors[one][column]])
        flat = arrow.array(values.ravel())
        table = table.append_column(column, arrow.FixedSizeListArray.from_arrays(flat, values.shape[1]))
    metadata = {
        FEATURE_SETS: json.dumps(columns),
        PASSES: json.dumps(order),
        VERSIONS: json.dumps(versions, sort_keys=True),
    }
    with whole(out) as file:
        parquet.write_table(table.replace_schema_metadata(metadata), file, use_dictionary=repeating)
    log.info(
        "%d prototypes; masks of %d vanish at some grid and count by area, %d show nothing in their view",
        table.num_rows, sum(part.filter(like="fallback@").any(axis=1).sum() for part in shown.values()), lost,
    )  # fmt: skip


def _rows(instances: pd.DataFrame, parts: dict[str, list[np.ndarray]]) -> pd.DataFrame:
    """What is known of the instances that a view shows."""
    values = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    shown = instances.iloc[values.pop("row")]
    return shown.drop(columns=["file", "width", "height", "rle"]).assign(**values)


def _stored(shard: h5py.File, layers: Sequence[str]) -> Iterator[shards.Batch]:
    """The samples of a features shard, a few at a time."""

    def passes(view: str, rows: slice) -> Iterator[tuple[int, str, np.ndarray]]:
        for timestep, layer in product((name for name in shard[view] if name != "sample_id"), layers):
            yield int(timestep.removeprefix("t")), layer, shards.read(shard, f"{view}/{timestep}/{layer}", rows)

    for view in shard:
        ids = shards.texts(shard, f"{view}/sample_id")
        starts = range(0, len(ids), _BATCH)
        for start in progress(starts, total=len(starts), what=f"pool {view}", unit="batch"):
            rows = slice(start, start + _BATCH)
            yield shards.Batch(view, start, ids[rows], passes(view, rows))


def _mean(weights: np.ndarray, features: np.ndarray) -> np.ndarray:  # (instances, channels) float32
    return weights @ features.astype(np.float32, copy=False).reshape(len(features), -1).T


def layers_of(columns: dict[str, list[str]]) -> list[str]:
    """Return the layers that the columns of feature sets are means of, each once."""
    return list(dict.fromkeys(column.split("@")[0] for of_set in columns.values() for column in of_set))


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

    ``shown`` (instances,) tells which of them the view shows. Of those, ``on_grid`` holds the weights
    (shown, side, side) by the side of the grid, and ``counts`` the columns ``cells@{side}`` and ``fallback@{side}``.

    Parameters
    ----------
    instances
        Rows of a manifest.
    """

    def __init__(
        self, view: str, instances: Sequence[Any], columns: Sequence[str], *, resize: str, mask: str, seed: int
    ) -> None:
        decoded = [mask_under(view, instance, resize=resize, seed=seed) for instance in instances]
        self.shown = np.array([pixels.any() for pixels in decoded])
        decoded = [pixels for pixels, shown in zip(decoded, self.shown, strict=True) if shown]
        self.on_grid: dict[int, np.ndarray] = {}
        self.counts: dict[str, np.ndarray] = {}
        for side in sorted({int(column.split("@")[1]) for column in columns}):
            centres = np.array([masks.nearest(pixels, side) for pixels in decoded], np.float32).reshape(-1, side, side)
            vanished = ~centres.any(axis=(1, 2))
            for place in range(len(decoded)) if mask == "area" else np.flatnonzero(vanished):
                centres[place] = masks.area(decoded[place], side)
            self.on_grid[side] = views.turn(view, centres)
            self.counts[f"cells@{side}"] = np.count_nonzero(centres, axis=(1, 2)).astype(np.int32)
            self.counts[f"fallback@{side}"] = vanished
        self._small: dict[tuple[int, int], np.ndarray] = {}

    def shares(self, column: str, side: int) -> np.ndarray:  # (instances, side * side) float32, rows sum to 1
        """Return how much each cell of a layer's own map, of this side, counts in the mean of a column."""
        large = int(column.split("@")[1])
        if (large, side) not in self._small:
            weights = self.on_grid[large]
            if side < large:
                weights = np.array([masks.shrink(mask, side) for mask in weights], np.float32)
            weights = weights.reshape(len(weights), side * side)
            self._small[large, side] = weights / weights.sum(axis=1, keepdims=True)
        return self._small[large, side]


def mask_under(view: str, instance: Any, *, resize: str, seed: int) -> np.ndarray:  # (height, width)
    """Return the mask of a manifest's row as a view's crop shows it; turns follow on a grid, where they are exact."""
    mask = masks.decode(instance.rle, width=instance.width, height=instance.height)
    return views.fit(resize, views.crop(view, mask, views.window(view, instance, seed=seed)))


class Stored:
    """One prototypes shard: its rows in memory, its vectors read when asked for."""

    def __init__(self, path: str | Path, start: int) -> None:
        """Number the rows from ``start`` on."""
        self._path = path
        with readable(path):
            schema = parquet.read_schema(path)
            vectors = {field.name: field.type for field in schema if arrow.types.is_fixed_size_list(field.type)}
            rows = pd.read_parquet(path, columns=[name for name in schema.names if name not in vectors])
        self.feature_sets: dict[str, list[str]] = json.loads(schema.metadata[FEATURE_SETS])
        self.rows = rows.set_axis(pd.RangeIndex(start, start + len(rows)))
        self._start = start
        self._widths = {name: kind.list_size for name, kind in vectors.items()}

    def dimensions(self, feature_set: str) -> int:
        return sum(self._widths[column] for column in self.feature_sets[feature_set])

    def read(self, feature_set: str, numbers: np.ndarray, out: np.ndarray) -> None:
        """Put the vectors of the rows of these numbers into ``out``, (numbers, dimensions)."""
        at = 0
        for column in self.feature_sets[feature_set]:
            with readable(self._path):
                values = parquet.read_table(self._path, columns=[column])[column].combine_chunks().flatten().to_numpy()
            width = self._widths[column]
            out[:, at : at + width] = values.reshape(-1, width)[numbers - self._start]
            at += width


def stored(paths: Iterable[str | Path]) -> list[Stored]:
    """Return shards whose rows are numbered through, in this order."""
    parts: list[Stored] = []
    for path in paths:
        parts.append(Stored(path, sum(len(part.rows) for part in parts)))
    return parts


def of_condition(
    parts: Sequence[Stored], condition: dict[str, Any], choose: Callable[[pd.DataFrame], np.ndarray] | None = None
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
    feature_set = condition["features"]
    holding = [part for part in parts if feature_set in part.feature_sets]
    seen = [
        part.rows[(part.rows["view"] == condition["view"]) & (part.rows["timestep"] == condition["timestep"])]
        for part in holding
    ]
    if not any(map(len, seen)):
        raise ValueError(
            f"condition {condition['name']!r}: no capture of the experiment holds features {feature_set!r} "
            f"of view {condition['view']!r} at t = {condition['timestep']}"
        )
    rows = pd.concat(seen)
    if rows.duplicated("instance_id").any():
        raise ValueError(f"condition {condition['name']!r}: several captures hold the same instances; name one of them")
    if choose is not None:
        rows = rows.iloc[choose(rows)]
    numbers = rows.index.to_numpy()
    vectors = np.empty((len(rows), holding[0].dimensions(feature_set)), np.float32)
    for part in holding:
        first, last = np.searchsorted(numbers, [part.rows.index.start, part.rows.index.stop])
        if first < last:
            part.read(feature_set, numbers[first:last], vectors[first:last])
    return rows, vectors
