"""Prototypes to a table of how alike all representations of the same objects are."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.compare.pairs import get_units
from semlens.compare.prototypes import PrototypeShard, list_rows, load_prototypes, open_prototypes
from semlens.runtime.logs import log
from semlens.statistics.agreement.measure import MEASURES, measure_agreement
from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.jackknife import N_GROUPS, deal_units
from semlens.statistics.sampling import sample_units
from semlens.storage.tables import write_csv

MAX_OBJECTS = 1_000  # whose representations are compared


def _describe_side(side: str) -> dict[str, pa.Column]:
    which = {"a": "one", "b": "the other"}[side]
    return {
        f"experiment_{side}": pa.Column(str, description=f"Experiment of {which} representation."),
        f"model_{side}": pa.Column(str, description="Its model."),
        f"condition_{side}": pa.Column(str, description="Its condition, as text."),
    }


def _number(description: str) -> pa.Column:
    return pa.Column("float64", nullable=True, description=description)


AGREEMENT_TABLE = pa.DataFrameSchema(
    {
        **_describe_side("a"),
        **_describe_side("b"),
        "measure": pa.Column(str, pa.Check.isin(MEASURES), description="What is measured, see docs/statistics.md."),
        "value": _number(
            "The agreement. Empty where a representation has nothing to agree with, or objects are too few."
        ),
        "se": _number(
            f"Standard error: the jackknife of {N_GROUPS} groups of images (videos), or of all images where they are "
            f"fewer. Empty for fewer than {MIN_UNITS}."
        ),
        "low": _number("Lower end of the 95 % interval: value - t(groups - 1) se, within the range of the measure."),
        "high": _number("Upper end of the 95 % interval."),
        "chance": _number(
            "Mean of the measure where one representation's objects are exchanged at random; not known of `cknna`."
        ),
        "k": pa.Column("int64", pa.Check.ge(1), description="Neighbours that count in `mutual_knn` and `cknna`."),
        "n_objects": pa.Column("int64", pa.Check.ge(1), description="Number of objects, the same in every row."),
        "n_units": pa.Column("int64", pa.Check.ge(1), description="Number of images (videos) that they are in."),
    },
    strict=True,
    coerce=True,
)

AGREEMENT_OBJECTS = pa.DataFrameSchema(
    {
        "instance_id": pa.Column(str, description="Id of an object that is compared. Ties fall to the first."),
        "unit": pa.Column(str, description="Its video, or its image where it is in no video."),
        "group": pa.Column("int64", pa.Check.ge(0), description="The group that the jackknife leaves out with it."),
    },
    strict=True,
    coerce=True,
)


def write_agreement(
    *,
    prototypes: Sequence[str | Path],
    representations: Sequence[dict[str, Any]],
    neighbours: int,
    seed: int,
    device: str,
    out: str | Path,
    out_objects: str | Path,
) -> None:
    """Write how alike representations are, each pair once, and of which objects.

    Objects are those that all representations have. Of more than ``MAX_OBJECTS``, those of whole images (videos) are
    taken that are drawn until there are so many.

    Parameters
    ----------
    prototypes
        Shards of one dataset, below folders named by extraction, model and dataset.
    representations
        See :func:`semlens.config.agreements.list_representations`.

    Raises
    ------
    ValueError
        If no object is in all representations, or a metric is undefined for a prototype.
    """
    find = cache(lambda *folder: _open_folder(prototypes, *folder))
    shards = [
        [shard for extraction in entry["extractions"] for shard in find(extraction, entry["model"])]
        for entry in representations
    ]
    rows = choose_objects(shards, representations, seed)
    groups = deal_units(pd.factorize(rows["unit"])[0], seed)
    vectors = (load_vectors(*both, rows["instance_id"]) for both in zip(shards, representations, strict=True))
    metrics = [entry["metric"] for entry in representations]
    found = measure_agreement(vectors, metrics, groups, neighbours, device=device)
    table = _lay_out(representations, found).assign(k=neighbours, n_objects=len(rows), n_units=rows["unit"].nunique())
    write_csv(table, AGREEMENT_TABLE, out)
    write_csv(rows.assign(group=groups), AGREEMENT_OBJECTS, out_objects)


def choose_objects(
    shards: Sequence[Sequence[PrototypeShard]], representations: Sequence[dict[str, Any]], seed: int
) -> pd.DataFrame:
    """Return ``instance_id`` and ``unit`` of the objects that are compared, in the order of the first representation.

    Parameters
    ----------
    shards
        Of each representation.
    """
    tables = [list_rows(*both) for both in zip(shards, representations, strict=True)]
    shared = set.intersection(*(set(table["instance_id"]) for table in tables))
    rows = tables[0][tables[0]["instance_id"].isin(shared)]
    if rows.empty:
        names = ", ".join(map(_name, representations))
        raise ValueError(f"no object is in all representations: {names}; take experiments of the same objects")
    rows = rows.assign(unit=get_units(rows))[["instance_id", "unit"]]
    return rows.iloc[sample_units(rows["unit"], MAX_OBJECTS, seed)].reset_index(drop=True)


def load_vectors(
    shards: Sequence[PrototypeShard], representation: dict[str, Any], instances: pd.Series
) -> np.ndarray:  # (instances, dimensions)
    """Return the prototypes of some instances, in this order."""
    rows, vectors = load_prototypes(
        shards, representation, lambda rows: np.flatnonzero(rows["instance_id"].isin(instances))
    )
    log.info("%s: %d channels", _name(representation), vectors.shape[1])
    return vectors[pd.Index(rows["instance_id"]).get_indexer(instances)]


def _lay_out(representations: Sequence[dict[str, Any]], agreement: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's columns but for the counts."""
    names = {
        f"{key}_{side}": [str(representations[place][source]) for place in agreement[side]]
        for side in ("a", "b")
        for key, source in (("experiment", "experiment"), ("model", "model"), ("condition", "name"))
    }
    return pd.concat([pd.DataFrame(names), agreement.drop(columns=["a", "b"])], axis=1)


def _open_folder(prototypes: Sequence[str | Path], extraction: str, model: str) -> list[PrototypeShard]:
    return open_prototypes([path for path in prototypes if Path(path).parts[-4:-2] == (extraction, model)])


def _name(representation: dict[str, Any]) -> str:
    return f"{representation['experiment']}, {representation['model']}, {representation['name']}"
