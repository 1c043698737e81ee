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

_DRAWN = {"figure", "class_distances", "pca", "objects"}  # other parts are tables


def write_report(
    *,
    template: str | Path,
    answers: str | Path,
    overview: str | Path,
    experiments: Sequence[dict[str, Any]],
    parts: Iterable[tuple[str, str, str | Path]],
    stages: Sequence[dict[str, Any]],
    published: str | Path | None,
    provenance: str | Path,
    out: str | Path,
) -> None:
    """Write the page.

    Parameters
    ----------
    answers, overview
        What :mod:`semlens.answers` wrote and drew.
    experiments
        In order: each has a ``name``, ``title``, ``section``, ``axis``, ``dunn``, names of ``studies``, and the
        instance ``followed``, if any.
    parts
        Experiment, kind and file of each figure (PNG) and table (a piece of HTML).
    stages
        What :func:`counted` returns.
    published, provenance
        Pieces of HTML.
    """
    of: dict[str, list[dict[str, str]]] = {experiment["name"]: [] for experiment in experiments}
    for experiment, kind, path in parts:
        content = str(path) if kind in _DRAWN else Path(path).read_text(encoding="utf-8")
        of[experiment].append({"kind": kind, "content": content})
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals["picture"] = _embed_image
    page = environment.from_string(Path(template).read_text(encoding="utf-8")).render(
        answers=json.loads(Path(answers).read_text(encoding="utf-8")),
        overview=str(overview),
        experiments=[{**experiment, "parts": of[experiment["name"]]} for experiment in experiments],
        stages=stages,
        published=Path(published).read_text(encoding="utf-8") if published else "",
        provenance=Path(provenance).read_text(encoding="utf-8"),
    )
    with write_atomically(out) as file:
        file.write_text(page, encoding="utf-8")
    log.info("report: %s (%.1f MB)", out, Path(out).stat().st_size / 1e6)


def _embed_image(path: str, about: str) -> Markup:
    content = base64.b64encode(Path(path).read_bytes()).decode()
    return Markup(f'<img alt="{escape(about)}" src="data:image/png;base64,{content}">')


def summarize_stages(
    *, run: str | Path, extractions: int, sets: Iterable[str | Path], pairs: Iterable[str | Path], models: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the stages of the run, each with a ``name`` and two ``lines`` of what it did.

    Parameters
    ----------
    run
        What :mod:`semlens.provenance` wrote as JSON.
    sets, pairs
        Statistics of every study.
    """
    datasets = json.loads(Path(run).read_text(encoding="utf-8"))["datasets"]
    images, objects = (sum(dataset[name] for dataset in datasets) for name in ("images", "instances"))
    distances = sum(int(pd.read_csv(path)["n"].sum()) for path in sets)
    tests = sum(int(pd.read_csv(path)["p"].notna().sum()) for path in pairs)
    said = {
        "fetch": (_count(len(datasets), "dataset"), _count(len(models), "model")),
        "select": (_count(images, "image"), _count(objects, "object")),
        "encode": ("VAE latents", "and prompts"),
        "extract": ("U-Net features,", _count(extractions, "extraction")),
        "pool": ("a prototype", "per object"),
        "compare": (f"{distances:,}", "distances"),
        "test": (f"{tests:,}", "tests"),
        "draw": ("figures, tables,", "this page"),
    }
    return [{"name": name, "lines": lines} for name, lines in said.items()]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
