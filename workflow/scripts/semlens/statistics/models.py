"""Models side by side: what each separates best, and how far that is below the highest, on the same images."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.config.axes import AXES
from semlens.models.layers import BASELINE
from semlens.statistics.comparisons import COMPARISONS
from semlens.statistics.findings import QUESTIONS, format_settings
from semlens.statistics.intervals import Estimates
from semlens.statistics.studies import Study, pair_models
from semlens.storage.csv_tables import read_csv
from semlens.storage.tables import check_table

_SHARE = pa.Check.in_range(0, 1)
MODELS_TABLE = pa.DataFrameSchema(
    {
        "question": pa.Column(str, description="What is asked of each model."),
        "comparison": pa.Column(str, pa.Check.isin(COMPARISONS), description="What separation compares."),
        "axis": pa.Column(str, pa.Check.isin(AXES), description="What the conditions vary."),
        "settings": pa.Column(str, description="What is the same in all conditions."),
        "datasets": pa.Column(str, description="Datasets, separated by commas; separation is the mean over them."),
        "model": pa.Column(str, description="Model, or baseline; the highest first."),
        "weights": pa.Column(
            str,
            pa.Check.isin(["pretrained", "random"]),
            description="As the configuration has it; pretrained of baselines.",
        ),
        "condition": pa.Column(str, description="Its condition with the largest separation."),
        "depth": pa.Column(
            float,
            _SHARE,
            nullable=True,
            description="How deep this layer lies, 0 to 1; null of sums, of baselines, and of other conditions.",
        ),
        "separation": pa.Column(float, _SHARE, description="Separation under this condition."),
        "low": pa.Column(float, _SHARE, nullable=True, description="Lower end of its 95 % interval, for all models."),
        "high": pa.Column(float, _SHARE, nullable=True, description="Upper end of this interval."),
        "elsewhere": pa.Column(
            float,
            _SHARE,
            nullable=True,
            description="Separation of its best condition on images (videos) that did not choose it.",
        ),
        "behind": pa.Column(float, description="Separation minus that of the highest model, on the same images."),
        "behind_low": pa.Column(
            float, nullable=True, description="Lower end of its 95 % interval, which holds for all pairs of models."
        ),
        "behind_high": pa.Column(float, nullable=True, description="Upper end of this interval."),
        "n_units": pa.Column("int64", pa.Check.ge(0), description="Number of images (videos) that count."),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


def rank_models(
    studies: Sequence[Study], models: Sequence[dict[str, Any]], depths: dict[str, dict[str, float]], seed: int
) -> pd.DataFrame:
    """Return the models of every study of several, each under its best condition, the highest first.

    Intervals hold for all of a study's models, or pairs of models, at once. They do not count that each condition was
    chosen; ``elsewhere`` does.

    Parameters
    ----------
    models
        As :func:`semlens.statistics.studies.pair_models` takes them. Controls are left out.
    depths
        By model and layer, how deep the layer lies.
    """
    weights = {model["name"]: model["weights"] for model in models}
    compared = {name: weights[name] for name, _ in pair_models(models)}
    rows = [row for study in studies for row in _rank(study, compared, depths, seed)]
    return check_table(pd.DataFrame(rows, columns=list(MODELS_TABLE.columns)), MODELS_TABLE, "models")


def read_levels(
    models: Sequence[dict[str, Any]], paths: Sequence[str | Path], key: str, value: str
) -> dict[str, dict[str, float]]:
    """Return one column of a table per model by another, whose values become text as conditions are."""
    tables = [read_csv(path) for path in paths]
    return {
        model["name"]: dict(zip(table[key].astype(str), table[value], strict=True))
        for model, table in zip(models, tables, strict=True)
    }


def _rank(
    study: Study, compared: dict[str, str], depths: dict[str, dict[str, float]], seed: int
) -> list[dict[str, Any]]:
    measured = {
        name: study.estimates[name] for name in compared if len(getattr(study.estimates.get(name), "values", ()))
    }
    if len(measured) < 2:
        return []
    chosen = {name: one.names[int(np.argmax(one.values))] for name, one in measured.items()}
    bests = [one.select([chosen[name]]) for name, one in measured.items()]
    order = sorted(range(len(bests)), key=lambda place: -bests[place].values[0])
    ranked = Estimates(
        [list(measured)[place] for place in order],
        *(
            np.concatenate([getattr(bests[place], key) for place in order])
            for key in ("values", "influence", "n_units")
        ),
    )
    low, high = ranked.compute_band(seed, share=True)
    pairs = list(combinations(range(len(order)), 2))
    differences = ranked.subtract([(later, earlier) for earlier, later in pairs])
    behind = differences.compute_band(seed)
    return [
        {
            "question": QUESTIONS[study.comparison].format(axis=AXES[study.axis].noun),
            "comparison": study.comparison,
            "axis": study.axis,
            "settings": format_settings(study.settings),
            "datasets": ", ".join(study.datasets),
            "model": name,
            "weights": compared[name],
            "condition": chosen[name],
            "depth": depths.get(name, {}).get(chosen[name]) if chosen[name] != BASELINE else None,
            "separation": ranked.values[place],
            "low": low[place],
            "high": high[place],
            "elsewhere": float(np.clip(measured[name].estimate_elsewhere(seed), 0, 1)),
            "behind": differences.values[place - 1] if place else 0.0,
            "behind_low": behind[0, place - 1] if place else None,
            "behind_high": behind[1, place - 1] if place else None,
            "n_units": ranked.n_units[place],
        }
        for place, name in enumerate(ranked.names)
    ]
