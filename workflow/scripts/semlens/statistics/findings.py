"""The findings of a run: which layers and metric separate classes best, and where the expected orders hold."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pandera.pandas as pa

from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log
from semlens.storage.tables import check_table, write_csv

EQ_16 = "scsi < scdi < dcsi < dcdi"
EQ_17 = "sidi < scsi < dcsi"
QUESTIONS = {
    "best_layers": "Which layers separate classes best?",
    "best_metric": "Which metric separates classes best?",
    "order_at_best_layers": "On which datasets does Eq. 16 hold at the best layers?",
    "order_under_noise": "At which timesteps of noise does Eq. 16 hold?",
    "identity_under_views": "Under which views do objects keep their identity (Eq. 17: sidi is lowest)?",
}


def _optional(description: str, dtype: type = str, check: pa.Check | None = None) -> pa.Column:
    return pa.Column(dtype, check, nullable=True, description=description)


_SHARE = pa.Check.in_range(0, 1)
FINDINGS = pa.DataFrameSchema(
    {
        "question": pa.Column(
            str,
            pa.Check.isin(QUESTIONS),
            description="What is asked; the report spells it out.",
        ),
        "model": pa.Column(str, description="Model that the row is about."),
        "where": pa.Column(str, description="Layers, if they are fixed, and datasets of the comparisons."),
        "tried": pa.Column(str, description="All conditions or datasets that were compared, separated by commas."),
        "answer": pa.Column(
            str, description="Those of tried that are best, or for which the order holds; empty if there are none."
        ),
        "separation": _optional(
            "Share of comparisons in which an object of another class is farther than one of the same class, all in "
            "different images. Ties count half; chance is 0.5. Null where an order is asked.",
            float,
            _SHARE,
        ),
        "control_model": _optional("The same network with random weights; null if there is none to compare with."),
        "control_where": _optional("Layers and datasets of the control's comparisons."),
        "control_tried": _optional("As tried, for the control."),
        "control_answer": _optional("As answer, for the control; of the best, its separation is that of the answer."),
        "control_separation": _optional("Separation of the control under the condition in answer.", float, _SHARE),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


class Comparison(NamedTuple):
    """What an experiment measured with a model on a dataset.

    ``layers`` is the layer set, unless layers vary. ``settings`` are the fixed metric, timestep and view. ``tests`` and
    ``order`` are tables of statistics, indexed by condition.
    """

    experiment: str
    model: str
    dataset: str
    axis: str
    layers: str | None
    settings: tuple[Any, ...]
    tests: pd.DataFrame
    order: pd.DataFrame

    def measure_separation(self) -> pd.Series:
        """Return by condition how often an object of another class is farther than one of the same class.

        All objects in different images: P(dcdi > scdi) + P(dcdi = scdi) / 2. Chance is 0.5.
        """
        rows = self.tests[self.tests[["set_a", "set_b"]].isin(["scdi", "dcdi"]).all(axis=1)]
        return (rows["cliffs_delta"].where(rows["set_b"] == "dcdi", -rows["cliffs_delta"]) + 1) / 2

    def judge_order(self) -> pd.Series:
        """Return by condition whether Eq. 16 holds; only where it was expected and no set is empty."""
        rows = self._select_order(EQ_16)
        return rows["observed"] == rows["expected"]

    def judge_identity(self) -> pd.Series:
        """Return by condition whether ``sidi`` is the lowest set of Eq. 17; only where it was expected, no set empty.

        The order of the other two does not depend on the view: they are those of the originals.
        """
        return self._select_order(EQ_17)["observed"].str.startswith("sidi ")

    def _select_order(self, expected: str) -> pd.DataFrame:
        return self.order[(self.order["expected"] == expected) & (self.order["verdict"] != "empty set")]


class ModelFindings(NamedTuple):
    """What one model shows; a series is empty where no experiment asks. ``*_where`` names layers and datasets."""

    layers: pd.Series  # separation by layer set, mean over datasets
    layers_where: str
    order: pd.Series  # whether Eq. 16 holds at the best layers, by dataset
    metric: pd.Series  # separation by metric
    metric_where: str
    timestep: pd.Series  # separation by timestep
    timestep_order: pd.Series  # whether Eq. 16 holds on every dataset, by timestep
    timestep_where: str
    identity: pd.Series  # whether sidi is lowest on every dataset, by view
    identity_where: str


def read_comparisons(
    records: Iterable[dict[str, Any]], tests: Iterable[str | Path], order: Iterable[str | Path]
) -> list[Comparison]:
    """Return comparisons with their statistics.

    Parameters
    ----------
    records
        With the keys ``experiment``, ``model``, ``dataset``, ``axis``, ``layers`` and ``settings``.
    tests, order
        Files of statistics, one per record.
    """
    keys = ("experiment", "model", "dataset", "axis", "layers", "settings")
    return [
        Comparison(*(record[key] for key in keys), _read_by_condition(tests_file), _read_by_condition(order_file))
        for record, tests_file, order_file in zip(records, tests, order, strict=True)
    ]


def collect_findings(comparisons: Sequence[Comparison], model: str) -> ModelFindings:
    """Return what a model shows.

    Of experiments along layers, those count that share metric, timestep and view with the first. Of several along
    metrics, timesteps or views, the first counts.
    """
    along = {
        axis: [entry for entry in comparisons if (entry.model, entry.axis) == (model, axis)]
        for axis in ("layers", "metric", "timestep", "view")
    }
    layers = [entry for entry in along["layers"] if entry.settings == along["layers"][0].settings]
    metrics, timesteps, views = (
        [entry for entry in along[axis] if entry.experiment == along[axis][0].experiment]
        for axis in ("metric", "timestep", "view")
    )
    by_layers, order = _average_separation(layers), _tabulate_datasets(layers, Comparison.judge_order)
    best = by_layers.idxmax() if len(by_layers) else None
    return ModelFindings(
        layers=by_layers,
        layers_where=_describe_place(layers),
        order=order.loc[best].dropna() if best in order.index else pd.Series(dtype=bool),
        metric=_average_separation(metrics),
        metric_where=_describe_place(metrics),
        timestep=_sort_timesteps(_average_separation(timesteps)),
        timestep_order=_sort_timesteps(_judge_all(timesteps, Comparison.judge_order)),
        timestep_where=_describe_place(timesteps),
        identity=_judge_all(views, Comparison.judge_identity),
        identity_where=_describe_place(views),
    )


def pair_models(models: Sequence[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Return every pretrained model with its control, if it has one; then models that are neither.

    Parameters
    ----------
    models
        Records of ``name``, ``weights`` (``pretrained`` or ``random``), and ``controls``: the pretrained model whose
        control a random one is, or None.
    """
    controls = {model["controls"]: model["name"] for model in models if model["controls"]}
    pairs = [(model["name"], controls.get(model["name"])) for model in models if model["weights"] == "pretrained"]
    paired = {name for pair in pairs for name in pair}
    return pairs + [(model["name"], None) for model in models if model["name"] not in paired]


def tabulate_findings(findings: dict[str, ModelFindings], models: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return a row per question and model, with the columns of ``FINDINGS``; a question that nobody asked has no row.

    Parameters
    ----------
    findings
        By model.
    models
        As :func:`pair_models` takes them.
    """
    rows = []
    for name, control in pair_models(models):
        answers = _answer_questions(findings[name])
        control_answers = _answer_questions(findings[control]) if control else {}
        for question, answer in answers.items():
            row = {"question": question, "model": name, "separation": None, **answer}
            row["separation"] = _find_separation(findings[name], question, answer["answer"])
            if question in control_answers:
                row["control_model"] = control
                row |= {f"control_{key}": value for key, value in control_answers[question].items()}
                row["control_separation"] = _find_separation(findings[control], question, answer["answer"])
            rows.append(row)
    return check_table(pd.DataFrame(rows, columns=list(FINDINGS.columns)), FINDINGS, "findings")


def write_findings(findings: pd.DataFrame, *, csv: str | Path, json: str | Path) -> None:
    """Write what :func:`tabulate_findings` returns, for people and for programs: the same records in both files."""
    write_csv(findings, FINDINGS, csv)
    with write_atomically(json) as file:
        findings.to_json(file, orient="records", indent=1, force_ascii=False)
    for row in findings.itertuples():
        log.info("%s: %s (%s): %s of %s", row.model, row.question, row.where, row.answer or "none", row.tried)


def _answer_questions(findings: ModelFindings) -> dict[str, dict[str, str]]:
    """Return ``where``, ``tried`` and ``answer`` of every question that was asked."""
    answers = {}
    if len(findings.layers):
        best = findings.layers.idxmax()
        answers["best_layers"] = _choose_best(findings.layers, findings.layers_where)
        answers["order_at_best_layers"] = _list_true(findings.order, f"{best} on {findings.layers_where}")
    if len(findings.metric) > 1:
        answers["best_metric"] = _choose_best(findings.metric, findings.metric_where)
    if len(findings.timestep_order):
        answers["order_under_noise"] = _list_true(findings.timestep_order, findings.timestep_where)
    if len(findings.identity):
        answers["identity_under_views"] = _list_true(findings.identity, findings.identity_where)
    return {question: answers[question] for question in QUESTIONS if question in answers}


def _choose_best(separation: pd.Series, where: str) -> dict[str, str]:
    return {"where": where, "tried": ", ".join(separation.index), "answer": separation.idxmax()}


def _list_true(verdicts: pd.Series, where: str) -> dict[str, str]:
    holds = verdicts.index[verdicts.astype(bool)]
    return {"where": where, "tried": ", ".join(verdicts.index), "answer": ", ".join(holds)}


def _find_separation(findings: ModelFindings, question: str, condition: str) -> float | None:
    """Return the separation under a condition; None where an order is asked, or the condition was not compared."""
    series = {"best_layers": findings.layers, "best_metric": findings.metric}.get(question)
    return None if series is None else series.get(condition)


def _read_by_condition(path: str | Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"condition": str}).set_index("condition")


def _describe_place(comparisons: Sequence[Comparison]) -> str:
    layers = dict.fromkeys(entry.layers for entry in comparisons if entry.layers)
    datasets = " and ".join(dict.fromkeys(entry.dataset for entry in comparisons))
    return f"{', '.join(layers)} on {datasets}" if layers else datasets


def _tabulate_datasets(comparisons: Sequence[Comparison], measure: Callable[[Comparison], pd.Series]) -> pd.DataFrame:
    """Return conditions, in order of appearance, by datasets; a condition's first experiment counts."""
    columns: dict[str, pd.Series] = {}
    for entry in comparisons:
        values = measure(entry).dropna()
        columns[entry.dataset] = columns[entry.dataset].combine_first(values) if entry.dataset in columns else values
    conditions = dict.fromkeys(condition for entry in comparisons for condition in measure(entry).index)
    known = [name for name in conditions if any(name in column for column in columns.values())]
    return pd.DataFrame(columns).reindex(known)


def _average_separation(comparisons: Sequence[Comparison]) -> pd.Series:
    """Return the mean over datasets; only of conditions that all datasets have, if there are any."""
    by_dataset = _tabulate_datasets(comparisons, Comparison.measure_separation)
    complete = by_dataset.dropna()
    return (complete if len(complete) else by_dataset).mean(axis=1).astype(float)


def _judge_all(comparisons: Sequence[Comparison], judge: Callable[[Comparison], pd.Series]) -> pd.Series:
    """Return whether a verdict is true on every dataset; only of conditions that all datasets have."""
    return _tabulate_datasets(comparisons, judge).dropna().all(axis=1).astype(bool)


def _sort_timesteps(values: pd.Series) -> pd.Series:
    return values.sort_index(key=lambda timesteps: timesteps.astype(int))
