"""Features and masks to object prototypes: one vector per instance."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
from threadpoolctl import threadpool_limits

from semlens.extract.mask_weights import BatchWeights
from semlens.extract.passes import Batch, Pass, split_samples
from semlens.extract.pooling import HostPooling, Pooling
from semlens.images.samples import find_samples
from semlens.images.views import load_view
from semlens.models.layers import expand_layers
from semlens.runtime.ahead import read_ahead, write_behind
from semlens.runtime.logs import log, show_progress
from semlens.storage.environment import Environment, describe_environment
from semlens.storage.instances import INSTANCES
from semlens.storage.prototype_keys import ENVIRONMENT, LAYER_SETS, PASSES
from semlens.storage.shard_reader import open_shard, read_attribute, read_environment, read_names, read_texts
from semlens.storage.stored_samples import locate_samples
from semlens.storage.table_reader import read_table
from semlens.storage.tables import check_table, create_table

_BATCH = 8  # samples of a shard that are pooled together
_BYTES_AT_ONCE = 32_000_000  # of a table that are written while more is pooled
_NOT_POOLED = ("file", "width", "height", "rle")  # columns of instances that prototypes do not have

PROTOTYPES = pa.DataFrameSchema(
    {
        **{name: column for name, column in INSTANCES.columns.items() if name not in _NOT_POOLED},
        "view": pa.Column(str, description="View under which the network saw the instance."),
        "timestep": pa.Column(
            "int32", pa.Check.in_range(0, 999), description="Noise level at which the network was read."
        ),
        r"n_cells@\d+": pa.Column(
            "int32",
            pa.Check.ge(0),
            regex=True,
            title="n_cells@{grid}",
            description="Number of cells of a grid of this side that count as the instance.",
        ),
        r"area_weighted@\d+": pa.Column(
            bool,
            regex=True,
            title="area_weighted@{grid}",
            description="Whether the instance covers the centre of no cell of this grid, so that cells count by the "
            "area that it covers.",
        ),
        # Vectors stay out of pandas: they are added once the rest is checked.
        r"[a-z]+\d*(\.[a-z_\d]+)?@\d+": pa.Column(
            arrow.list_(arrow.float32()),
            regex=True,
            required=False,
            title="{layer}@{grid}",
            description="Prototype: the mean of the layer's map, upsampled to the grid, over these cells; a value per "
            "channel.",
        ),
    },
    unique=["instance_id", "view", "timestep"],
    strict=True,
    coerce=True,
    metadata={
        LAYER_SETS: "By layer set, the columns that it concatenates.",
        PASSES: "Every view and timestep that was read, whether it shows an instance or not.",
        ENVIRONMENT: "By stage: date, device, commit and versions of what made the prototypes.",
    },
)


def pool_prototypes(
    *,
    features: str | Path,
    manifest: str | Path,
    layer_sets: Sequence[str],
    resize: str,
    mask: str,
    seed: int,
    out: str | Path,
) -> None:
    """Write the prototype of every instance, view and timestep of a features shard; see :func:`write_prototypes`."""
    with open_shard(features) as shard, HostPooling() as pooling:
        grids = _read_grids(shard)
        columns = plan_columns(layer_sets, grids, read_attribute(shard, "extraction"))
        samples = {view: read_texts(shard, f"{view}/sample_id") for view in read_names(shard)}
        batches = split_samples(samples, _BATCH)
        write_prototypes(
            _find_passes(shard, batches, list_pooled_layers(columns)),
            batches,
            columns,
            grids,
            environment=read_environment(shard),
            manifest=manifest,
            resize=resize,
            mask=mask,
            seed=seed,
            out=out,
            pooling=pooling,
        )


def write_prototypes(
    passes: Iterable[Pass],
    batches: Sequence[Batch],
    columns: dict[str, list[str]],
    grids: Mapping[str, int],
    *,
    environment: Environment,
    manifest: str | Path,
    resize: str,
    mask: str,
    seed: int,
    out: str | Path,
    pooling: Pooling,
) -> None:
    """Write the prototype of every instance, view and timestep (section 4.1, steps 3 to 5), sorted by the last two.

    The prototype of a layer set is the concatenation of one masked mean per layer. A layer is pooled with the
    mask at the set's largest grid, so it has one column ``{layer}@{grid}`` per such grid. The mask is taken at
    each cell's centre; where that leaves nothing, cells count by the area covered and ``area_weighted@{grid}`` is true.
    With ``mask`` "area" cells always count so. ``n_cells@{grid}`` is the number of cells that count. An instance of
    which a view shows nothing has no prototype. Means are float32. While one batch is pooled, a thread finds the cells
    of the next.

    Parameters
    ----------
    passes
        Of the batches, in their order, with all layers of the columns; a thread asks for them if ``pooling.depth``.
    batches
        Samples of the manifest.
    columns
        By layer set, as :func:`plan_columns` finds them.
    grids
        The side of each layer's map.
    environment
        What the maps were made with.
    pooling
        Where the maps are.

    Raises
    ------
    ValueError
        If a mean is not finite.
    """
    instances = read_table(manifest)
    described = list(instances.itertuples())
    wanted = sorted({column for set_columns in columns.values() for column in set_columns})
    masks = {"resize": resize, "mask": mask, "seed": seed}
    places = {view: find_samples(load_view(view), instances) for view in {batch.view for batch in batches}}
    weighing = (
        BatchWeights(
            load_view(batch.view), [places[batch.view][name] for name in batch.ids], described, wanted, grids, **masks
        )
        for batch in batches
    )
    tally = _Tally()
    with (
        threadpool_limits(1, "blas"),
        closing(read_ahead(weighing)) as weighed,
        closing(read_ahead(_begin_passes(passes, weighed, wanted, pooling, tally), pooling.depth)) as begun,
    ):
        parts = _order_rows(_fetch_passes(begun, wanted, pooling, tally))
        tables = (_make_table(part, instances, out) for part in parts)
        first = next(tables)
        schema = first.schema.with_metadata({LAYER_SETS: json.dumps(columns)})
        with create_table(out, schema, use_dictionary=[name for name in schema.names if name not in wanted]) as writer:
            with write_behind(writer.write_table) as write:
                for table in chain([first], tables):
                    write(table)
            made = environment | describe_environment("pool")
            metadata = {PASSES: json.dumps(sorted(tally.passes)), ENVIRONMENT: json.dumps(made, sort_keys=True)}
            writer.add_key_value_metadata(metadata)
    log.info(
        "%d prototypes; masks of %d vanish at some grid and count by area, %d show nothing in their view",
        tally.prototypes, tally.vanished, tally.lost,
    )  # fmt: skip


class _Begun(NamedTuple):
    """Means that are being computed, of a batch at one timestep."""

    batch: Batch
    timestep: int
    weights: BatchWeights
    means: Any  # as ``Pooling.average`` returns them


class _Part(NamedTuple):
    """Prototypes of some instances that a view shows, at one timestep."""

    view: str
    timestep: int
    rows: np.ndarray  # of all instances, which these are
    counts: dict[str, np.ndarray]  # by column of the table
    vectors: dict[str, list[np.ndarray]]  # likewise; of some instances each, (instances, channels)


@dataclass
class _Tally:
    """What is counted on the way."""

    passes: set[tuple[str, int]] = field(default_factory=set)  # every view and timestep
    prototypes: int = 0
    vanished: int = 0  # instances, once for every view
    lost: int = 0


def _begin_passes(
    passes: Iterable[Pass], weighed: Iterable[BatchWeights], wanted: Sequence[str], pooling: Pooling, tally: _Tally
) -> Iterator[_Begun]:
    by_layer = {layer: list(columns) for layer, columns in groupby(wanted, key=lambda column: column.split("@")[0])}
    # A batch's passes first: what is computed on a device then waits for them, and for no later ones.
    for (batch, of_batch), weights in zip(groupby(passes, key=attrgetter("batch")), weighed, strict=True):
        tally.lost += weights.lost
        tally.vanished += weights.vanished
        placed = {sides: pooling.place(shares, weights.ends) for sides, shares in weights.shares.items()}
        shares = {layer: [placed[weights.sides[column]] for column in columns] for layer, columns in by_layer.items()}
        for _, timestep, maps in of_batch:
            yield _Begun(batch, timestep, weights, pooling.average(shares, weights.ends, maps))


def _fetch_passes(
    begun: Iterable[_Begun], wanted: Sequence[str], pooling: Pooling, tally: _Tally
) -> Iterator[list[_Part]]:
    """Yield by batch what its passes say of its instances."""
    for batch, of_batch in groupby(begun, key=attrgetter("batch")):
        parts = []
        for _, timestep, weights, means in of_batch:
            vectors = dict(zip(wanted, pooling.fetch(means), strict=True))
            for column, values in vectors.items():
                _check_means(values, column, timestep, batch, weights)
            tally.passes.add((batch.view, timestep))
            tally.prototypes += len(weights.rows)
            several = {column: [values] for column, values in vectors.items()}
            parts.append(_Part(batch.view, timestep, weights.rows, weights.counts, several))
        yield parts


def _order_rows(batches: Iterable[list[_Part]]) -> Iterator[_Part]:
    """Yield larger parts in the order of rows: view by view, and in each by timestep.

    Those of a view's first timestep come while the view is read; the others have to wait for them.
    """
    for _, of_view in groupby(batches, key=lambda parts: parts[0].view):
        waiting: dict[int, list[_Part]] = defaultdict(list)
        for parts in of_view:
            for part in parts:
                waiting[part.timestep].append(part)
            first = waiting[min(waiting)]
            if sum(values.nbytes for part in first for values in chain(*part.vectors.values())) >= _BYTES_AT_ONCE:
                yield _join_parts(first)
                first.clear()
        for timestep in sorted(waiting):
            if joined := waiting.pop(timestep):
                yield _join_parts(joined)


def _join_parts(parts: Sequence[_Part]) -> _Part:
    rows, counts, vectors = zip(*((part.rows, part.counts, part.vectors) for part in parts), strict=True)
    return parts[0]._replace(
        rows=np.concatenate(rows),
        counts={name: np.concatenate([values[name] for values in counts]) for name in counts[0]},
        vectors={name: list(chain.from_iterable(values[name] for values in vectors)) for name in vectors[0]},
    )


def _make_table(part: _Part, instances: pd.DataFrame, out: str | Path) -> arrow.Table:
    known = instances.iloc[part.rows].drop(columns=list(_NOT_POOLED))
    frame = known.assign(**part.counts, view=part.view, timestep=part.timestep)
    table = arrow.Table.from_pandas(check_table(frame, PROTOTYPES, out), preserve_index=False)
    for column, several in part.vectors.items():  # side by side in the table, so that nothing is copied
        chunks = [
            arrow.FixedSizeListArray.from_arrays(arrow.array(values.ravel()), values.shape[1]) for values in several
        ]
        table = table.append_column(column, arrow.chunked_array(chunks))
    return table


def _check_means(values: np.ndarray, column: str, timestep: int, batch: Batch, weights: BatchWeights) -> None:
    finite = np.isfinite(values.sum(axis=1, dtype=np.float64))  # in float64, which float32 cannot exceed
    if not finite.all():
        sample = np.repeat(batch.ids, np.diff(weights.ends))[int(finite.argmin())]
        raise ValueError(
            f"layer {column.split('@')[0]} at t = {timestep} is not finite for {sample}; use dtype: float32 or bfloat16"
        )


def _find_passes(shard: h5py.File, batches: Sequence[Batch], layers: Sequence[str]) -> Iterator[Pass]:
    """Yield the maps of a features shard, which are read when they are pooled."""
    timesteps = {view: [name for name in read_names(shard, view) if name != "sample_id"] for view in read_names(shard)}
    stored = locate_samples(
        shard, [f"{view}/{timestep}/{layer}" for view in timesteps for timestep in timesteps[view] for layer in layers]
    )
    for batch in show_progress(batches, total=len(batches), what="pool", unit="batch"):
        for timestep in timesteps[batch.view]:
            maps = {layer: stored[f"{batch.view}/{timestep}/{layer}"].select(batch.rows) for layer in layers}
            yield Pass(batch, int(timestep.removeprefix("t")), maps)


def _read_grids(shard: h5py.File) -> dict[str, int]:
    """Return the side of each layer's map, in forward order."""
    view = read_names(shard)[0]
    timestep = next(name for name in read_names(shard, view) if name != "sample_id")
    return {layer: shard[f"{view}/{timestep}/{layer}"].shape[-1] for layer in read_attribute(shard, "layers")}


def list_pooled_layers(columns: dict[str, list[str]]) -> list[str]:
    """Return the layers that the columns of layer sets are means of, each once."""
    return list(dict.fromkeys(column.split("@")[0] for of_set in columns.values() for column in of_set))


def plan_columns(layer_sets: Iterable[str], grids: Mapping[str, int], extraction: str) -> dict[str, list[str]]:
    """Return the prototype columns that each layer set concatenates.

    Parameters
    ----------
    grids
        The side of each layer's map that there is, in forward order.

    Raises
    ------
    ValueError
        If a layer is asked for that ``extraction`` does not hold.
    """
    columns = {}
    for layer_set in layer_sets:
        try:
            names = expand_layers(layer_set, grids)
        except ValueError as error:
            raise ValueError(f"extraction {extraction!r}: {error}; add it to the extraction's layers") from None
        largest = max(grids[name] for name in names)
        columns[layer_set] = [f"{name}@{largest}" for name in names]
    return columns
