"""Experiments that ask the same, taken together: one study per question, over all its conditions and datasets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from semlens.config.axes import FOREIGN
from semlens.statistics.comparisons import COMPARISONS
from semlens.statistics.intervals import Estimates
from semlens.storage.csv_tables import read_csv
from semlens.storage.table_reader import read_table


class Comparison(NamedTuple):
    """What an experiment measured with a model on a dataset.

    ``axis`` and ``settings`` are what :func:`semlens.config.plan.get_question` returns. The others are tables of
    statistics.
    """

    experiment: str
    model: str
    dataset: str
    axis: str
    settings: dict[str, Any]
    separation: pd.DataFrame
    order: pd.DataFrame
    influence: pd.DataFrame


@dataclass(frozen=True)
class Study:
    """Separation under conditions that differ along one axis alone, on datasets that have them all.

    Attributes
    ----------
    comparison
        ``between``, ``inside`` or ``identity``, see :mod:`semlens.statistics.comparisons`.
    settings, own_settings
        What is the same in all conditions; and by model, where something does not apply to some.
    conditions
        All that were asked for.
    asked
        By model, those that were asked of it: models of different families have different layers.
    estimates
        By model: the mean over the datasets, of the conditions that have a value. Units are those of all datasets, the
        same for all models.
    n_objects, n_units
        By model: how many objects and images (videos) have a part in it.
    """

    comparison: str
    axis: str
    settings: dict[str, Any]
    own_settings: dict[str, dict[str, Any]]
    datasets: tuple[str, ...]
    conditions: tuple[str, ...]
    asked: dict[str, tuple[str, ...]]
    estimates: dict[str, Estimates]
    n_objects: dict[str, int]
    n_units: dict[str, int]


def read_comparisons(
    records: Iterable[dict[str, Any]],
    *,
    separation: Iterable[str | Path],
    order: Iterable[str | Path],
    influence: Iterable[str | Path],
) -> list[Comparison]:
    """Return comparisons with their statistics.

    Parameters
    ----------
    records
        With the keys ``experiment``, ``model``, ``dataset``, ``axis`` and ``settings``.
    separation, order, influence
        Files of statistics, one per record.
    """
    keys = ("experiment", "model", "dataset", "axis", "settings")
    return [
        Comparison(
            *(record[key] for key in keys),
            *(read_csv(path) for path in (separation_file, order_file)),
            read_table(influence_file),
        )
        for record, separation_file, order_file, influence_file in zip(
            records, separation, order, influence, strict=True
        )
    ]


def pair_models(models: Sequence[dict[str, Any]]) -> list[tuple[str, tuple[str, ...]]]:
    """Return every pretrained model with its controls, of which there may be none; then models that are neither.

    Parameters
    ----------
    models
        Records of ``name``, ``weights`` (``pretrained`` or ``random``), and ``controls``: the pretrained model whose
        control a random one is, or None.
    """
    pretrained = [model["name"] for model in models if model["weights"] == "pretrained"]
    pairs = [(name, tuple(model["name"] for model in models if model["controls"] == name)) for name in pretrained]
    paired = {*pretrained, *(control for _, controls in pairs for control in controls)}
    return pairs + [(model["name"], ()) for model in models if model["name"] not in paired]


def group_by_question(comparisons: Sequence[Comparison]) -> list[list[Comparison]]:
    """Return comparisons in groups that agree in axis and settings, in order of appearance.

    What does not apply to a model agrees with everything: a network that is read without noise is in every group that
    agrees in all else.
    """
    groups: dict[tuple, list[Comparison]] = {}
    for entry in sorted(comparisons, key=_count_foreign):
        joined = [group for group in groups.values() if _count_foreign(entry) and _agree(entry, group[0])]
        for group in joined or [groups.setdefault((entry.axis, *map(str, entry.settings.items())), [])]:
            group.append(entry)
    return list(groups.values())


def _count_foreign(entry: Comparison) -> int:
    return list(entry.settings.values()).count(FOREIGN)


def _agree(one: Comparison, other: Comparison) -> bool:
    pairs = [(one.settings.get(key), other.settings.get(key)) for key in one.settings.keys() | other.settings.keys()]
    return one.axis == other.axis and all(FOREIGN in pair or pair[0] == pair[1] for pair in pairs)


def collect_studies(comparisons: Sequence[Comparison]) -> list[Study]:
    """Return the studies of all questions.

    Where a model's condition was measured on some of the datasets only, there is a study for every such group of
    datasets, with all the models and conditions that the group has: nothing is left out, and what is compared was
    measured on the same datasets.
    """
    return [
        study
        for group in group_by_question(comparisons)
        for comparison in COMPARISONS
        if (rows := _join(group, comparison)) is not None
        for study in _list_studies(group, comparison, rows)
    ]


def contrast_models(comparisons: Sequence[Comparison], model: str, other: str, comparison: str) -> pd.DataFrame:
    """Return the separation of a model minus that of another one, on the same images, a row per shared condition.

    Columns are those of :meth:`semlens.results.run.Run.contrast`.
    """
    studies = [study for study in collect_studies(comparisons) if study.comparison == comparison]
    both = [study.estimates for study in studies if {model, other} <= study.estimates.keys()]
    names = [name for name in both[0][model].names if name in both[0][other].names] if both else []
    columns = ["condition", "difference", "se", "low", "high", "band_low", "band_high"]
    if not names:
        return pd.DataFrame(columns=columns)
    difference = both[0][model].select(names) - both[0][other].select(names)
    ends = np.vstack([difference.compute_interval(), difference.compute_band(seed=0)])
    return pd.DataFrame(dict(zip(columns, (names, difference.values, difference.se, *ends), strict=True)))


def _join(group: Sequence[Comparison], comparison: str) -> pd.DataFrame | None:
    """Return the rows of one comparison with model and dataset; a condition's first experiment counts."""
    tables = [entry.separation.assign(model=entry.model, dataset=entry.dataset) for entry in group]
    rows = pd.concat(tables, ignore_index=True)
    rows = rows[rows["comparison"] == comparison].drop_duplicates(["model", "dataset", "condition"])
    return rows if len(rows) else None


def _list_studies(group: Sequence[Comparison], comparison: str, rows: pd.DataFrame) -> list[Study]:
    measured = rows.dropna(subset="separation")
    of_pair = _list_datasets(measured, ["model", "condition"])
    of_condition, asked_of = _list_datasets(measured, "condition"), _list_datasets(rows, ["model", "condition"])
    held = {pair: of_pair.get(pair) or of_condition.get(pair[1]) or asked_of[pair] for pair in asked_of}
    pairs = pd.MultiIndex.from_frame(rows[["model", "condition"]])
    own = {entry.model: entry.settings for entry in reversed(group)}
    studies = []
    for datasets in dict.fromkeys(map(frozenset, held.values())):
        having = [pair for pair, found in held.items() if datasets <= found]
        chosen = rows[rows["dataset"].isin(datasets) & pairs.isin(having)]
        estimates = {
            model: _pool(group, model, comparison, found, len(datasets)) for model, found in chosen.groupby("model")
        }
        asked = {name: tuple(dict.fromkeys(found["condition"])) for name, found in chosen.groupby("model")}
        per_dataset = chosen.groupby(["model", "dataset"])[["n_objects", "n_units"]].max().groupby("model").sum()
        studies.append(
            Study(
                comparison,
                group[0].axis,
                group[0].settings,
                {name: own[name] for name in estimates},
                tuple(name for name in dict.fromkeys(rows["dataset"]) if name in datasets),
                tuple(dict.fromkeys(chosen["condition"])),
                asked,
                estimates,
                per_dataset["n_objects"].to_dict(),
                per_dataset["n_units"].to_dict(),
            )
        )
    return studies


def _list_datasets(rows: pd.DataFrame, by: str | list[str]) -> dict[Any, set[str]]:
    return {key: set(found["dataset"]) for key, found in rows.groupby(by, sort=False)}


def _pool(group: Sequence[Comparison], model: str, comparison: str, rows: pd.DataFrame, n_datasets: int) -> Estimates:
    """Return the mean over datasets of each condition that has a value on all of them.

    Datasets are independent: the influences of one are those on its own estimate over the number of datasets. Intervals
    have the degrees of freedom of the dataset with fewest units.
    """
    values = rows.dropna(subset="separation").pivot(index="condition", columns="dataset", values="separation")
    values = values.reindex(dict.fromkeys(rows["condition"])).dropna() if len(values.columns) == n_datasets else None
    if values is None or values.empty:
        return Estimates([], np.empty(0), np.empty((0, 0)), np.empty(0, int))
    n_units = rows.pivot(index="condition", columns="dataset", values="n_units").loc[values.index, values.columns]
    fewest = n_units.min(axis=1)
    parts = []
    for dataset in values.columns:
        tables = [entry.influence.assign(model=entry.model) for entry in group if entry.dataset == dataset]
        stored = pd.concat(tables).query("comparison == @comparison")
        units = np.unique(stored["unit"])
        own = stored[stored["model"] == model].drop_duplicates(["condition", "unit"])
        influence = own.pivot(index="condition", columns="unit", values="influence").reindex(
            values.index, columns=units
        )
        scale = np.sqrt(_correct(n_units[dataset]) / _correct(fewest)) / n_datasets
        parts.append(influence.reindex(values.index, columns=units).fillna(0).to_numpy() * scale.to_numpy()[:, None])
    means = values.mean(axis=1).to_numpy()
    return Estimates([str(name) for name in values.index], means, np.hstack(parts), fewest.to_numpy())


def _correct(n_units: pd.Series) -> pd.Series:
    return n_units / (n_units - 1)
