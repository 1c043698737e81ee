"""Experiments that ask the same, taken together: one study per question, over all its conditions and datasets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from semlens.config.plan import NOISE_KEYS
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

    A model that is read without noise stands beside others whatever their noise: it is in every group that agrees in
    all else.
    """
    groups: dict[tuple, list[Comparison]] = {}
    for entry in sorted(comparisons, key=_ignores_noise):
        joined = [group for group in groups.values() if _ignores_noise(entry) and _agree(entry, group[0])]
        if not joined:
            joined = [groups.setdefault((entry.axis, *map(str, entry.settings.items())), [])]
        for group in joined:
            group.append(entry)
    return list(groups.values())


def _ignores_noise(entry: Comparison) -> bool:
    said = [entry.settings[key] for key in NOISE_KEYS & entry.settings.keys()]
    return bool(said) and all(value is None for value in said)


def _agree(one: Comparison, other: Comparison) -> bool:
    settings = [{key: value for key, value in it.settings.items() if key not in NOISE_KEYS} for it in (one, other)]
    return one.axis == other.axis and settings[0] == settings[1]


def collect_studies(comparisons: Sequence[Comparison]) -> list[Study]:
    """Return the studies of all questions.

    Where a condition was measured on some of the datasets only, there is a study for every such group of datasets, with
    all the conditions that the group has: nothing is left out, and what is compared was measured on the same datasets.
    """
    return [
        study
        for group in group_by_question(comparisons)
        for comparison in COMPARISONS
        if (rows := _join(group, comparison)) is not None
        for study in _list_studies(group, comparison, rows)
    ]


def _join(group: Sequence[Comparison], comparison: str) -> pd.DataFrame | None:
    """Return the rows of one comparison with model and dataset; a condition's first experiment counts."""
    tables = [entry.separation.assign(model=entry.model, dataset=entry.dataset) for entry in group]
    rows = pd.concat(tables, ignore_index=True)
    rows = rows[rows["comparison"] == comparison].drop_duplicates(["model", "dataset", "condition"])
    return rows if len(rows) else None


def _list_studies(group: Sequence[Comparison], comparison: str, rows: pd.DataFrame) -> list[Study]:
    measured = rows.dropna(subset="separation")
    datasets_of = {name: set(found["dataset"]) for name, found in measured.groupby("condition", sort=False)}
    asked_of = {name: set(found["dataset"]) for name, found in rows.groupby("condition", sort=False)}
    wanted = list(dict.fromkeys(frozenset(datasets_of.get(name) or asked_of[name]) for name in asked_of))
    studies = []
    for datasets in wanted:
        conditions = [name for name in asked_of if datasets <= (datasets_of.get(name) or asked_of[name])]
        chosen = rows[rows["dataset"].isin(datasets) & rows["condition"].isin(conditions)]
        estimates = {
            model: _pool(group, model, comparison, found, len(datasets)) for model, found in chosen.groupby("model")
        }
        asked = {name: tuple(dict.fromkeys(found["condition"])) for name, found in chosen.groupby("model")}
        per_dataset = chosen.groupby(["model", "dataset"])[["n_objects", "n_units"]].max().groupby("model").sum()
        ordered = tuple(name for name in dict.fromkeys(rows["dataset"]) if name in datasets)
        studies.append(
            Study(
                comparison,
                group[0].axis,
                group[0].settings,
                ordered,
                tuple(conditions),
                asked,
                estimates,
                per_dataset["n_objects"].to_dict(),
                per_dataset["n_units"].to_dict(),
            )
        )
    return studies


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
