"""The expected order: whether the means of the sets rise as Eq. 16 or 17 says, and how sure that is."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.statistics.intervals import Estimates
from semlens.statistics.means import stack_estimates, subtract
from semlens.statistics.samples import DistanceSample

VERDICTS = {
    "established": "all intervals lie above 0",
    "observed": "the means are in order, but some interval includes 0",
    "undecided": "the means are not in order, but no interval lies below 0",
    "violated": "some interval lies below 0",
    "empty": "a set has no pairs",
}

ORDER_TABLE = pa.DataFrameSchema(
    {
        "condition": pa.Column(str, description="Condition of the experiment, as text."),
        "expected": pa.Column(str, description="Sets by rising mean, as the expected order has them."),
        "observed": pa.Column(str, description="The same sets by rising mean, as they are; empty sets are left out."),
        "verdict": pa.Column(
            str,
            pa.Check.isin(VERDICTS),
            description="Whether the two agree, by the intervals of the gaps between means, see the glossary.",
        ),
        "gaps": pa.Column(
            str,
            nullable=True,
            description="Each gap between means of neighbours in the expected order, with its 95 % interval, which "
            "holds for all gaps of the condition at once.",
        ),
        "n_units": pa.Column(
            "int64", pa.Check.ge(0), description="The fewest images (videos) that have an object in a set's pairs."
        ),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


def judge_order(samples: dict[str, DistanceSample], expected_order: Sequence[str], seed: int) -> pd.DataFrame:
    """Return whether the means of the sets rise in the expected order (Eq. 16 or 17), a row of ``ORDER_TABLE``."""
    means = {name: samples[name].running.mean for name in expected_order if samples[name].running.n}
    verdict, gaps = "empty", ""
    if len(means) == len(expected_order):
        estimates = estimate_gaps(samples, expected_order)
        band = estimates.compute_band(seed)
        verdict = judge_signs(estimates.values, band)
        gaps = "; ".join(map(_describe_gap, estimates.names, estimates.values, *band))
    observed = " < ".join(sorted(means, key=means.get))
    row = {"expected": " < ".join(expected_order), "observed": observed, "verdict": verdict, "gaps": gaps}
    return pd.DataFrame([row | {"n_units": min(samples[name].means.n_units for name in expected_order)}])


def estimate_gaps(samples: dict[str, DistanceSample], expected_order: Sequence[str]) -> Estimates:
    """Return the gap between the means of each set and the next one."""
    pairs = list(pairwise(expected_order))
    values = np.stack([subtract(samples[a].means, samples[b].means) for a, b in pairs])
    n_units = np.array([min(samples[a].means.n_units, samples[b].means.n_units) for a, b in pairs])
    return stack_estimates([f"{a} < {b}" for a, b in pairs], values, n_units)


def judge_signs(values: np.ndarray, band: np.ndarray) -> str:
    """Return the verdict on the statement that all values are positive, from their simultaneous intervals.

    Parameters
    ----------
    values
        (n,), none of them NaN.
    band
        (2, n) Lower and upper ends; NaN where there is no interval.
    """
    low, high = band
    if (high < 0).any():
        return "violated"
    if not (values > 0).all():
        return "undecided"
    return "established" if (low > 0).all() else "observed"


def _describe_gap(name: str, value: float, low: float, high: float) -> str:
    interval = "no interval" if np.isnan(low) else f"{low:.4g} to {high:.4g}"
    return f"{name} by {value:.4g} ({interval})"
