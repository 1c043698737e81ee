"""Multiverses whose truth is known: files of readings, and specifications that differ by planted effects."""

from itertools import product

import numpy as np
import pandas as pd

from semlens.statistics.intervals import Estimates
from semlens.statistics.labels import Labels
from semlens.statistics.multiverse_readings import Multiverse
from semlens.statistics.multiverse_tables import ESTIMATES, INFLUENCES, PERMUTED
from semlens.statistics.neighbours import fill_distances, iterate_between
from semlens.statistics.permutation import Shuffler, permute_between
from semlens.statistics.separation import measure_separation
from semlens.storage.tables import write_csv, write_parquet


def cross(**values):
    """All combinations of choices, as the configuration has them."""
    found = [dict(zip(values, cells, strict=True)) for cells in product(*values.values())]
    return [{"name": ", ".join(f"{key}={value}" for key, value in one.items()), "choices": one} for one in found]


def get_design(specifications):
    keys = specifications[0]["choices"]
    return {key: np.array([str(one["choices"][key]) for one in specifications], object) for key in keys}


def make_estimates(values, errors):
    """Means over units of values plus errors, (units, specifications), and the influence of each unit on them."""
    means = errors.mean(axis=0)
    names = [str(number) for number in range(len(values))]
    return Estimates(names, values + means, ((errors - means) / len(errors)).T, np.full(len(values), len(errors)))


def plant(design, rng, interactions=0.0, **sizes):
    """Values of all specifications whose main effects have these root mean squares, and true shares by choice."""
    n, parts = len(next(iter(design.values()))), {}
    for key, column in design.items():
        names = np.unique(column)
        parts[key] = _scale(rng.normal(size=len(names))[np.searchsorted(names, column)], sizes.get(key, 0.0))
    cells = rng.normal(size=n)
    cells -= cells.mean()
    for column in design.values():
        cells -= pd.Series(cells).groupby(column).transform("mean")
    parts["interactions"] = _scale(cells, interactions)
    total = sum(np.sum(part**2) for part in parts.values())
    return sum(parts.values()), {key: np.sum(part**2) / total if total else 0.0 for key, part in parts.items()}


def _scale(values, size):
    centred = values - values.mean()
    return centred * size / np.sqrt(np.mean(centred**2)) if size else 0 * centred


def draw_errors(rng, n_units, n, own=1.0):
    """Errors, (units, specifications): what all share, and so many times what groups of them share and their own."""
    loadings = 0.4 * np.random.default_rng(1).standard_normal((3, n))
    grouped = rng.standard_normal((n_units, 3)) @ loadings + 0.7 * rng.standard_normal((n_units, n))
    return rng.standard_normal((n_units, 1)) + own * grouped


def measure_curve(rows, layers, seed, n_permutations=39):
    """A model's layers by two metrics, all under the same permutations."""
    labels = Labels.from_rows(rows)
    shuffled = Shuffler(labels, 1_000_000 + seed).shuffle_between(n_permutations)
    averages, null = [], []
    for vectors in layers:
        for metric in ("cosine", "euclidean"):
            distances = fill_distances(vectors, metric)
            found = measure_separation(iterate_between(distances, labels), labels, labels.classes, distances)
            averages.append(found.average("classes"))
            null.append(permute_between(distances, labels, found.list_classes(), shuffled, "classes"))
    names = [str(number) for number in range(len(averages))]
    values, influence, n_units = (np.array(one) for one in zip(*averages, strict=True))
    choices = {
        "metric": ["cosine", "euclidean"] * len(layers),
        "layers": [str(number) for number in range(len(layers)) for _ in range(2)],
    }
    estimates, places = {"between": Estimates(names, values, influence, n_units)}, np.arange(len(names))
    return Multiverse(names, choices, ["between"] * len(names), places, estimates, [], places, np.stack(null))


def write_reading(folder, quantities, null=None):
    """Write what a reading gives, and return the paths by kind.

    ``quantities`` are lists of (specification, quantity, value, influence by unit or None, number of objects); ``null``
    is by specification.
    """
    folder.mkdir(exist_ok=True, parents=True)
    estimates, influences = [], []
    for specification, quantity, value, influence, n_objects in quantities:
        row = {"specification": specification, "quantity": quantity}
        n_units = 0 if influence is None else int(np.count_nonzero(list(influence.values())))
        estimates.append(row | {"value": value, "n_units": n_units, "n_objects": n_objects})
        influences += [row | {"unit": unit, "influence": x} for unit, x in (influence or {}).items()]
    permuted = [
        {"specification": name, "permutation": number, "separation": x}
        for name, values in (null or {}).items()
        for number, x in enumerate(values)
    ]
    paths = {"estimates": folder / "estimates.csv", "influence": folder / "influence.parquet"}
    paths["permuted"] = folder / "permuted.parquet"
    write_csv(pd.DataFrame(estimates, columns=list(ESTIMATES.columns)), ESTIMATES, paths["estimates"])
    write_parquet(pd.DataFrame(influences, columns=list(INFLUENCES.columns)), INFLUENCES, paths["influence"])
    write_parquet(pd.DataFrame(permuted, columns=list(PERMUTED.columns)), PERMUTED, paths["permuted"])
    return paths


def record(*readings, model="sd", dataset="coco"):
    return {"model": model, "dataset": dataset} | {
        kind: [reading[kind] for reading in readings] for kind in ("estimates", "influence", "permuted")
    }
