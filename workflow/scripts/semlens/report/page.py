"""One page with everything that a run found, in the order in which it is read; it needs no other file."""

import base64
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from PIL import Image

from semlens.compare.pairs import WHY_EMPTY
from semlens.config.axes import AXES
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log
from semlens.statistics.findings import ORDER
from semlens.statistics.order import VERDICTS
from semlens.storage.csv_tables import read_csv

_HEAD = re.compile(r"<thead>.*?</thead>", re.DOTALL)
_HEADER = re.compile(r"<th(?=[ >])(?! scope)")
_WIDEST, _QUALITY = 1150, 65  # of a photograph: pixels, and of 100
_USUAL = [f"{axis.name} {axis.default}" for axis in AXES.values() if axis.default is not None] + ["reference all"]


def write_report(
    *,
    template: str | Path,
    asked: str,
    findings: str | Path,
    overview: str | Path,
    models: str | Path,
    studies: Sequence[dict[str, Any]],
    parts: Iterable[dict[str, Any]],
    stages: Sequence[dict[str, Any]],
    empty: dict[str, list[str]],
    answers: dict[str, list[str]],
    claims: str | Path | None,
    provenance: str | Path,
    out: str | Path,
) -> None:
    """Write the page.

    Parameters
    ----------
    asked
        What was asked of what, see :func:`describe_question`.
    findings, overview
        Findings as JSON, see :mod:`semlens.statistics.findings`, and their figure.
    models
        See :mod:`semlens.statistics.models`.
    studies
        In order, see :func:`semlens.config.studies.describe_studies`.
    parts
        Figures (PNG) and tables (a piece of HTML): what :func:`semlens.draw.kinds.list_report_parts` returns, and
        their ``path``. Of a caption, the first sentence is shown, and the others are folded.
    stages
        As :func:`summarize_stages` returns them.
    empty
        As :func:`describe_empty_sets` returns them.
    answers
        As :func:`describe_multiverses` returns them.
    claims, provenance
        Pieces of HTML.
    """
    parts_by_study: dict[str, list[dict[str, Any]]] = {study["study"]: [] for study in studies}
    for part in parts:
        is_table = Path(part["path"]).suffix == ".html"
        table = _read_table(part["path"]) if is_table else None
        shown, _, folded = part["caption"].partition(". ")
        caption = [shown if not folded else f"{shown}.", folded]
        alt = f"{part['title'] or part['question']}: {caption[0]}"
        parts_by_study[part["study"]].append({**part, "table": table, "caption": caption, "alt": alt})
    grouped = group_findings(json.loads(Path(findings).read_text(encoding="utf-8")))
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals["embed_image"] = _embed_image
    page = environment.from_string(Path(template).read_text(encoding="utf-8")).render(
        asked=asked,
        findings=grouped,
        ranked=group_models(read_csv(models).to_dict(orient="records"), grouped["unsaid"]),
        overview={"path": overview, "alt": "Separation by condition, a panel per question", "is_photograph": False},
        studies=[
            {
                **study,
                "parts": parts_by_study[study["study"]],
                **{key: found.get(study["study"], []) for key, found in {"empty": empty, "answers": answers}.items()},
            }
            for study in studies
        ],
        stages=stages,
        claims=_read_table(claims) if claims else "",
        provenance=_read_table(provenance),
    )
    with write_atomically(out) as file:
        file.write_text(page, encoding="utf-8")
    log.info("report: %s (%.1f MB)", out, Path(out).stat().st_size / 1e6)


def describe_question(*, run: str | Path, studies: Sequence[dict[str, Any]], models: Sequence[str]) -> str:
    """Return in a sentence how many experiments and other studies there are, with which models, on which images.

    Parameters
    ----------
    run
        What :mod:`semlens.report.provenance` wrote as JSON.
    """
    datasets = json.loads(Path(run).read_text(encoding="utf-8"))["datasets"]
    shown = [
        f"{dataset['dataset']} ({_count(dataset['images'], 'image')}, {_count(dataset['instances'], 'object')})"
        for dataset in datasets
    ]
    noun = "model" if len(models) == 1 else "models"
    counts = Counter(study["noun"] for study in studies)
    asked = _join([_count(number, noun) for noun, number in counts.items()])
    return f"{asked} with the {noun} {_join(models)}, on {_join(shown)}."


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
    n_distances = sum(int(read_csv(path)["n"].sum()) for path in sets)
    n_tests = sum(int(read_csv(path)["p"].notna().sum()) for path in tests)
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


def describe_empty_sets(comparisons: Iterable[dict[str, str]], sets: Iterable[str | Path]) -> dict[str, list[str]]:
    """Return by experiment, as a study, in words, which of its distance sets have no pairs, and why.

    Parameters
    ----------
    comparisons
        Records of ``experiment`` and ``name``.
    sets
        Statistics of each comparison's sets.
    """
    found: dict[str, list[str]] = {}
    for comparison, path in zip(comparisons, sets, strict=True):
        table = read_csv(path)
        n_conditions = table["condition"].nunique()
        for name, rows in table[table["n"] == 0].groupby("set", sort=False):
            under = "" if len(rows) == n_conditions else f" under {', '.join(rows['condition'])}"
            sentence = f"{comparison['name']}: {name} is empty{under}, since {WHY_EMPTY[name]}"
            found.setdefault(f"experiment-{comparison['experiment']}", []).append(sentence)
    return found


def describe_multiverses(
    runs: Iterable[Sequence[dict[str, Any]]], names: Iterable[str], summaries: Iterable[str | Path]
) -> dict[str, list[str]]:
    """Return by multiverse, as a study, a sentence per model and dataset: in how many specifications the order holds.

    Parameters
    ----------
    runs
        Of each multiverse, records of ``model``, ``dataset`` and the ``name`` of both.
    names, summaries
        Of the multiverses, and their tables, see :mod:`semlens.statistics.multiverse_tables`.
    """
    found: dict[str, list[str]] = {}
    for name, of_multiverse, path in zip(names, runs, summaries, strict=True):
        summary = read_csv(path).set_index(["model", "dataset"])
        for run in of_multiverse:
            row = summary.loc[(run["model"], run["dataset"])]
            n = row["n_specifications"]
            sentence = (
                f"{run['name']}: {row['expected']} is established in {row['established']:,} of "
                f"{_count(n, 'specification')}, and violated in {row['violated']:,}; separation lies above chance in "
                f"{row['n_above_chance']:,}"
            )
            found.setdefault(f"multiverse-{name}", []).append(sentence)
    return found


def group_findings(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return findings as the page prints them.

    Returns
    -------
    dict
        ``summary``, how many statements are established, sentence by sentence; ``verdicts``, the words and what they
        mean; ``unsaid``, settings that rows do not name: those of all rows, and usual ones; ``models``, each with a
        ``model``, its ``control``, rows of ``separation`` and of ``orders``, and the questions ``unanswered``, of which
        there are ``n_unanswered``.
    """
    settings = [record["settings"].split(", ") for record in records]
    read_with_noise = [own for own in settings if any(entry.startswith("noise ") for entry in own)] or settings
    common = [entry for entry in next(iter(settings), []) if all(entry in own for own in settings)]
    common += [entry for entry in next(iter(read_with_noise), []) if all(entry in own for own in read_with_noise)]
    unsaid = list(dict.fromkeys([*common, *_USUAL]))
    models: dict[str, dict[str, Any]] = {}
    for record, own in zip(records, settings, strict=True):
        group = models.setdefault(
            record["model"],
            {"model": record["model"], "control": None, "separation": [], "orders": [], "unanswered": []},
        )
        group["control"] = group["control"] or record["control_model"]
        where = ", ".join([record["datasets"], *(entry for entry in own if entry not in unsaid)])
        of_set = " in the smallest set" if record["comparison"] == ORDER else ""
        counts = f"objects: {record['n_objects']:,}; images (videos){of_set}: {record['n_units']:,}"
        if record["comparison"] == ORDER:
            group["orders"].append({"question": record["question"], "where": where, "counts": counts} | _quote(record))
        elif record["best"] is None:
            group["unanswered"].append(f"{record['question']} ({where})")
        else:
            group["separation"].append({**_format_separation(record), "where": where, "counts": counts})
    return {
        "summary": summarize(records),
        "unsaid": unsaid,
        "verdicts": VERDICTS,
        "models": list(models.values()),
        "n_unanswered": sum(len(group["unanswered"]) for group in models.values()),
    }


def group_models(records: Sequence[dict[str, Any]], unsaid: Sequence[str]) -> list[dict[str, Any]]:
    """Return models side by side as the page prints them: by ``question`` and ``where``, with ``rows``.

    Parameters
    ----------
    records
        Rows of :data:`semlens.statistics.models.MODELS_TABLE`.
    unsaid
        Settings that are not named.
    """
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for record in records:
        record = {key: None if value != value else value for key, value in record.items()}
        said = [entry for entry in record["settings"].split(", ") if entry not in unsaid]
        question = (record["question"], ", ".join([record["datasets"], *said]))
        group = groups.setdefault(question, {"question": question[0], "where": question[1], "rows": []})
        group["rows"].append(
            {
                "model": record["model"],
                "is_untrained": record["weights"] == "random",
                "condition": record["condition"],
                "depth": _format_number(record["depth"]),
                "separation": _format_interval(record, "separation", ""),
                "elsewhere": _format_number(record["elsewhere"]),
                "behind": _format_interval(record, "behind", "behind_") if group["rows"] else [],
                "is_tied": bool(group["rows"]) and (record["behind_high"] is None or record["behind_high"] >= 0),
                "n_units": f"{record['n_units']:,}",
            }
        )
    return list(groups.values())


def summarize(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return, as sentences, how many of the findings' statements their intervals establish."""
    orders = [record for record in records if record["comparison"] == ORDER]
    counts = {name: sum(len(_split(record[name])) for record in orders) for name in VERDICTS}
    chosen = [record for record in records if record["best"] and len(_split(record["conditions"])) > 1]
    alone = sum(not record["also_best"] for record in chosen)
    beside = [record for record in records if record["contrast"] is not None]
    above = sum((record["contrast_low"] or 0) > 0 for record in beside)
    unknown = sum(record["comparison"] != ORDER and not record["best"] for record in records)
    sentences = []
    if beside:
        sentences.append(
            f"Under its best condition the model separates more than its control in {above} of "
            f"{_count(len(beside), 'question')}, by an interval above zero."
        )
    if chosen:
        sentences.append(
            f"In {alone} of {_count(len(chosen), 'question')} one condition is highest alone; in the others several "
            "tie."
        )
    if unknown:
        sentences.append(
            f"{_count(unknown, 'question')} cannot be answered: no class has objects to compare in five images or "
            "videos."
        )
    if orders:
        verdicts = [f"{n} {name}" for name, n in counts.items() if n or name == "established"]
        sentences.append(f"Of {_count(sum(counts.values()), 'expected order')} of means: {', '.join(verdicts)}.")
    return sentences


def _format_separation(record: dict[str, Any]) -> dict[str, Any]:
    denoised = "inference_steps" in record["settings"]
    return {
        "question": record["question"].replace("?", ", after denoising?") if denoised else record["question"],
        "best": record["best"],
        "also_best": record["also_best"] or "",
        "n_conditions": len(_split(record["conditions"])),
        "separation": _format_interval(record, "separation", ""),
        "elsewhere": _format_number(record["elsewhere"]),
        "control": _format_interval(record, "control_separation", "control_"),
        "contrast": _format_interval(record, "contrast", "contrast_"),
    }


def _format_interval(record: dict[str, Any], name: str, prefix: str) -> list[str]:
    """Return a value and its interval, as far as there are."""
    ends = [_format_number(record[f"{prefix}{end}"]) for end in ("low", "high")]
    return list(filter(None, [_format_number(record[name]), " to ".join(filter(None, ends))]))


def _format_number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def _quote(record: dict[str, Any]) -> dict[str, str]:
    return {name: record[name] or "–" for name in VERDICTS}


def _split(names: str | None) -> list[str]:
    return names.split(", ") if names else []


def _embed_image(part: dict[str, Any]) -> Markup:
    """Return an image as WebP, which takes a third of a PNG: photographs with small losses, lines with none."""
    content = io.BytesIO()
    with Image.open(part["path"]) as image:
        if part["is_photograph"]:
            image.thumbnail((_WIDEST, image.height))
        width, height = image.size
        options = {"quality": _QUALITY} if part["is_photograph"] else {"lossless": True}
        image.convert("RGB").save(content, "WEBP", method=4, **options)
    data = base64.b64encode(content.getvalue()).decode()
    return Markup(
        f'<img alt="{escape(part["alt"])}" width="{width}" height="{height}" loading="lazy" '
        f'src="data:image/webp;base64,{data}">'
    )


def _read_table(path: str | Path) -> str:
    """Return a piece of HTML whose header cells say what they head."""
    text = Path(path).read_text(encoding="utf-8")
    text = _HEAD.sub(lambda head: _HEADER.sub('<th scope="col"', head[0]), text)
    return _HEADER.sub('<th scope="row"', text)


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _count(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}{'' if number == 1 else plural}"
