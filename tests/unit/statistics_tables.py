"""Tables of statistics as the workflow writes them, for tests of what reads them."""

import numpy as np
import pandas as pd

SHAPE = ["mean", "std", "min", "whisker_low", "q1", "median", "q3", "whisker_high", "max"]
SETS = ["scsi", "scdi", "dcsi"]


def make_sets(conditions, *, empty=(), sets=SETS, shift=0.0):
    rows = []
    for place, condition in enumerate(conditions):
        for step, name in enumerate(sets):
            low = shift + 0.1 * step + 0.01 * place
            values = [low + 0.05, 0.02, low, low + 0.01, low + 0.03, low + 0.04, low + 0.07, low + 0.09, low + 0.2]
            if (condition, name) in empty:
                values = [np.nan] * len(SHAPE)
            n = 0 if (condition, name) in empty else 1000 * (step + 1) + place
            interval = {"n_units": 20, "low": values[0] - 0.01, "high": values[0] + 0.01}
            shape = dict(zip(SHAPE, values, strict=True))
            rows.append({"condition": condition, "set": name, "n": n, **shape, **interval, "few": None})
            rows[-1]["shapiro_p"] = 0.25 if n else np.nan
    return pd.DataFrame(rows)


def make_order(conditions, verdict="established"):
    rows = [{"condition": name, "expected": "", "observed": "", "verdict": verdict} for name in conditions]
    return pd.DataFrame(rows)


def make_tests(conditions, values):
    """Statistics of one pair of sets, or more: (set_a, set_b, p, log10 p, Dunn index) for every condition."""
    rows = [
        {
            **{"condition": condition, "set_a": a, "set_b": b, "h": 1.0, "p": p, "log10_p": log10_p},
            **{"dunn_table1": dunn, "dunn_table1_low": dunn - 0.5, "dunn_table1_high": dunn + 0.5},
            "dunn_eq10": dunn / 100,
        }
        for condition in conditions
        for a, b, p, log10_p, dunn in values
    ]
    return pd.DataFrame(rows)


def make_separation(conditions, *, comparison="between", best=(), separation=0.75):
    """Statistics of separation, the same under all conditions; None is one without classes that count."""
    known = separation is not None
    rows = [
        {
            **{"condition": name, "comparison": comparison, "separation": separation},
            **{"band_low": separation - 0.05 if known else None, "band_high": separation + 0.05 if known else None},
            **{"p_adjusted": 0.001 if known else None, "among_best": name in best},
            **{"n_objects": 1234 if known else 0, "n_units": 99 if known else 0, "n_classes": 7 if known else 0},
        }
        for name in conditions
    ]
    return pd.DataFrame(rows)


def make_tasks(conditions, *, task="retrieval", measure="average_precision", target="class", best=(), value=0.5):
    """One measure of a task, the same under all conditions; None is one without a value."""
    known = value is not None
    rows = [
        {
            **{"condition": name, "task": task, "measure": measure, "target": target, "value": value},
            **{"band_low": value - 0.1 if known else None, "band_high": value + 0.1 if known else None},
            **{"chance": 0.25 if known else None, "p_adjusted": 0.01 if known and target == "class" else np.nan},
            **{"among_best": name in best, "n_objects": 1234 if known else 0, "n_units": 99 if known else 0},
            "n_classes": 7 if known else 0,
        }
        for name in conditions
    ]
    return pd.DataFrame(rows)
