"""Multiverses whose truth is known: files of readings, and specifications that differ by planted effects."""

from itertools import product

import numpy as np
import pandas as pd

from semlens.statistics.intervals import Estimates
from semlens.statistics.multiverse_tables import ESTIMATES, INFLUENCES, PERMUTED
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
