"""Prototypes of one reading to what each specification that compares them gives: separation, gaps, Dunn index."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from semlens.compare.distances import pair_instances, pair_views, sample_pairs
from semlens.compare.pairs import get_units
from semlens.compare.prototypes import PrototypeShard, load_prototypes, open_prototypes
from semlens.images.original import ORIGINAL
from semlens.runtime.logs import log, show_progress
from semlens.statistics.labels import Labels
from semlens.statistics.means import compute_dunn_table1, estimate
from semlens.statistics.measure import Options, measure_views
from semlens.statistics.multiverse_tables import ESTIMATES, INFLUENCES, PERMUTED
from semlens.statistics.neighbours import fill_distances, gather_inside, iterate_between
from semlens.statistics.order import estimate_gaps
from semlens.statistics.permutation import Shuffler, permute_between
from semlens.statistics.samples import gather_samples
from semlens.statistics.sampling import sample_units
from semlens.statistics.separation import measure_separation
from semlens.statistics.tests import compute_dunn_eq10
from semlens.storage.table_reader import read_table
from semlens.storage.tables import write_csv, write_parquet

_COMPARED = ("view", "timestep", "layers", "metric", "across", "by_area")  # what else differs shares distances


class _Estimate(NamedTuple):
    """A value with the influence of units on it, if it has one."""

    quantity: str
    value: float
    n_units: int
    units: Sequence[str] = ()
    influence: Sequence[float] = ()


def measure_specifications(
    *,
    prototypes: Sequence[str | Path],
    manifests: Sequence[str | Path],
    specifications: Sequence[dict[str, Any]],
    expected_order: Sequence[str],
    min_area: float,
    max_pairs: int,
    options: Options,
    out_estimates: str | Path,
    out_influence: str | Path,
    out_permuted: str | Path,
) -> None:
    """Write what the specifications of one reading of a dataset give.

    Permutations of classes are those of all objects of the manifests, and so the same in all readings, whichever
    objects a specification compares.

    Parameters
    ----------
    prototypes
        Of all extractions and shards that the reading is made of.
    manifests
        Of all shards of the dataset.
    specifications
        As :func:`semlens.config.multiverses.list_specifications` has them.
    min_area
        The share of its image that an object must cover where a specification compares larger ones alone.
    max_pairs, options
        As the configuration has them; ``options.average`` is that of each specification.
    """
    shards, population = open_prototypes(prototypes), _Population(manifests, options)
    estimates, influences, permuted = [], [], []
    alike = sorted(specifications, key=_list_compared)
    progress = show_progress(alike, total=len(alike), what="specifications", unit="specification")
    for _, group in groupby(progress, key=_list_compared):
        specified = list(group)
        compared = _Comparison(shards, specified[0], population, expected_order, min_area, max_pairs, options)
        for one in specified:
            found = [*compared.estimate_separation(one["average"]), *compared.estimate_sets(one["dunn"])]
            named = {"specification": one["name"]}
            for entry in found:
                kept = {"quantity": entry.quantity, "value": entry.value, "n_units": entry.n_units}
                estimates.append(named | kept | {"n_objects": compared.n_objects})
                units = pd.DataFrame({"unit": entry.units, "influence": entry.influence})
                influences.append(units.assign(**named, quantity=entry.quantity))
            null = compared.permute(one["average"])
            permuted.append(pd.DataFrame({"permutation": np.arange(len(null)), "separation": null}).assign(**named))
            log.info("%s: %s", one["name"], "; ".join(f"{entry.quantity} {entry.value:.4f}" for entry in found))
    write_csv(pd.DataFrame(estimates)[list(ESTIMATES.columns)], ESTIMATES, out_estimates)
    for frames, schema, out in ((influences, INFLUENCES, out_influence), (permuted, PERMUTED, out_permuted)):
        write_parquet(pd.concat(frames, ignore_index=True)[list(schema.columns)], schema, out)


def _list_compared(specification: dict[str, Any]) -> list[str]:
    return [str(specification.get(key)) for key in _COMPARED]


class _Population:
    """All objects of a dataset that may count, and permutations of their classes."""

    def __init__(self, manifests: Sequence[str | Path], options: Options) -> None:
        rows = pd.concat([read_table(path) for path in manifests], ignore_index=True)
        self.rows = rows.iloc[sample_units(get_units(rows), options.max_objects, options.seed)]
        self._labels, self._ids = Labels.from_rows(self.rows), pd.Index(self.rows["instance_id"])
        shuffler = Shuffler(self._labels, options.seed)
        exchangeable = shuffler.count_exchangeable_units()
        self._shuffled = shuffler.shuffle_between(options.permutations if exchangeable else 0)

    def shuffle(self, rows: pd.DataFrame, labels: Labels) -> np.ndarray:  # (permutations, rows)
        """Return permuted classes of some of the objects, as codes of their labels; other classes have one more."""
        codes = pd.Index(labels.class_names).get_indexer(self._labels.class_names)
        codes = np.where(codes < 0, len(labels.class_names), codes).astype(np.int32)
        return codes[self._shuffled[:, self._ids.get_indexer(rows["instance_id"])]]


class _Comparison:
    """Objects of a reading under a metric, compared once for all specifications that do so."""

    def __init__(
        self,
        shards: Sequence[PrototypeShard],
        condition: dict[str, Any],
        population: _Population,
        expected_order: Sequence[str],
        min_area: float,
        max_pairs: int,
        options: Options,
    ) -> None:
        self._order, self._null, metric = list(expected_order), {}, condition["metric"]
        wanted = population.rows
        if condition["by_area"]:
            wanted = wanted[wanted["area_fraction"] > min_area]
        rows, vectors = load_prototypes(shards, {**condition, "view": ORIGINAL}, _choose(wanted))
        self.n_objects = len(rows)
        if condition["view"] == ORIGINAL:
            pairs = pair_instances(rows, vectors, metric, device=options.device)
            labels = Labels.from_rows(rows)
            self._shuffled = population.shuffle(rows, labels)
            self._midranks = fill_distances(vectors, metric, device=options.device)
            self._separations = {
                "inside": measure_separation([gather_inside(self._midranks, labels)], labels, labels.classes),
                "between": measure_separation(
                    iterate_between(self._midranks, labels), labels, labels.classes, out_midranks=self._midranks
                ),
            }
        else:
            view = load_prototypes(shards, condition, _choose(rows))
            across = condition.get("across", False)
            pairs = pair_views(rows, vectors, *view, metric, across=across, device=options.device)
            self._separations = {"identity": measure_views(rows, vectors, *view, metric, options)[0]}
        sample = sample_pairs(pairs, self._order, max_pairs=max_pairs, seed=options.seed)
        stored = {name: sample.get_pairs(name)[2].astype(np.float64) for name in self._order}
        self._samples, self._units = gather_samples(stored, sample.statistics, sample.unit_totals.tabulate())

    def estimate_separation(self, by: str) -> Iterator[_Estimate]:
        """Yield separation, averaged over ``classes`` or ``objects``."""
        for comparison, separation in self._separations.items():
            mean = separation.average(by)
            yield _Estimate(comparison, mean.value, mean.n_units, separation.labels.unit_names, mean.influence)

    def estimate_sets(self, dunn: str) -> Iterator[_Estimate]:
        """Yield the gaps between neighbours in the expected order, the mean of its last set, and its Dunn index."""
        first, last = (self._samples[self._order[place]] for place in (0, -1))
        named, n_units = f"{self._order[0]}, {self._order[-1]}", min(first.means.n_units, last.means.n_units)
        found = [
            estimate_gaps(self._samples, self._order),
            estimate(f"mean {self._order[-1]}", last.means.mean, last.means.n_units),
        ]
        if dunn == "table1":
            found.append(estimate(f"dunn {named}", compute_dunn_table1(first.means, last.means), n_units))
        for one in found:
            for name, value, n, influence in zip(one.names, one.values, one.n_units, one.influence, strict=True):
                yield _Estimate(name, value, int(n), self._units, influence)
        if dunn == "eq10":
            both = len(first.values) and len(last.values)
            yield _Estimate(f"dunn {named}", compute_dunn_eq10(first.values, last.values) if both else np.nan, 0)

    def permute(self, by: str) -> np.ndarray:
        """Return separation between images under permuted classes, (permutations,); none under a view."""
        between = self._separations.get("between")
        if between is None or not len(codes := between.list_classes()):
            return np.empty(0)
        if by not in self._null:
            self._null[by] = permute_between(self._midranks, between.labels, codes, self._shuffled, by)
        return self._null[by]


def _choose(wanted: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
    """Return what chooses the prototypes of some objects, see :func:`semlens.compare.prototypes.load_prototypes`."""
    return lambda rows: np.flatnonzero(rows["instance_id"].isin(wanted["instance_id"]))
