"""Prototypes to labelled distances, condition by condition of an experiment."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from semlens.compare.metrics import iterate_distance_blocks, pair_distances
from semlens.compare.pairs import NO_SET, SETS, DistanceSets, pair_across_views, pair_at_offset
from semlens.compare.prototypes import PrototypeShard, load_prototypes, open_prototypes
from semlens.compare.running_statistics import RunningStatistics, encode_statistics
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log, open_progress
from semlens.storage.tables import check_table

DISTANCES = pa.DataFrameSchema(
    {
        "condition": pa.Column("category", description="Condition of the experiment, as text."),
        "set": pa.Column("category", pa.Check.isin(SETS), description="Distance set (Eqs. 11 to 15)."),
        "instance_a": pa.Column(
            "category", description="Id of an instance; the reference's, where frames are compared."
        ),
        "instance_b": pa.Column("category", description="Id of the instance that it is compared with."),
        "distance": pa.Column("float32", description="Their distance under the condition's metric."),
    },
    strict=True,
    ordered=True,
)
_SIDI = SETS.index("sidi")
_LABEL = arrow.dictionary(arrow.int16(), arrow.string())
_INSTANCE = arrow.dictionary(arrow.int32(), arrow.string())
_SCHEMA = arrow.schema(
    [
        ("condition", _LABEL),
        ("set", _LABEL),
        ("instance_a", _INSTANCE),
        ("instance_b", _INSTANCE),
        ("distance", arrow.float32()),
    ]
)


class _Batch(NamedTuple):
    """Some pairs of rows; all four have, or broadcast to, one shape."""

    labels: np.ndarray  # places in SETS, NO_SET where there is no pair
    i: np.ndarray
    j: np.ndarray
    distances: np.ndarray  # float32


def compare_prototypes(
    *,
    prototypes: Sequence[str | Path],
    conditions: Sequence[dict[str, Any]],
    sets: Sequence[str],
    reference: str,
    max_pairs: int,
    seed: int,
    device: str,
    out: str | Path,
) -> None:
    """Write the distance of the pairs of every set, sorted by condition and set (section 4.2).

    Parameters
    ----------
    prototypes
        Shards of one dataset.
    conditions
        Each names a ``view``, ``timestep``, feature set, ``metric`` and ``offset`` (null where frames do not matter).
    reference
        What frames at an offset are compared with, see :func:`semlens.relations.at_offset`.
    max_pairs
        A set of more pairs is sampled: each has a row with probability ``max_pairs`` over their number. The file's
        metadata holds the moments of all. Memory does not grow with the number of pairs.
    """
    parts = open_prototypes(prototypes)
    names = [condition["name"] for condition in conditions]
    instances = [name for part in parts for name in part.rows["instance_id"]]
    ids = pd.Index(instances).drop_duplicates()
    codes = ids.get_indexer(instances).astype(np.int32)  # by row number
    moments: dict[str, dict[str, RunningStatistics]] = {}
    with write_atomically(out) as file, parquet.ParquetWriter(file, _SCHEMA) as writer:
        for condition in conditions:
            number, sizes, batches = _iterate_pairs(condition, parts, reference, device)
            kept = _PairSampler(sets, dict(zip(SETS, max_pairs / np.maximum(sizes, 1), strict=True)), seed)
            with open_progress(total=int(sizes.sum()), what=f"compare {condition['name']}", unit="pair") as count:
                for batch in batches:
                    kept.add(batch)
                    count(np.count_nonzero(batch.labels != NO_SET))
            for name in sets:
                i, j, distances = kept.rows(name)
                frame = pd.DataFrame(
                    {
                        "condition": pd.Categorical.from_codes(np.full(len(i), names.index(condition["name"])), names),
                        "set": pd.Categorical.from_codes(np.full(len(i), sets.index(name)), list(sets)),
                        "instance_a": pd.Categorical.from_codes(codes[number[i]], ids),
                        "instance_b": pd.Categorical.from_codes(codes[number[j]], ids),
                        "distance": distances,
                    }
                )
                table = arrow.Table.from_pandas(check_table(frame, DISTANCES, out), preserve_index=False)
                writer.write_table(table.cast(_SCHEMA))
            moments[condition["name"]] = kept.moments
            log.info("%s: %s pairs", condition["name"], ", ".join(f"{kept.moments[name].n} {name}" for name in sets))
        writer.add_key_value_metadata(encode_statistics(moments))


class _PairSampler:
    """Of every set: the moments of all its distances, and the pairs that get a row, each with the set's chance."""

    def __init__(self, sets: Sequence[str], chances: Mapping[str, float], seed: int) -> None:
        self.moments = dict.fromkeys(sets, RunningStatistics())
        self._chances = chances
        self._generators = {name: np.random.default_rng([seed, SETS.index(name)]) for name in sets}
        self._rows: dict[str, list[tuple[np.ndarray, ...]]] = {
            name: [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))] for name in sets
        }

    def add(self, batch: _Batch) -> None:
        for name, rows in self._rows.items():
            picked = batch.labels == SETS.index(name)
            self.moments[name] += RunningStatistics.of(batch.distances[picked])
            if (chance := self._chances[name]) < 1:
                picked[picked] = self._generators[name].random(np.count_nonzero(picked), np.float32) < chance
            i, j = (np.broadcast_to(side, picked.shape)[picked].astype(np.int32) for side in (batch.i, batch.j))
            rows.append((i, j, batch.distances[picked]))

    def rows(self, name: str) -> tuple[np.ndarray, ...]:
        """Return ``i``, ``j`` and distances of a set's rows."""
        return tuple(map(np.concatenate, zip(*self._rows[name], strict=True)))


def _iterate_pairs(
    condition: dict[str, Any], parts: Sequence[PrototypeShard], reference: str, device: str
) -> tuple[np.ndarray, np.ndarray, Iterable[_Batch]]:
    """The row numbers that a condition's pairs are places in, how many pairs each of ``SETS`` has, and the pairs."""
    metric = condition["metric"]
    rows, vectors = load_prototypes(parts, {**condition, "view": "identity"})
    number = rows.index.to_numpy(np.int32)
    relations = DistanceSets(rows)
    if condition["view"] != "identity":
        transformed, more = load_prototypes(parts, condition)
        i, j = pair_across_views(rows, transformed)
        distances = pair_distances(np.vstack([vectors, more]), i, j + len(rows), metric, device=device)
        same = _Batch(np.full(len(i), _SIDI, np.uint8), i, j + len(rows), distances)
        sizes = np.where(np.arange(len(SETS)) == _SIDI, len(i), relations.sizes())
        number = np.append(number, transformed.index.to_numpy(np.int32))
        return number, sizes, chain([same], _iterate_all_pairs(relations, vectors, metric, device, left_out=_SIDI))
    if condition["offset"] is not None:
        i, j = pair_at_offset(rows, condition["offset"], reference)
        labels = relations.of(i, j)
        batch = _Batch(labels, i, j, pair_distances(vectors, i, j, metric, device=device))
        return number, np.bincount(labels, minlength=len(SETS)), [batch]
    return number, relations.sizes(), _iterate_all_pairs(relations, vectors, metric, device)


def _iterate_all_pairs(
    relations: DistanceSets, vectors: np.ndarray, metric: str, device: str, left_out: int = NO_SET
) -> Iterator[_Batch]:
    """All unordered pairs of distinct rows, by rising ``i`` and ``j``."""
    place = np.arange(len(vectors), dtype=np.int32)
    for start, distances in iterate_distance_blocks(vectors, metric, device=device):
        i, j = place[start : start + len(distances), None], place[None, start:]
        labels = relations.of(i, j)
        labels[labels == left_out] = NO_SET
        labels[:, : len(distances)][np.tri(len(distances), dtype=bool)] = NO_SET
        yield _Batch(labels, i, j, distances)
