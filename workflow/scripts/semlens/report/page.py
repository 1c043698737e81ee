"""One page with everything that a run found, in the order in which it is read; it needs no other file."""

import base64
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log
from semlens.statistics.findings import QUESTIONS


def write_report(
    *,
    template: str | Path,
    findings: str | Path,
    overview: str | Path,
    experiments: Sequence[dict[str, Any]],
    parts: Iterable[dict[str, Any]],
    stages: Sequence[dict[str, Any]],
    claims: str | Path | None,
    provenance: str | Path,
    out: str | Path,
) -> None:
    """Write the page.

    Parameters
    ----------
    findings, overview
        Findings as JSON, see :mod:`semlens.statistics.findings`, and their figure.
    experiments
        In order: records of ``name``, ``title``, ``section``, and the names of the ``comparisons``.
    parts
        Figures (PNG) and tables (a piece of HTML): records of ``experiment``, ``kind``, ``title``, ``caption``, see
        :func:`semlens.draw.kinds.list_report_parts`, and their ``path``.
    stages
        As :func:`summarize_stages` returns them.
    claims, provenance
        Pieces of HTML.
    """
    parts_by_experiment: dict[str, list[dict[str, Any]]] = {experiment["name"]: [] for experiment in experiments}
    for part in parts:
        is_table = Path(part["path"]).suffix == ".html"
        table = Path(part["path"]).read_text(encoding="utf-8") if is_table else None
        parts_by_experiment[part["experiment"]].append({**part, "table": table})
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals["embed_image"] = _embed_image
    page = environment.from_string(Path(template).read_text(encoding="utf-8")).render(
        findings=_group_findings(json.loads(Path(findings).read_text(encoding="utf-8"))),
        overview=str(overview),
        experiments=[{**experiment, "parts": parts_by_experiment[experiment["name"]]} for experiment in experiments],
        stages=stages,
        claims=Path(claims).read_text(encoding="utf-8") if claims else "",
        provenance=Path(provenance).read_text(encoding="utf-8"),
    )
    with write_atomically(out) as file:
        file.write_text(page, encoding="utf-8")
    log.info("report: %s (%.1f MB)", out, Path(out).stat().st_size / 1e6)


def summarize_stages(
    *, run: str | Path, n_extractions: int, n_models: int, sets: Iterable[str | Path], tests: Iterable[str | Path]
) -> list[dict[str, Any]]:
    """Return the stages of the run, each with a ``name`` and two ``lines`` about what it did.

    Parameters
    ----------
    run
        What :mod:`semlens.report.provenance` wrote as JSON.
    sets, tests
        Statistics of every comparison.
    """
    datasets = json.loads(Path(run).read_text(encoding="utf-8"))["datasets"]
    images, objects = (sum(dataset[name] for dataset in datasets) for name in ("images", "instances"))
    n_distances = sum(int(pd.read_csv(path)["n"].sum()) for path in sets)
    n_tests = sum(int(pd.read_csv(path)["p"].notna().sum()) for path in tests)
    lines = {
        "fetch": (_count(len(datasets), "dataset"), _count(n_models, "model")),
        "select": (_count(images, "image"), _count(objects, "object")),
        "encode": ("VAE latents", "and prompts"),
        "extract": ("feature maps,", _count(n_extractions, "extraction")),
        "pool": ("a prototype", "per object"),
        "compare": (f"{n_distances:,}", "distances"),
        "statistics": (f"{n_tests:,}", "tests"),
        "draw": ("figures, tables,", "this page"),
    }
    return [{"name": name, "lines": stage_lines} for name, stage_lines in lines.items()]


def _group_findings(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return findings as the page prints them, model by model."""
    models: dict[str, dict[str, Any]] = {}
    for record in records:
        group = models.setdefault(record["model"], {"model": record["model"], "control": None, "rows": []})
        group["control"] = group["control"] or record["control_model"]
        row = {"question": QUESTIONS[record["question"]], "where": record["where"], **_format_answer(record, "")}
        control = {"answer": "–", "note": "", "separation": ""}
        if record["control_model"]:
            control = _format_answer(record, "control_")
            if record["control_where"] != record["where"]:
                control["note"] = "; ".join(filter(None, [control["note"], f"compared: {record['control_where']}"]))
        group["rows"].append({**row, "control": control})
    return list(models.values())


def _format_answer(record: dict[str, Any], prefix: str) -> dict[str, str]:
    """Return ``answer``, a ``note`` on what else was tried, and ``separation`` of a model or of its control."""
    tried, answer = (record[f"{prefix}{key}"].split(", ") for key in ("tried", "answer"))
    separation = record[f"{prefix}separation"]
    if record["separation"] is not None:
        note = f"best of {len(tried)}" if len(tried) > 1 else ""
    else:
        failed = [name for name in tried if name not in answer]
        note = f"not {', '.join(failed)}" if failed else ""
    if tried == [""]:
        return {"answer": "undecided", "note": "a distance set is empty", "separation": ""}
    return {
        "answer": ", ".join(answer) or "none",
        "note": note,
        "separation": "" if separation is None else f"{separation:.0%}",
    }


def _embed_image(path: str, alt: str) -> Markup:
    content = base64.b64encode(Path(path).read_bytes()).decode()
    return Markup(f'<img alt="{escape(alt)}" src="data:image/png;base64,{content}">')


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
