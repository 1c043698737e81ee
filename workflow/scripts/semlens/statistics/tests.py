"""Pairs of distance sets compared: the tests and indices of Table 1, and an effect size (section 3.3)."""

from itertools import combinations

import numpy as np
import pandas as pd
import pandera.pandas as pa
from scipy import stats

from semlens.compare.pairs import SETS
from semlens.statistics.means import compute_dunn_table1, estimate, subtract
from semlens.statistics.samples import DistanceSample


def _column(description: str, check: pa.Check | None = None) -> pa.Column:
    return pa.Column("float64", check, nullable=True, description=description)


def _describe_interval(name: str) -> dict[str, pa.Column]:
    return {
        f"{name}_se": _column(f"Standard error of {name}, by the jackknife over images (videos)."),
        f"{name}_low": _column(f"Lower end of the 95 % interval of {name}."),
        f"{name}_high": _column(f"Upper end of the 95 % interval of {name}."),
    }


TESTS_TABLE = pa.DataFrameSchema(
    {
        "condition": pa.Column(str, description="Condition of the experiment, as text."),
        "set_a": pa.Column(str, pa.Check.isin(SETS), description="First distance set."),
        "set_b": pa.Column(str, pa.Check.isin(SETS), description="Second distance set."),
        "n_a": pa.Column("int64", pa.Check.ge(0), description="Stored distances of the first set."),
        "n_b": pa.Column("int64", pa.Check.ge(0), description="Stored distances of the second set."),
        "h": _column("Statistic H of Kruskal and Wallis."),
        "p": _column("Its p-value, as if pairs were independent, which they are not.", pa.Check.in_range(0, 1)),
        "log10_p": _column("Its decimal logarithm, which stays finite where p underflows.", pa.Check.le(0)),
        "gap": _column("mean(b) - mean(a) of all distances."),
        **_describe_interval("gap"),
        "dunn_table1": _column(
            "|mean(a) - mean(b)| / max(std(a), std(b)): what Table 1 prints as the Dunn index.", pa.Check.ge(0)
        ),
        **_describe_interval("dunn_table1"),
        "dunn_eq10": _column(
            "Eq. 10: the smallest gap between the sets over the largest range within one.", pa.Check.ge(0)
        ),
        "cliffs_delta": _column("P(b > a) - P(b < a) of two stored distances.", pa.Check.in_range(-1, 1)),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


def compare_sets(samples: dict[str, DistanceSample]) -> pd.DataFrame:
    """Return a row per pair of sets, with the columns of ``TESTS_TABLE`` but ``condition``.

    Means and deviations are those of all distances, all else rests on the stored ones. A pair with an empty set has no
    values.
    """
    table = pd.DataFrame(
        [{"set_a": a, "set_b": b, **_compare(samples[a], samples[b])} for a, b in combinations(samples, 2)]
    )
    return table.reindex(columns=[name for name in TESTS_TABLE.columns if name != "condition"])


def compute_dunn_eq10(x: np.ndarray, y: np.ndarray) -> float:
    """Return Eq. 10 for two sorted sets of distances as clusters: smallest gap between over largest range within."""
    place = np.searchsorted(y, x)
    gap = min(
        np.abs(x - y[np.minimum(place, len(y) - 1)]).min(),
        np.abs(x - y[np.maximum(place - 1, 0)]).min(),
    )
    width = max(np.ptp(x), np.ptp(y))
    return float(gap / width) if width > 0 else np.nan


def compute_cliffs_delta(x: np.ndarray, y: np.ndarray) -> float:
    """Return P(y > x) - P(y < x) over all pairs of two sorted samples."""
    larger = len(x) * len(y) - np.searchsorted(y, x, side="right").sum()
    smaller = np.searchsorted(y, x, side="left").sum()
    return float((larger - smaller) / (len(x) * len(y)))


def _compare(a: DistanceSample, b: DistanceSample) -> dict[str, float]:
    x, y = a.values, b.values
    counts = {"n_a": len(x), "n_b": len(y)}
    if not len(x) or not len(y):
        return counts
    n_units = min(a.means.n_units, b.means.n_units)
    constant = x[0] == x[-1] == y[0] == y[-1]
    h, p = (np.nan, np.nan) if constant else stats.kruskal(x, y)
    return {
        **counts,
        "h": h,
        "p": p,
        # chi2 with one degree of freedom is a squared normal, whose tail scipy has in logarithms
        "log10_p": np.minimum(0, (np.log(2) + stats.norm.logsf(np.sqrt(h))) / np.log(10)),
        **_estimate("gap", subtract(a.means, b.means), n_units),
        **_estimate("dunn_table1", compute_dunn_table1(a.means, b.means), n_units),
        "dunn_eq10": compute_dunn_eq10(x, y),
        "cliffs_delta": compute_cliffs_delta(x, y),
    }


def _estimate(name: str, values: np.ndarray, n_units: int) -> dict[str, float]:
    found = estimate(name, values, n_units)
    (low,), (high,) = found.compute_interval()
    return {name: found.values[0], f"{name}_se": found.se[0], f"{name}_low": low, f"{name}_high": high}
