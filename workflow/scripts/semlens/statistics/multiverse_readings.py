"""The files of all readings of a multiverse, as one: what a model gave on a dataset, specification by specification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semlens.config.choices import CHOICES, format_choice
from semlens.statistics.intervals import Estimates
from semlens.storage.csv_tables import read_csv
from semlens.storage.table_reader import read_table


@dataclass(frozen=True)
class Multiverse:
    """What a model gave on a dataset.

    Attributes
    ----------
    names
        Of the specifications that were measured, in the order in which they were asked for.
    choices
        By key that varies, the value of every specification as text.
    comparisons
        What the separation of each compares: ``between`` or ``identity``.
    n_objects
        (specifications,) Objects that were compared.
    estimates
        By quantity, of all specifications; NaN where one has no value. Units are those of all specifications.
    gap_units
        Per specification, the places of the units of its gaps, in the order of its file, which draws follow.
    tested
        Places of the specifications whose classes were permuted.
    null
        (tested, permutations) Their separation under permuted classes.
    """

    names: list[str]
    choices: dict[str, list[str]]
    comparisons: list[str]
    n_objects: np.ndarray
    estimates: dict[str, Estimates]
    gap_units: list[np.ndarray]
    tested: np.ndarray
    null: np.ndarray

    def get(self, quantity: str) -> Estimates:
        """Return the estimates of a quantity; NaN where no specification has it."""
        missing = np.full(len(self.names), np.nan)
        n_units = max((one.influence.shape[1] for one in self.estimates.values()), default=0)
        nothing = Estimates(self.names, missing, np.zeros((len(missing), n_units)), np.zeros(len(missing), int))
        return self.estimates.get(quantity, nothing)

    def get_separation(self) -> Estimates:
        """Return the separation between images or, of specifications that compare identities, of identity."""
        between, identity = self.get("between"), self.get("identity")
        chosen = np.array(self.comparisons) == "between"
        return Estimates(
            self.names,
            np.where(chosen, between.values, identity.values),
            np.where(chosen[:, None], between.influence, identity.influence),
            np.where(chosen, between.n_units, identity.n_units),
        )


def read_multiverse(record: Mapping[str, Any], specifications: Sequence[Mapping[str, Any]]) -> Multiverse:
    """Return what the files of a model and a dataset hold.

    Parameters are those of :func:`semlens.statistics.multiverse.summarize_multiverse`.

    Raises
    ------
    ValueError
        If files hold a specification that was not asked for, or hold one twice, or permutations of one specification
        are not those of another.
    """
    rows = pd.concat([read_csv(path) for path in record["estimates"]], ignore_index=True)
    where = f"{record['model']} on {record['dataset']}"
    held = set(rows["specification"])
    if unasked := held - {one["name"] for one in specifications}:
        raise ValueError(f"{where}: nobody asked for specification {min(unasked)!r}; remove its files and run again")
    twice = rows[rows.duplicated(["specification", "quantity"])]
    if len(twice):
        name, quantity = twice.iloc[0][["specification", "quantity"]]
        raise ValueError(f"{where}: two readings hold {quantity!r} of specification {name!r}")
    measured = [one for one in specifications if one["name"] in held]
    names = [one["name"] for one in measured]
    influence, gap_units = _read_influence(record["influence"], names)
    nothing = np.zeros((len(names), max((one.shape[1] for one in influence.values()), default=0)))
    estimates = {
        quantity: _stack(found.set_index("specification").reindex(names), influence.get(quantity, nothing))
        for quantity, found in rows.groupby("quantity", sort=False)
    }
    tested, null = _read_permuted(record["permuted"], names, where)
    of_separation = rows[rows["quantity"].isin(["between", "identity"])].set_index("specification").reindex(names)
    return Multiverse(
        names,
        {
            key: [format_choice(one["choices"].get(key)) for one in measured]
            for key in CHOICES
            if any(key in one["choices"] for one in measured)
        },
        of_separation["quantity"].tolist(),
        of_separation["n_objects"].to_numpy(int),
        estimates,
        gap_units,
        tested,
        null,
    )


def _stack(rows: pd.DataFrame, influence: np.ndarray) -> Estimates:
    """Return the estimates of a quantity, whose rows are those of all specifications, perhaps without a value."""
    n_units = rows["n_units"].fillna(0).to_numpy(int)
    return Estimates(list(rows.index), rows["value"].to_numpy(float), influence, n_units)


def _read_influence(
    paths: Sequence[str | Path], names: Sequence[str]
) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Return by quantity the influence of all units, (specifications, units), and the units of gaps."""
    rows = pd.concat([read_table(path) for path in paths], ignore_index=True)
    at = pd.Index(names).get_indexer(rows["specification"])
    units, known = pd.factorize(rows["unit"])
    codes, quantities = pd.factorize(rows["quantity"])
    influence = np.zeros((len(quantities), len(names), len(known)))
    influence[codes, at, units] = rows["influence"]
    of_gaps = np.flatnonzero(np.array([" < " in name for name in quantities], bool)[codes])
    by_name = pd.Series(units[of_gaps]).groupby(at[of_gaps]).unique()
    gap_units = [by_name.get(place, np.empty(0, int)) for place in range(len(names))]
    return dict(zip(quantities, influence, strict=True)), gap_units


def _read_permuted(paths: Sequence[str | Path], names: Sequence[str], where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the specifications that were permuted, and (tested, permutations) their separation."""
    rows = pd.concat([read_table(path) for path in paths], ignore_index=True)
    table = rows.set_index(["specification", "permutation"])["separation"].unstack("permutation")
    counts = rows.groupby("specification").size().reindex(table.index)
    if (counts != len(table.columns)).any():
        name = counts.index[counts != len(table.columns)][0]
        raise ValueError(f"{where}: specification {name!r} has other permutations than others; permute all again")
    tested = pd.Index(names).get_indexer(table.index)
    order = np.argsort(tested)
    return tested[order], table.to_numpy(float)[order]
