"""Each distance set described: counts, mean, spread, quartiles, and whether it looks normal (section 3.3)."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
from scipy import stats

from semlens.compare.pairs import SETS
from semlens.statistics.means import estimate
from semlens.statistics.samples import DistanceSample

SHAPIRO_LIMIT = 5000  # above it scipy's p-value is not accurate
FEW = 10  # a box of fewer distances says less than the distances
_SHAPE = {
    "mean": "Mean of all distances.",
    "std": "Sample standard deviation (n - 1) of all distances.",
    "min": "Smallest of all distances.",
    "whisker_low": "Lower whisker: the smallest stored distance within 1.5 interquartile ranges of the box.",
    "q1": "First quartile of the stored distances.",
    "median": "Median of the stored distances.",
    "q3": "Third quartile of the stored distances.",
    "whisker_high": "Upper whisker: the largest stored distance within 1.5 interquartile ranges of the box.",
    "max": "Largest of all distances.",
}

_INTERVAL = {
    "se": "Standard error of the mean, by the jackknife over images (videos); null where fewer than five have pairs.",
    "low": "Lower end of the mean's 95 % interval, t(n_units - 1).",
    "high": "Upper end of the mean's 95 % interval.",
}

SETS_TABLE = pa.DataFrameSchema(
    {
        "condition": pa.Column(str, description="Condition of the experiment, as text."),
        "set": pa.Column(str, pa.Check.isin(SETS), description="Distance set (Eqs. 11 to 15)."),
        "n": pa.Column("int64", pa.Check.ge(0), description="Number of pairs in the set."),
        "n_stored": pa.Column("int64", pa.Check.ge(0), description="Number of their distances that are stored."),
        **{name: pa.Column("float64", nullable=True, description=text) for name, text in _SHAPE.items()},
        "n_units": pa.Column(
            "int64", pa.Check.ge(0), description="Number of images (videos) that have an object in a pair of the set."
        ),
        **{name: pa.Column("float64", nullable=True, description=text) for name, text in _INTERVAL.items()},
        "few": pa.Column(
            str,
            nullable=True,
            description=f"The distances themselves, by size, where fewer than {FEW} are stored; separated by spaces.",
        ),
        "n_shapiro": pa.Column(
            "int64", pa.Check.ge(0), description="Number of stored distances, at most 5000 at random, that were tested."
        ),
        "shapiro_w": pa.Column(
            "float64", pa.Check.in_range(0, 1 + 1e-9), nullable=True, description="Statistic W of Shapiro and Wilk."
        ),
        "shapiro_p": pa.Column(
            "float64", pa.Check.in_range(0, 1), nullable=True, description="p-value of the Shapiro-Wilk test."
        ),
    },
    strict=True,
    coerce=True,
)


def describe_sets(samples: dict[str, DistanceSample], rng: np.random.Generator) -> pd.DataFrame:
    """Return a row per set, with the columns of ``SETS_TABLE`` but ``condition``; an empty set has no values.

    Counts, means, deviations and extremes are those of all distances. Quartiles, whiskers and the Shapiro-Wilk test use
    the stored ones. A whisker ends at the box where the box's interpolated edge lies beyond the last distance.

    Parameters
    ----------
    rng
        Chooses the distances that are tested where a set stores over ``SHAPIRO_LIMIT``.
    """
    return pd.DataFrame(
        [
            {
                "set": name,
                **_describe(sample),
                **_describe_mean(sample),
                "few": " ".join(f"{value:.6g}" for value in sample.values) if 0 < len(sample.values) < FEW else None,
                **_test_normality(sample, rng),
            }
            for name, sample in samples.items()
        ]
    )


def _describe(sample: DistanceSample) -> dict[str, float]:
    x, running = sample.values, sample.running
    counts = {"n": running.n, "n_stored": len(x)}
    if not len(x):
        return counts | dict.fromkeys(_SHAPE, np.nan)
    q1, median, q3 = np.percentile(x, [25, 50, 75])
    reach = 1.5 * (q3 - q1)
    return {
        **counts,
        "mean": running.mean,
        "std": running.std,
        "min": running.min,
        "whisker_low": min(q1, x[np.searchsorted(x, q1 - reach)]),
        "q1": q1,
        "median": median,
        "q3": q3,
        "whisker_high": max(q3, x[np.searchsorted(x, q3 + reach, side="right") - 1]),
        "max": running.max,
    }


def _describe_mean(sample: DistanceSample) -> dict[str, float]:
    mean = estimate("mean", sample.means.mean, sample.means.n_units)
    (low,), (high,) = mean.compute_interval()
    return {"n_units": sample.means.n_units, "se": mean.se[0], "low": low, "high": high}


def _test_normality(sample: DistanceSample, rng: np.random.Generator) -> dict[str, float]:
    x = sample.values
    tested = x if len(x) <= SHAPIRO_LIMIT else rng.choice(x, SHAPIRO_LIMIT, replace=False)
    w, p = stats.shapiro(tested) if len(x) >= 3 and np.ptp(tested) > 0 else (np.nan, np.nan)
    return {"n_shapiro": len(tested), "shapiro_w": w, "shapiro_p": p}
