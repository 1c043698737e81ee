"""What the distance sets say: their moments, which differ, by how much, and in the expected order? (section 3.3)"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow.dataset as arrow_dataset
from scipy import stats

from semlens.compare.pairs import SETS
from semlens.compare.running_statistics import RunningStatistics, read_running_statistics
from semlens.runtime.logs import log, show_progress
from semlens.storage.tables import write_csv


def _fraction() -> pa.Check:
    return pa.Check.in_range(0, 1)


_PAIR = {
    "condition": pa.Column(str),
    "set_a": pa.Column(str, pa.Check.isin(SETS)),
    "set_b": pa.Column(str, pa.Check.isin(SETS)),
}


_DESCRIBED = ("mean", "std", "min", "whisker_low", "q1", "median", "q3", "whisker_high", "max")


STATISTICS = {
    "sets": pa.DataFrameSchema(
        {
            "condition": pa.Column(str),
            "set": pa.Column(str, pa.Check.isin(SETS)),
            "n": pa.Column("int64", pa.Check.ge(0)),
            "n_stored": pa.Column("int64", pa.Check.ge(0)),
            **{name: pa.Column("float64", nullable=True) for name in _DESCRIBED},
        },
        strict=True,
        coerce=True,
    ),
    "tests": pa.DataFrameSchema(
        {
            **_PAIR,
            "n_a": pa.Column("int64", pa.Check.ge(0)),
            "n_b": pa.Column("int64", pa.Check.ge(0)),
            "h": pa.Column("float64", nullable=True),
            "p": pa.Column("float64", _fraction(), nullable=True),
            "log10_p": pa.Column("float64", pa.Check.le(0), nullable=True),
            "p_holm": pa.Column("float64", _fraction(), nullable=True),
            "dunn_table1": pa.Column("float64", pa.Check.ge(0), nullable=True),
            "dunn_eq10": pa.Column("float64", pa.Check.ge(0), nullable=True),
            "cliffs_delta": pa.Column("float64", pa.Check.in_range(-1, 1), nullable=True),
        },
        strict=True,
        coerce=True,
    ),
    "order": pa.DataFrameSchema(
        {
            "condition": pa.Column(str),
            "expected": pa.Column(str),
            "observed": pa.Column(str),
            "verdict": pa.Column(str, pa.Check.isin(["holds", "does not hold", "empty set"])),
        },
        strict=True,
        coerce=True,
    ),
    "normality": pa.DataFrameSchema(
        {
            "condition": pa.Column(str),
            "set": pa.Column(str, pa.Check.isin(SETS)),
            "n": pa.Column("int64", pa.Check.ge(0)),
            "n_tested": pa.Column("int64", pa.Check.ge(0)),
            "w": pa.Column("float64", pa.Check.in_range(0, 1 + 1e-9), nullable=True),
            "p": pa.Column("float64", _fraction(), nullable=True),
        },
        strict=True,
        coerce=True,
    ),
}


SHAPIRO_LIMIT = 5000  # above it scipy's p-value is not accurate


@dataclass(frozen=True)
class DistanceSample:
    """A distance set: what is ranked of it, sorted, and the moments of all of it, which may be more."""

    values: np.ndarray
    moments: RunningStatistics


def compute_statistics(
    *,
    distances: str | Path,
    conditions: Sequence[str],
    sets: Sequence[str],
    expected_order: Sequence[str],
    seed: int,
    out: dict[str, str],
) -> None:
    """Write the statistics of an experiment on one dataset.

    Counts, means, deviations and extremes are those of all distances. What needs ranks (quartiles, tests, Cliff's
    delta, Eq. 10) rests on the distances that have a row: ``n_stored`` of ``n``, ``n_a`` and ``n_b`` in pairs of sets.

    Parameters
    ----------
    expected_order
        Sets in the order of means that preserved semantics would give (Eq. 16 or 17).
    out
        A path per key of ``STATISTICS``.
    """
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in STATISTICS}
    source, moments = arrow_dataset.dataset(distances), read_running_statistics(distances)
    for condition in show_progress(conditions, total=len(conditions), what="test", unit="condition"):
        rows = source.to_table(columns=["set", "distance"], filter=arrow_dataset.field("condition") == condition)
        labels, values = rows["set"].to_numpy(), rows["distance"].to_numpy().astype(np.float64)
        samples = {
            name: DistanceSample(np.sort(values[labels == name]), moments[condition].get(name, RunningStatistics()))
            for name in sets
        }
        result = {
            "sets": describe_sets(samples),
            "tests": compare_sets(samples),
            "order": judge_order(samples, expected_order),
            "normality": check_normality(samples, np.random.default_rng(seed)),
        }
        for name, frame in result.items():
            frame.insert(0, "condition", condition)
            tables[name].append(frame)
        order = result["order"].iloc[0]
        log.info("%s: %s: %s", condition, order["expected"], order["verdict"])
    for name, frames in tables.items():
        write_csv(pd.concat(frames, ignore_index=True), STATISTICS[name], out[name])


def describe_sets(samples: dict[str, DistanceSample]) -> pd.DataFrame:
    """Return moments, quartiles and Tukey's whiskers of each set; an empty set has n = 0 and no moments.

    ``std`` is the sample standard deviation (n - 1). Whiskers end at the last distance within 1.5 interquartile
    ranges of the box, or at the box if its interpolated edge lies beyond.
    """
    return pd.DataFrame([{"set": name, **_describe(sample)} for name, sample in samples.items()])


def compare_sets(samples: dict[str, DistanceSample]) -> pd.DataFrame:
    """Return, for each pair of sets, the tests and indices of Table 1.

    ``h`` and ``p`` are Kruskal-Wallis; ``log10_p`` stays finite where ``p`` underflows; ``p_holm`` is corrected over
    the pairs of this condition. ``dunn`` is the difference of means over the larger standard deviation, which is
    what Table 1 holds; ``dunn_eq10`` is Eq. 10 on the two sets. ``cliffs_delta`` is the probability that a
    distance of ``set_b`` is larger than one of ``set_a``, less the probability that it is smaller. A pair with an
    empty set has no values.
    """
    table = pd.DataFrame(
        [{"set_a": a, "set_b": b, **_compare(samples[a], samples[b])} for a, b in combinations(samples, 2)]
    )
    table.insert(list(table).index("log10_p") + 1, "p_holm", correct_holm(table["p"].to_numpy()))
    return table


def judge_order(samples: dict[str, DistanceSample], expected_order: Sequence[str]) -> pd.DataFrame:
    """Return whether the means of the sets rise in the expected order (Eq. 16 or 17)."""
    means = {name: samples[name].moments.mean for name in expected_order if samples[name].moments.n}
    if len(means) < len(expected_order):
        verdict = "empty set"
    else:
        verdict = "holds" if all(means[a] < means[b] for a, b in pairwise(expected_order)) else "does not hold"
    return pd.DataFrame(
        [
            {
                "expected": " < ".join(expected_order),
                "observed": " < ".join(sorted(means, key=means.get)),
                "verdict": verdict,
            }
        ]
    )


def check_normality(samples: dict[str, DistanceSample], rng: np.random.Generator) -> pd.DataFrame:
    """Return Shapiro-Wilk per set, on a random ``n_tested`` of its distances where it has over 5000."""
    rows = []
    for name, sample in samples.items():
        x = sample.values
        tested = x if len(x) <= SHAPIRO_LIMIT else rng.choice(x, SHAPIRO_LIMIT, replace=False)
        w, p = stats.shapiro(tested) if len(x) >= 3 and np.ptp(tested) > 0 else (np.nan, np.nan)
        rows.append({"set": name, "n": sample.moments.n, "n_tested": len(tested), "w": w, "p": p})
    return pd.DataFrame(rows)


def correct_holm(p: np.ndarray) -> np.ndarray:
    """Return Holm's step-down corrected p-values; NaN stays NaN and does not count."""
    corrected = np.full(len(p), np.nan)
    order = [place for place in np.argsort(p) if not np.isnan(p[place])]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return corrected


def compute_dunn_table1(x: RunningStatistics, y: RunningStatistics) -> float:
    """Return the difference of means over the larger standard deviation."""
    spread = max((sample.std for sample in (x, y) if sample.n > 1), default=0)
    return abs(x.mean - y.mean) / spread if spread > 0 else np.nan


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


def _describe(sample: DistanceSample) -> dict[str, float]:
    x, moments = sample.values, sample.moments
    counts = {"n": moments.n, "n_stored": len(x)}
    if not len(x):
        return counts | dict.fromkeys(_DESCRIBED, np.nan)
    q1, median, q3 = np.percentile(x, [25, 50, 75])
    reach = 1.5 * (q3 - q1)
    return {
        **counts,
        "mean": moments.mean,
        "std": moments.std,
        "min": moments.min,
        "whisker_low": min(q1, x[np.searchsorted(x, q1 - reach)]),
        "q1": q1,
        "median": median,
        "q3": q3,
        "whisker_high": max(q3, x[np.searchsorted(x, q3 + reach, side="right") - 1]),
        "max": moments.max,
    }


def _compare(a: DistanceSample, b: DistanceSample) -> dict[str, float]:
    x, y = a.values, b.values
    counts = {"n_a": len(x), "n_b": len(y)}
    if not len(x) or not len(y):
        return counts | dict.fromkeys(("h", "p", "log10_p", "dunn_table1", "dunn_eq10", "cliffs_delta"), np.nan)
    constant = x[0] == x[-1] == y[0] == y[-1]
    h, p = (np.nan, np.nan) if constant else stats.kruskal(x, y)
    return {
        **counts,
        "h": h,
        "p": p,
        # chi2 with one degree of freedom is a squared normal, whose tail scipy has in logarithms
        "log10_p": np.minimum(0, (np.log(2) + stats.norm.logsf(np.sqrt(h))) / np.log(10)),
        "dunn_table1": compute_dunn_table1(a.moments, b.moments),
        "dunn_eq10": compute_dunn_eq10(x, y),
        "cliffs_delta": compute_cliffs_delta(x, y),
    }
