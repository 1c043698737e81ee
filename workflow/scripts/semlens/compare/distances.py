"""Prototypes to labelled distances, condition by condition of an experiment.

:func:`pair_instances`, :func:`pair_frames` and :func:`pair_views` need no files: they take rows and vectors.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow

from semlens.compare.metrics import iterate_distance_blocks, pair_distances
from semlens.compare.pairs import (
    NO_SET,
    SETS,
    DistanceSets,
    get_units,
    pair_across_views,
    pair_at_offset,
    pair_others_across_views,
)
from semlens.compare.prototypes import PrototypeShard, load_prototypes, open_prototypes
from semlens.compare.running_statistics import RUNNING_STATISTICS, RunningStatistics, encode_running_statistics
from semlens.compare.unit_totals import UNIT_TOTALS, UnitTotals
from semlens.images.original import ORIGINAL
from semlens.runtime.logs import log, open_progress
from semlens.storage.tables import check_table, create_table, write_parquet

DISTANCES = pa.DataFrameSchema(
    {
        "condition": pa.Column("category", description="Condition of the experiment, as text."),
        "set": pa.Column("category", pa.Check.isin(SETS), description="Distance set (Eqs. 11 to 15)."),
        "instance_a": pa.Column(
            "category",
            description="Id of an instance: of the original where a view, of the reference where frames are compared.",
        ),
        "instance_b": pa.Column("category", description="Id of the instance that it is compared with."),
        "distance": pa.Column("float32", description="Their distance under the condition's metric."),
    },
    strict=True,
    ordered=True,
    metadata={
        RUNNING_STATISTICS: "By condition and set, of all pairs, stored or not: n, mean, sum_of_squares (of deviations "
        "from the mean), min, max.",
    },
)
_SCSI, _DCSI, _SIDI = map(SETS.index, ("scsi", "dcsi", "sidi"))
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


class PairBatch(NamedTuple):
    """Some pairs of instances. The four arrays have, or broadcast to, one shape."""

    labels: np.ndarray  # positions in SETS, NO_SET where there is no pair
    i: np.ndarray
    j: np.ndarray
    distances: np.ndarray  # float32


class LabelledPairs(NamedTuple):
    """The pairs of one condition, which are computed while ``batches`` is iterated, once."""

    instances: np.ndarray  # ids; i and j are positions in it
    units: pd.Series  # of each instance, its image or video
    counts: np.ndarray  # number of pairs in each of SETS
    batches: Iterable[PairBatch]


def compare_prototypes(
    *,
    prototypes: Sequence[str | Path],
    conditions: Sequence[dict[str, Any]],
    sets: Sequence[str],
    reference: str,
    max_pairs: int,
    seed: int,
    device: str,
    out_distances: str | Path,
    out_unit_totals: str | Path,
) -> None:
    """Write the distances of the pairs of every set, sorted by condition and set (section 4.2), and units' totals.

    Parameters
    ----------
    prototypes
        Shards of one dataset.
    conditions
        Each names a ``view``, ``timestep``, layer set (``layers``), ``metric`` and ``offset`` (null where frames do not
        matter), and perhaps ``across``, see :func:`pair_views`.
    sets
        The sets that are written, in this order.
    reference
        What later frames are compared with, see :func:`semlens.compare.pairs.pair_at_offset`.
    max_pairs
        Of a larger set a random part is written, see :func:`sample_pairs`. The file's metadata holds the running
        statistics of all pairs, and the totals are theirs. Memory does not grow with the number of pairs.
    """
    shards = open_prototypes(prototypes)
    ids = pd.Index([instance for shard in shards for instance in shard.rows["instance_id"]]).drop_duplicates()
    names = [condition["name"] for condition in conditions]
    statistics: dict[str, dict[str, RunningStatistics]] = {}
    totals = []
    with create_table(out_distances, _SCHEMA) as writer:
        for number, name in enumerate(names):
            pairs = pair_condition(shards, conditions[number], reference, device=device)
            sample = sample_pairs(pairs, sets, max_pairs=max_pairs, seed=seed, what=f"compare {name}")
            codes = ids.get_indexer(pairs.instances).astype(np.int32)
            for place, label in enumerate(sets):
                i, j, distances = sample.get_pairs(label)
                frame = pd.DataFrame(
                    {
                        "condition": pd.Categorical.from_codes(np.full(len(i), number), names),
                        "set": pd.Categorical.from_codes(np.full(len(i), place), list(sets)),
                        "instance_a": pd.Categorical.from_codes(codes[i], ids),
                        "instance_b": pd.Categorical.from_codes(codes[j], ids),
                        "distance": distances,
                    }
                )
                table = arrow.Table.from_pandas(check_table(frame, DISTANCES, out_distances), preserve_index=False)
                writer.write_table(table.cast(_SCHEMA))
            statistics[name] = sample.statistics
            totals.append(sample.unit_totals.tabulate().assign(condition=name))
            log.info("%s: %s pairs", name, ", ".join(f"{sample.statistics[label].n} {label}" for label in sets))
        writer.add_key_value_metadata(encode_running_statistics(statistics))
    write_parquet(pd.concat(totals, ignore_index=True)[list(UNIT_TOTALS.columns)], UNIT_TOTALS, out_unit_totals)


def pair_condition(
    shards: Sequence[PrototypeShard], condition: dict[str, Any], reference: str, *, device: str = "cpu"
) -> LabelledPairs:
    """Return the pairs of a condition; parameters are those of :func:`compare_prototypes`."""
    metric = condition["metric"]
    rows, vectors = load_prototypes(shards, {**condition, "view": ORIGINAL})
    if condition["view"] != ORIGINAL:
        view, across = load_prototypes(shards, condition), condition.get("across", False)
        return pair_views(rows, vectors, *view, metric, across=across, device=device)
    if condition["offset"] is not None:
        return pair_frames(rows, vectors, metric, offset=condition["offset"], reference=reference, device=device)
    return pair_instances(rows, vectors, metric, device=device)


def pair_instances(rows: pd.DataFrame, vectors: np.ndarray, metric: str, *, device: str = "cpu") -> LabelledPairs:
    """Return all unordered pairs of distinct rows.

    Parameters
    ----------
    rows
        With columns ``instance_id``, ``image_id``, ``video``, ``class_name`` and ``identity``.
    vectors
        (rows, dimensions).
    metric, device
        See :func:`semlens.compare.metrics.iterate_distance_blocks`.
    """
    distance_sets = DistanceSets(rows)
    batches = _iterate_all_pairs(distance_sets, vectors, metric, device)
    return LabelledPairs(rows["instance_id"].to_numpy(), get_units(rows), distance_sets.count(), batches)


def pair_frames(
    rows: pd.DataFrame,
    vectors: np.ndarray,
    metric: str,
    *,
    offset: int,
    reference: str = "all",
    device: str = "cpu",
) -> LabelledPairs:
    """Return the pairs between reference frames and later frames, see :func:`semlens.compare.pairs.pair_at_offset`."""
    i, j = pair_at_offset(rows, offset, reference)
    labels = DistanceSets(rows).label(i, j)
    batch = PairBatch(labels, i, j, pair_distances(vectors, i, j, metric, device=device))
    counts = np.bincount(labels, minlength=len(SETS))
    return LabelledPairs(rows["instance_id"].to_numpy(), get_units(rows), counts, [batch])


def pair_views(
    rows: pd.DataFrame,
    vectors: np.ndarray,
    transformed: pd.DataFrame,
    transformed_vectors: np.ndarray,
    metric: str,
    *,
    across: bool = False,
    device: str = "cpu",
) -> LabelledPairs:
    """Return the pairs of each instance with itself under a view (``sidi``), and all other pairs of the originals.

    Parameters
    ----------
    rows, vectors
        Those of the originals, see :func:`pair_instances`.
    transformed, transformed_vectors
        Those of what the view shows of them.
    across
        Whether pairs in one image (``scsi``, ``dcsi``) are of an original and another instance under the view, and not
        of two originals. Section 5.4 can be read in both ways.
    """
    distance_sets, replaced = DistanceSets(rows), [_SIDI]
    i, j = pair_across_views(rows, transformed)
    labels = np.full(len(i), _SIDI, np.uint8)
    if across:
        original_of, (a, b) = i, pair_others_across_views(rows, transformed)
        labels = np.concatenate([labels, distance_sets.label(a, original_of[b])])
        i, j = np.concatenate([i, a]), np.concatenate([j, b])
        replaced += [_SCSI, _DCSI]
    j = j + len(rows)
    distances = pair_distances(np.vstack([vectors, transformed_vectors]), i, j, metric, device=device)
    counts = distance_sets.count()
    counts[replaced] = np.bincount(labels, minlength=len(SETS))[replaced]
    batches = chain(
        [PairBatch(labels, i, j, distances)],
        _iterate_all_pairs(distance_sets, vectors, metric, device, skip=replaced),
    )
    instances = np.concatenate([rows["instance_id"], transformed["instance_id"]])
    return LabelledPairs(instances, pd.concat([get_units(rows), get_units(transformed)]), counts, batches)


class PairSample:
    """The pairs that are kept of every set, and the running statistics and units' totals of all its distances."""

    def __init__(self, probabilities: dict[str, float], units: pd.Series, seed: int) -> None:
        """Keep each pair of a set with its probability, independently."""
        self.unit_totals = UnitTotals(units, list(probabilities))
        self.statistics = dict.fromkeys(probabilities, RunningStatistics())
        self._probabilities = probabilities
        self._generators = {name: np.random.default_rng([seed, SETS.index(name)]) for name in probabilities}
        self._pairs: dict[str, list[tuple[np.ndarray, ...]]] = {
            name: [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))] for name in probabilities
        }

    def add(self, batch: PairBatch) -> None:
        """Add the statistics of a batch of pairs, and keep some of them."""
        for name, probability in self._probabilities.items():
            chosen = batch.labels == SETS.index(name)
            self.statistics[name] += RunningStatistics.from_values(batch.distances[chosen])
            self.unit_totals.add(name, chosen, batch.i, batch.j, batch.distances)
            if probability < 1:
                chosen[chosen] = self._generators[name].random(np.count_nonzero(chosen), np.float32) < probability
            i, j = (np.broadcast_to(side, chosen.shape)[chosen].astype(np.int32) for side in (batch.i, batch.j))
            self._pairs[name].append((i, j, batch.distances[chosen]))

    def get_pairs(self, name: str) -> tuple[np.ndarray, ...]:
        """Return ``i``, ``j`` (int32) and distances (float32) of the kept pairs of a set."""
        return tuple(map(np.concatenate, zip(*self._pairs[name], strict=True)))


def sample_pairs(
    pairs: LabelledPairs, sets: Sequence[str], *, max_pairs: int, seed: int, what: str = "compare"
) -> PairSample:
    """Return the pairs of some sets, and of a set of more than ``max_pairs`` pairs a random part.

    Each pair of such a set is kept with probability max_pairs / number of pairs. Which are kept depends on the seed and
    on the numbers of pairs, not on the metric.

    Parameters
    ----------
    what
        What the progress bar says.
    """
    probabilities = dict(zip(SETS, max_pairs / np.maximum(pairs.counts, 1), strict=True))
    sample = PairSample({name: probabilities[name] for name in sets}, pairs.units, seed)
    with open_progress(total=int(pairs.counts.sum()), what=what, unit="pair") as advance:
        for batch in pairs.batches:
            sample.add(batch)
            advance(np.count_nonzero(batch.labels != NO_SET))
    return sample


def _iterate_all_pairs(
    distance_sets: DistanceSets, vectors: np.ndarray, metric: str, device: str, skip: Sequence[int] = ()
) -> Iterator[PairBatch]:
    """Yield all unordered pairs of distinct rows but those of some sets, by rising ``i`` and ``j``."""
    position = np.arange(len(vectors), dtype=np.int32)
    for start, distances in iterate_distance_blocks(vectors, metric, device=device):
        i, j = position[start : start + len(distances), None], position[None, start:]
        labels = distance_sets.label(i, j)
        for label in skip:
            labels[labels == label] = NO_SET
        labels[:, : len(distances)][np.tri(len(distances), dtype=bool)] = NO_SET
        yield PairBatch(labels, i, j, distances)
