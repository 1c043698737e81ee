"""What else prototypes hold: whether few channels outweigh the rest, and whether place and size can be read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.compare.channels import choose_treatment
from semlens.compare.pairs import get_units
from semlens.compare.prototypes import PrototypeShard, load_prototypes
from semlens.runtime.logs import log
from semlens.statistics.probes import N_FOLDS, measure_position
from semlens.statistics.sampling import sample_units

N_LARGEST = 4  # channels whose share of the variance is told
MAX_PROBED = 1_000  # objects from which place and size are read


def _number(description: str, check: pa.Check | None = None) -> pa.Column:
    return pa.Column("float64", check, nullable=True, description=description)


def _count(description: str) -> pa.Column:
    return pa.Column("int64", pa.Check.ge(0), description=description)


_SHARE = pa.Check.in_range(0, 1 + 1e-9)
_AT_MOST_1 = pa.Check.le(1)
_R2 = "share of variance that a ridge regression predicts in other images (videos); 0 is no better than the mean."

ARTEFACTS_TABLE = pa.DataFrameSchema(
    {
        "condition": pa.Column(str, description="Condition of the experiment, as text."),
        "n_objects": _count("Number of objects, as the condition's view shows them."),
        "n_channels": _count("Length of their prototypes, without what `discard_channels` leaves out."),
        "largest_channels": pa.Column(
            str,
            description=f"The {N_LARGEST} channels of largest mean magnitude, largest first, as layer:number.",
        ),
        "variance_share": _number("Share of the prototypes' variance that is in these channels.", _SHARE),
        "magnitude_share": _number("Share of the prototypes' squared length that is in these channels.", _SHARE),
        "discarded_channels": pa.Column(
            str, nullable=True, description="What `discard_channels` leaves out, layer by layer, largest first."
        ),
        "n_probed": _count(
            f"Number of objects from which place and size are read: all, or those of whole images that have about "
            f"{MAX_PROBED:,}."
        ),
        "n_units": _count("Number of images (videos) that these are in."),
        "place_r2": _number(
            f"How well x and y of the middle of an object's box are read: mean of x_r2 and y_r2. Empty for fewer than "
            f"{N_FOLDS} images (videos).",
            _AT_MOST_1,
        ),
        "place_low": _number("Lower end of its 95 % interval, t(n_units - 1), for regressions trained as they were."),
        "place_high": _number("Upper end of its 95 % interval.", _AT_MOST_1),
        "x_r2": _number(f"How well x is read: {_R2}", _AT_MOST_1),
        "y_r2": _number(f"How well y is read: {_R2}", _AT_MOST_1),
        "size_r2": _number(f"How well the logarithm of an object's area is read: {_R2}", _AT_MOST_1),
        "size_low": _number("Lower end of its 95 % interval."),
        "size_high": _number("Upper end of its 95 % interval.", _AT_MOST_1),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


def measure_artefacts(
    shards: Sequence[PrototypeShard], conditions: Sequence[dict[str, Any]], places: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Return a row per condition, with the columns of ``ARTEFACTS_TABLE``.

    Conditions that compare the same prototypes in another way have the same values.

    Parameters
    ----------
    places
        See :func:`semlens.statistics.places.read_places`.
    """
    found: dict[tuple, dict[str, Any]] = {}
    rows = []
    for condition in conditions:
        key = tuple(condition[name] for name in ("view", "timestep", "layers"))
        if key not in found:
            found[key] = _describe(shards, condition, places, seed)
        rows.append({"condition": condition["name"], **found[key]})
    return pd.DataFrame(rows, columns=list(ARTEFACTS_TABLE.columns))


def _describe(
    shards: Sequence[PrototypeShard], condition: dict[str, Any], places: pd.DataFrame, seed: int
) -> dict[str, Any]:
    rows, vectors = load_prototypes(shards, condition)
    treatment = choose_treatment(shards, condition)
    probed = sample_units(get_units(rows), MAX_PROBED, seed)
    ids, units = rows["instance_id"].iloc[probed], get_units(rows).iloc[probed]
    probe = measure_position(vectors[probed], places.loc[ids, ["x", "y", "log_area"]].to_numpy(), units, seed)
    log.info("%s: place R2 %.3f and %.3f, size R2 %.3f", condition["name"], *probe.r2)
    return {
        "n_objects": len(rows),
        "n_channels": vectors.shape[1],
        **measure_largest(vectors, treatment.list_names()),
        "discarded_channels": ", ".join(treatment.list_discarded()) or None,
        "n_probed": len(probed),
        "n_units": probe.n_groups,
        **dict(zip(("place_r2", "place_low", "place_high"), probe.average([0, 1]), strict=True)),
        **dict(zip(("x_r2", "y_r2"), probe.r2, strict=False)),
        **dict(zip(("size_r2", "size_low", "size_high"), probe.average([2]), strict=True)),
    }


def measure_largest(vectors: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Return the largest channels by name, and their shares of variance and of squared length.

    Parameters
    ----------
    vectors
        (n, channels).
    names
        (channels,).
    """
    values = vectors.astype(np.float64)
    largest = np.argsort(-np.abs(values).mean(axis=0), kind="stable")[:N_LARGEST]
    shares = {"variance_share": values.var(axis=0), "magnitude_share": np.mean(values**2, axis=0)}
    return {
        "largest_channels": ", ".join(names[channel] for channel in largest),
        **{
            name: by_channel[largest].sum() / by_channel.sum() if by_channel.sum() > 0 else np.nan
            for name, by_channel in shares.items()
        },
    }
