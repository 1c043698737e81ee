"""The findings of a run: per question what is best, what cannot be told from it, and where expected orders hold."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.config.axes import AXES, FOREIGN
from semlens.config.choices import CHOICES
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log
from semlens.statistics.comparisons import COMPARISONS
from semlens.statistics.intervals import Estimates
from semlens.statistics.order import VERDICTS
from semlens.statistics.studies import Comparison, Study, collect_studies, group_by_question, pair_models
from semlens.storage.tables import check_table, write_csv

ORDER = "order"
MULTIVERSE = "multiverse"
QUESTIONS = {
    "between": "Which {axis} separates classes best, between images?",
    "inside": "Which {axis} separates classes best, inside images?",
    "identity": "Under which {axis} do objects keep their identity best?",
    ORDER: "Under which {axis} is {expected}?",
    MULTIVERSE: "Is {expected}, whatever is chosen?",
}


def _text(description: str, check: pa.Check | None = None) -> pa.Column:
    return pa.Column(str, check, nullable=True, description=description)


def _number(description: str, check: pa.Check | None = None) -> pa.Column:
    return pa.Column(float, check, nullable=True, description=description)


_SHARE = pa.Check.in_range(0, 1)
FINDINGS = pa.DataFrameSchema(
    {
        "question": pa.Column(str, description="What is asked."),
        "comparison": pa.Column(
            str,
            pa.Check.isin([*COMPARISONS, ORDER, MULTIVERSE]),
            description="What separation compares, as in the table of separation; or `order`, of the means of sets; or "
            "`multiverse`, that order under every combination of choices.",
        ),
        "axis": pa.Column(str, pa.Check.isin([*AXES, MULTIVERSE]), description="What the conditions vary."),
        "settings": pa.Column(
            str, description="What is the same in all conditions; of a multiverse, the choices that vary."
        ),
        "datasets": pa.Column(str, description="Datasets, separated by commas; separation is the mean over them."),
        "model": pa.Column(str, description="Model that the row is about."),
        "conditions": pa.Column(str, description="All conditions that were tried, separated by commas."),
        "best": _text("The condition with the largest separation; null where no class counts, or an order is asked."),
        "also_best": _text("The other conditions that cannot be told from the best, at 95 %."),
        "separation": _number("Separation under the best condition; of a multiverse, the median.", _SHARE),
        "low": _number(
            "Lower end of its 95 % interval, which holds for all conditions at once, or is that of the median.", _SHARE
        ),
        "high": _number("Upper end of this interval.", _SHARE),
        "elsewhere": _number("Separation of the best condition on images (videos) that did not choose it.", _SHARE),
        "control_model": _text(
            "The same network with random weights, or several, whose mean counts; null if there is none."
        ),
        "control_separation": _number("Separation of the control under the model's best condition.", _SHARE),
        "control_low": _number("Lower end of its 95 % interval, which holds for all conditions at once.", _SHARE),
        "control_high": _number("Upper end of this interval.", _SHARE),
        "contrast": _number("Separation of the model minus that of the control, on the same images."),
        "contrast_low": _number("Lower end of its 95 % interval, which holds for all conditions at once."),
        "contrast_high": _number("Upper end of this interval."),
        **{
            name: _text(
                f"Conditions for which the order of means is {name}: {meaning}. Null where no order is asked. Of a "
                "multiverse a count: `61 of 72`."
            )
            for name, meaning in VERDICTS.items()
        },
        "n_objects": pa.Column(
            "int64", pa.Check.ge(0), description="Number of objects of the datasets; those that count, for separation."
        ),
        "n_units": pa.Column(
            "int64",
            pa.Check.ge(0),
            description="Number of images (videos) of these objects; of an order, the fewest that a set has pairs in.",
        ),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


def tabulate_findings(
    comparisons: Sequence[Comparison],
    models: Sequence[dict[str, Any]],
    multiverses: Iterable[tuple[pd.DataFrame, pd.DataFrame]],
    seed: int,
) -> pd.DataFrame:
    """Return a row per question and model, with the columns of ``FINDINGS``.

    Where separation is asked, the mean of its controls stands beside a model; where an order is, each has rows of its
    own.

    Parameters
    ----------
    models
        As :func:`semlens.statistics.studies.pair_models` takes them.
    multiverses
        Of each, the summary and the specifications, see :mod:`semlens.statistics.multiverse_tables`.
    """
    studies = collect_studies(comparisons)
    rows = []
    for name, controls in pair_models(models):
        rows += [_summarize_study(study, name, controls, seed) for study in studies if name in study.estimates]
        for model in (name, *controls):
            rows += [row for group in group_by_question(comparisons) for row in _summarize_orders(group, model)]
    keys = ("question", "comparison", "settings", "datasets", "model", "conditions")
    rows = list({tuple(row[key] for key in keys): row for row in rows}.values())
    rows += [row for multiverse in multiverses for row in _summarize_multiverse(*multiverse)]
    return check_table(pd.DataFrame(rows, columns=list(FINDINGS.columns)), FINDINGS, "findings")


def write_findings(findings: pd.DataFrame, *, csv: str | Path, json: str | Path) -> None:
    """Write what :func:`tabulate_findings` returns, for people and for programs: the same records in both files."""
    write_csv(findings, FINDINGS, csv)
    with write_atomically(json) as file:
        findings.to_json(file, orient="records", indent=1, force_ascii=False)
    for row in findings.itertuples():
        is_order = row.comparison in (ORDER, MULTIVERSE)
        answer = f"established: {row.established}" if is_order else f"{row.best}, {row.separation:.4f}"
        log.info("%s: %s (%s): %s of %s", row.model, row.question, row.datasets, answer, row.conditions)


def format_settings(settings: dict[str, Any]) -> str:
    """Return settings as text; those that do not apply are left out."""
    return ", ".join(f"{key} {value}" for key, value in settings.items() if value not in (None, FOREIGN))


def _summarize_study(study: Study, model: str, controls: Sequence[str], seed: int) -> dict[str, Any]:
    measured = [name for name in controls if name in study.estimates and len(study.estimates[name].values)]
    row = {
        "question": QUESTIONS[study.comparison].format(axis=AXES[study.axis].noun),
        "comparison": study.comparison,
        "axis": study.axis,
        "settings": format_settings(study.own_settings[model]),
        "datasets": ", ".join(study.datasets),
        "model": model,
        "conditions": ", ".join(study.asked[model]),
        "control_model": ", ".join(measured) or None,
        "n_objects": study.n_objects[model],
        "n_units": study.n_units[model],
    }
    estimates = study.estimates[model]
    if not len(estimates.values):
        return row
    best = int(np.argmax(estimates.values))
    also = [estimates.names[place] for place in np.flatnonzero(estimates.list_best(seed)) if place != best]
    row |= {
        "best": estimates.names[best],
        "also_best": ", ".join(also),
        **_describe(estimates, best, seed, "separation"),
        "elsewhere": float(np.clip(estimates.estimate_elsewhere(seed), 0, 1)),
    }
    if not measured:
        return row
    control = Estimates.average([study.estimates[name] for name in measured])
    shared = [name for name in estimates.names if name in control.names]
    if estimates.names[best] in shared:
        place = shared.index(estimates.names[best])
        of_model, of_control = (one.select(shared) for one in (estimates, control))
        row |= _describe(of_control, place, seed, "control_separation", "control_")
        row |= _describe(of_model - of_control, place, seed, "contrast", "contrast_", share=False)
    return row


def _describe(
    estimates: Estimates, place: int, seed: int, name: str, prefix: str = "", *, share: bool = True
) -> dict[str, float]:
    """Return a value and its simultaneous interval."""
    low, high = estimates.compute_band(seed, share=share)[:, place]
    return {name: estimates.values[place], f"{prefix}low": low, f"{prefix}high": high}


def _summarize_orders(group: Sequence[Comparison], model: str) -> Iterator[dict[str, Any]]:
    """Yield a row per order that was expected of a model: its conditions by verdict."""
    tables = [
        entry.order.assign(dataset=entry.dataset, n_objects=entry.separation["n_all"].max())
        for entry in group
        if entry.model == model
    ]
    if not tables:
        return
    rows = pd.concat(tables, ignore_index=True).drop_duplicates(["dataset", "condition", "expected"])
    for expected, found in rows.groupby("expected", sort=False):
        several = found["dataset"].nunique() > 1
        where = found["condition"] + (" on " + found["dataset"] if several else "")
        axis, settings = group[0].axis, next(entry.settings for entry in group if entry.model == model)
        yield {
            "question": QUESTIONS[ORDER].format(axis=AXES[axis].noun, expected=expected),
            "comparison": ORDER,
            "axis": axis,
            "settings": format_settings(settings),
            "datasets": ", ".join(dict.fromkeys(found["dataset"])),
            "model": model,
            "conditions": ", ".join(dict.fromkeys(found["condition"])),
            **{name: ", ".join(where[found["verdict"] == name]) for name in VERDICTS},
            "n_objects": int(found.drop_duplicates("dataset")["n_objects"].sum()),
            "n_units": int(found["n_units"].min()),
        }


def _summarize_multiverse(summary: pd.DataFrame, specifications: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield a row per model and dataset: in how many specifications the order holds."""
    varied = [name for key, name in CHOICES.items() if specifications[key].notna().any()]
    for row in summary.to_dict(orient="records"):
        own = specifications[(specifications["model"] == row["model"]) & (specifications["dataset"] == row["dataset"])]
        n = row["n_specifications"]
        yield {
            "question": QUESTIONS[MULTIVERSE].format(expected=row["expected"]),
            "comparison": MULTIVERSE,
            "axis": MULTIVERSE,
            "settings": f"vary: {', '.join(varied)}",
            "datasets": row["dataset"],
            "model": row["model"],
            "conditions": f"{n:,} specifications",
            **{"separation": row["median"], "low": row["median_low"], "high": row["median_high"]},
            **{name: f"{row[name]:,} of {n:,}" for name in VERDICTS},
            "n_objects": int(own["n_objects"].max()),
            "n_units": int(own["n_units"].min()),
        }
