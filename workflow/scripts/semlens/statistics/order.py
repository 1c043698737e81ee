"""The expected order: whether the means of the sets rise as Eq. 16 or 17 says."""

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd
import pandera.pandas as pa

from semlens.statistics.samples import DistanceSample

VERDICTS = ("holds", "does not hold", "empty set")

ORDER_TABLE = pa.DataFrameSchema(
    {
        "condition": pa.Column(str, description="Condition of the experiment, as text."),
        "expected": pa.Column(str, description="Sets by rising mean, as the expected order has them."),
        "observed": pa.Column(str, description="The same sets by rising mean, as they are; empty sets are left out."),
        "verdict": pa.Column(str, pa.Check.isin(VERDICTS), description="Whether the two agree."),
    },
    strict=True,
    coerce=True,
)


def judge_order(samples: dict[str, DistanceSample], expected_order: Sequence[str]) -> pd.DataFrame:
    """Return whether the means of the sets rise in the expected order (Eq. 16 or 17)."""
    means = {name: samples[name].running.mean for name in expected_order if samples[name].running.n}
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
