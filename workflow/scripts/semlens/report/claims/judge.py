"""Whether a run agrees with the paper: a verdict per claim and per value."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pandas as pd
import pandera.pandas as pa

from semlens.report.claims.claims import Claim, Published
from semlens.report.claims.conditions import ConditionStatistics, MissingValue, align_units, read_conditions
from semlens.report.claims.paper import EXPERIMENTS, explain_incomparability
from semlens.runtime.logs import log
from semlens.statistics.order import VERDICTS as ORDER_VERDICTS

SUPPORT = tuple(ORDER_VERDICTS)
VERDICTS = ("holds", "does not hold", "not comparable", "no pairs")
JUDGED = pa.DataFrameSchema(
    {
        "experiment": pa.Column(str, pa.Check.isin(EXPERIMENTS), description="Experiment of the paper."),
        "model": pa.Column(str, description="Model of the run."),
        "dataset": pa.Column(str, description="Dataset."),
        "condition": pa.Column(str, description="Condition, or the conditions that the claim compares."),
        "where": pa.Column(str, description="Where the paper says it."),
        "claim": pa.Column(str, description="The statement, in our words."),
        "how": pa.Column(str, description="How it was made decidable, where the text is vague."),
        "published": pa.Column(str, description="The value that the paper prints, or what the claim asks for."),
        "obtained": pa.Column(str, description="What the run found."),
        "verdict": pa.Column(str, pa.Check.isin(VERDICTS), description="Whether the two agree."),
        "support": pa.Column(
            str,
            pa.Check.isin([*SUPPORT, ""]),
            description="How sure the statement is, by intervals of what it compares, see the glossary; empty where it "
            "has none.",
        ),
        "reason": pa.Column(str, description="Why the run cannot be compared, or which value is missing."),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


def judge_claims(published: Published, comparisons: Sequence[dict[str, Any]], seed: int) -> pd.DataFrame:
    """Return a row per claim, model, dataset and condition (or conditions) that the statistics cover, as in ``JUDGED``.

    Claims about experiments, datasets or conditions that were not run are left out. What was obtained is always given;
    it is judged where the run can be compared with the paper's.

    Parameters
    ----------
    comparisons
        Each has ``experiment``, ``model`` and ``dataset``, the files ``sets`` and ``tests`` of its statistics, the file
        ``unit_totals`` of its distances, and what :func:`semlens.report.claims.paper.explain_incomparability` asks for.
    seed
        Of the intervals.
    """
    statistics: dict[tuple[str, str, str, str], ConditionStatistics] = {}
    reasons: dict[tuple[str, str, str], str] = {}
    for comparison in comparisons:
        key = (comparison["experiment"], comparison["model"], comparison["dataset"])
        conditions = read_conditions(comparison["sets"], comparison["tests"], comparison["unit_totals"])
        statistics |= {(*key, condition.name): condition for condition in conditions}
        reasons[key] = explain_incomparability(comparison, published.images)
    models = list(dict.fromkeys(comparison["model"] for comparison in comparisons))
    rows = []
    for claim in published.claims:
        groups = [claim.conditions] if claim.predicate.along else [[name] for name in claim.conditions]
        for model, dataset, conditions in product(models, claim.datasets, groups):
            places = [claim.locate(condition) for condition in conditions]
            keys = [(experiment, model, dataset, name) for experiment, name in places]
            if all(key in statistics for key in keys):
                reason = next(filter(None, (reasons[key[:3]] for key in keys)), "")
                row = _judge(claim, align_units([statistics[key] for key in keys]), reason, seed)
                rows.append({"model": model, "dataset": dataset, "condition": ", ".join(conditions), **row})
    judged = pd.DataFrame(rows, columns=list(JUDGED.columns))
    log.info("the paper's claims: %s", count_verdicts(judged))
    return judged


def count_verdicts(judged: pd.DataFrame) -> str:
    """Return how often each verdict was given."""
    return _count(judged["verdict"], VERDICTS)


def count_support(judged: pd.DataFrame) -> str:
    """Return how often a statement is how sure."""
    return _count(judged["support"], SUPPORT)


def _count(words: pd.Series, known: Sequence[str]) -> str:
    return ", ".join(f"{word}: {(words == word).sum()}" for word in known)


def _judge(claim: Claim, conditions: list[ConditionStatistics], reason: str, seed: int) -> dict[str, str]:
    predicate = claim.predicate
    try:
        outcome = predicate.judge(conditions if predicate.along else conditions[0])
        obtained, support = outcome.obtained, outcome.statement.judge_support(seed)
        verdict = "not comparable" if reason else "holds" if outcome.holds else "does not hold"
    except MissingValue as missing:
        obtained, verdict, support, reason = "–", "no pairs", "empty", str(missing)
    return {
        "experiment": claim.experiment,
        "where": claim.where,
        "claim": claim.claim,
        "how": claim.how,
        "published": claim.printed or predicate.describe(),
        "obtained": obtained,
        "verdict": verdict,
        "support": support,
        "reason": reason,
    }
