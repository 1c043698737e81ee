"""Comparisons with made-up statistics, for tests of what joins them."""

import numpy as np
import pandas as pd

from semlens.statistics.studies import Comparison

SETTINGS = {"layers": "16", "metric": "correlation", "timestep": 0, "prompt": "empty"}


def make_comparison(
    axis="layers",
    values=None,
    *,
    model="trained",
    dataset="coco",
    experiment=None,
    comparison="between",
    noise=0.01,
    n_units=40,
    seed=0,
    verdicts=None,
    expected="scsi < scdi",
    settings=SETTINGS,
):
    """A comparison whose conditions have these separations; None is one without classes that count.

    Errors of units are independent from condition to condition; ``noise`` is about the standard error.
    """
    rng, values = np.random.default_rng(seed), values or {}
    units = [f"{dataset}-{number}" for number in range(n_units)]
    rows, influence = [], []
    for name, value in values.items():
        known = value is not None
        rows.append(
            {
                "condition": name,
                "comparison": comparison,
                "separation": value,
                "n_objects": 100 if known else 0,
                "n_all": 120,
                "n_units": n_units if known else 0,
            }
        )
        if known:
            errors = rng.standard_normal(n_units) * noise / np.sqrt(n_units)
            parts = {"condition": name, "comparison": comparison, "unit": units, "influence": errors - errors.mean()}
            influence.append(pd.DataFrame(parts))
    orders = [
        {"condition": name, "expected": expected, "observed": "", "verdict": verdict, "gaps": "", "n_units": 7}
        for name, verdict in (verdicts or {}).items()
    ]
    empty = pd.DataFrame({"condition": [], "comparison": [], "unit": [], "influence": []}).astype({"influence": float})
    return Comparison(
        experiment or axis,
        model,
        dataset,
        axis,
        {key: value for key, value in settings.items() if key != axis},
        pd.DataFrame(rows).astype({"separation": float}),
        pd.DataFrame(orders, columns=["condition", "expected", "observed", "verdict", "gaps", "n_units"]),
        pd.concat([empty, *influence], ignore_index=True),
    )
