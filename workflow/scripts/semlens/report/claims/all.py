"""What the paper reports in sections 6.1 to 6.5, and whether a run agrees: a verdict per claim and per value."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import yaml

from semlens.compare.pairs import SETS
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log
from semlens.statistics.p_values import SIGNIFICANT, format_p_value
from semlens.storage.tables import write_csv

SMALL = 0.2  # standard deviations: by convention, a small difference of means


TABLE = "Table 1"


TITLE = "What the paper reports, and what was obtained"


VERDICTS = ("holds", "does not hold", "not comparable", "no pairs")


_NOISE = ("1", "50", "100", "200", "300", "400", "500")


EXPERIMENTS = {  # in the paper's order, with their conditions
    "distance-measures": ("euclidean", "correlation", "cityblock", "cosine"),
    "resolution": ("64+32+16", "64", "32", "16"),
    "encoder-decoder": ("enc16", "dec16"),
    "single-layer": ("enc16.1", "enc16.2"),
    "inference-steps": _NOISE,
    "inference-steps-denoised": _NOISE,
    "transformations": (
        *("crop_pad", "crop_resize", "crop_shift20", "crop_shift40", "crop_shift60"),
        *("hflip", "vflip", "rot90", "rot180", "rot270"),
    ),
    "video": ("1", "2", "3", "4", "5", "10", "20", "30", "40"),
    "video-example": ("1", "5", "10"),
}


SETTINGS = {  # of every experiment, but where it is the axis; None: not known, or not of this dataset
    "model": "stable-diffusion-v1-5",
    "metric": "correlation",
    "timestep": 0,
    "min_area": 0.01,
    "classes": 20,
    "listed": True,
}


FEATURES = {  # where they are not the axis
    "distance-measures": "64+32+16",
    **dict.fromkeys(("inference-steps", "inference-steps-denoised", "transformations"), "enc16.1"),
    **dict.fromkeys(("video", "video-example"), "enc16.1"),
}


JUDGED = pa.DataFrameSchema(
    {
        "experiment": pa.Column(str, pa.Check.isin(EXPERIMENTS)),
        "model": pa.Column(str),
        "dataset": pa.Column(str),
        "condition": pa.Column(str),
        "where": pa.Column(str),
        "claim": pa.Column(str),
        "how": pa.Column(str),
        "published": pa.Column(str),
        "obtained": pa.Column(str),
        "verdict": pa.Column(str, pa.Check.isin(VERDICTS)),
        "reason": pa.Column(str),
    },
    strict=True,
    coerce=True,
    ordered=True,
)


_MARKS = {"holds": "✓", "does not hold": "✗", "not comparable": "○", "no pairs": "–"}


@dataclass(frozen=True)
class Claim:
    """One statement; ``kind`` and ``argument`` are its predicate, ``printed`` the value as the paper has it."""

    experiment: str
    datasets: list[str]
    conditions: list[str]
    where: str
    claim: str
    how: str
    kind: str
    argument: Any
    printed: str = ""


@dataclass(frozen=True)
class Published:
    """The folder ``resources/published``: images per dataset, what counts as the same number and why, the claims."""

    images: dict[str, int]
    tolerance: dict[str, float]
    why: str
    claims: list[Claim]


class _NoPairs(Exception):
    """A value that a claim needs does not exist."""


@dataclass(frozen=True)
class _Seen:
    """The statistics of one condition."""

    name: str
    sets: dict[str, dict[str, float]]  # columns by set
    pairs: dict[frozenset[str], dict[str, Any]]  # columns by pair of sets

    def of(self, name: str, column: str = "mean") -> float:
        value = self.sets.get(name, {}).get(column)
        if pd.isna(value):
            raise _NoPairs(f"no {column} of {name} at {self.name}")
        return value

    def between(self, a: str, b: str, column: str) -> float:
        value = self.pairs.get(frozenset((a, b)), {}).get(column)
        if pd.isna(value):
            raise _NoPairs(f"no {column} of {a} vs. {b} at {self.name}")
        return value

    def each_pair(self) -> list[tuple[str, str]]:
        return [(row["set_a"], row["set_b"]) for row in self.pairs.values()]

    def gap(self, a: str, b: str) -> float:
        return abs(self.of(a) - self.of(b))

    def rise(self, names: list[str]) -> bool:
        return all(self.of(a) < self.of(b) for a, b in pairwise(names))

    def means(self, names: list[str]) -> str:
        """The means in the order in which they stand."""
        ordered = sorted(names, key=self.of)
        text = f"{ordered[0]} {self.of(ordered[0]):.4g}"
        for a, b in pairwise(ordered):
            text += f" {'<' if self.of(a) < self.of(b) else '='} {b} {self.of(b):.4g}"
        return text

    def p(self, a: str, b: str) -> str:
        return format_p_value(self.between(a, b, "p"), self.between(a, b, "log10_p"))


def _said(kind: str, x: Any) -> str:
    """What a predicate asks for."""
    match kind:
        case "order":
            return " < ".join(x)
        case "no_order":
            return f"not {' < '.join(x)}"
        case "not_apart":
            return f"not {' < '.join(x)} with p < {SIGNIFICANT}"
        case "alike":
            return f"Dunn index of {' vs. '.join(x)} < {SMALL}"
        case "highest":
            return f"{x} highest"
        case "nearer":
            return " < ".join(f"|{a} - {b}|" for a, b in x)
        case "overlap":
            return f"quartiles of {' and '.join(x)} overlap"
        case "significant":
            return f"p < {SIGNIFICANT} for every pair"
        case "p" | "mean":
            return str(x["value"])
        case "dunn":
            return f"{x['value']:.5f}"
        case "rises":
            return f"{x} rises"
        case "constant":
            return f"{x} varies by less than {SMALL} std"
        case "smallest_gap":
            return f"|{' - '.join(x['pair'])}| smallest at {x['at']}"
        case "larger_dunn":
            return f"Dunn index of {' vs. '.join(x['pair'])} largest at {x['at']}"
        case "most":
            return f"most Dunn indices larger at {x['at']}"


Outcome = tuple[str, bool]  # what was obtained, whether the claim holds


def _order(at: _Seen, sets: list[str]) -> Outcome:
    """The means rise in this order."""
    return at.means(sets), at.rise(sets)


def _no_order(at: _Seen, sets: list[str]) -> Outcome:
    """The means do not rise in this order."""
    return at.means(sets), not at.rise(sets)


def _not_apart(at: _Seen, pair: list[str]) -> Outcome:
    """The first mean does not lie below the second, or not significantly."""
    apart = at.rise(pair) and at.between(*pair, "p") < SIGNIFICANT
    return f"{at.means(pair)}, p {at.p(*pair)}", not apart


def _alike(at: _Seen, pair: list[str]) -> Outcome:
    """The means differ by little, in standard deviations."""
    index = at.between(*pair, "dunn_table1")
    return f"{index:.5f} ({at.means(pair)})", index < SMALL


def _highest(at: _Seen, name: str) -> Outcome:
    """No other set of the experiment has as high a mean."""
    others = [other for other in at.sets if other != name]
    return at.means([name, *others]), all(at.of(other) < at.of(name) for other in others)


def _nearer(at: _Seen, pairs: list[list[str]]) -> Outcome:
    """The means of the first pair are nearer to each other than those of the second."""
    near, far = (at.gap(*pair) for pair in pairs)
    return f"{near:.4g} {'<' if near < far else '>='} {far:.4g}", near < far


def _overlap(at: _Seen, pair: list[str]) -> Outcome:
    """The boxes, quartile to quartile, overlap."""
    boxes = [(at.of(name, "q1"), at.of(name, "q3")) for name in pair]
    text = ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in zip(pair, boxes, strict=True))
    return text, max(low for low, _ in boxes) <= min(high for _, high in boxes)


def _significant(at: _Seen, _: str) -> Outcome:
    """Every pair of the experiment's sets differs."""
    worst = max(at.each_pair(), key=lambda pair: at.between(*pair, "p"))
    text = f"largest of {len(at.pairs)} p: {at.p(*worst)} ({' vs. '.join(worst)})"
    return text, at.between(*worst, "p") < SIGNIFICANT


def _p(at: _Seen, x: dict[str, Any]) -> Outcome:
    """The p-value lies on the published one's side of 0.05."""
    return at.p(*x["pair"]), (at.between(*x["pair"], "p") < SIGNIFICANT) == (x["value"] < SIGNIFICANT)


def _dunn(at: _Seen, x: dict[str, Any]) -> Outcome:
    """The index is the published one, within the tolerance."""
    index = at.between(*x["pair"], "dunn_table1")
    return f"{index:.5f}", abs(index - x["value"]) <= x["within"]


def _mean(at: _Seen, x: dict[str, Any]) -> Outcome:
    """The mean is the published one, within the tolerance."""
    mean = at.of(x["set"])
    return f"{mean:.4g}", abs(mean - x["value"]) <= x["within"]


def _rises(along: list[_Seen], name: str) -> Outcome:
    """A set's mean rises from each condition to the next."""
    means = [at.of(name) for at in along]
    return ", ".join(f"{mean:.4g}" for mean in means), all(a < b for a, b in pairwise(means))


def _constant(along: list[_Seen], name: str) -> Outcome:
    """A set's mean varies by little, in standard deviations."""
    means = [at.of(name) for at in along]
    std = max(at.of(name, "std") for at in along)
    return f"{min(means):.4g} to {max(means):.4g}, std {std:.4g}", max(means) - min(means) < SMALL * std


def _smallest_gap(along: list[_Seen], x: dict[str, Any]) -> Outcome:
    """The means of a pair are nearest at one condition."""
    gaps = {at.name: at.gap(*x["pair"]) for at in along}
    text = ", ".join(f"{name} {gap:.4g}" for name, gap in gaps.items())
    return text, all(gaps[x["at"]] < gap for name, gap in gaps.items() if name != x["at"])


def _larger_dunn(along: list[_Seen], x: dict[str, Any]) -> Outcome:
    """The index of a pair is larger at one condition than at the others."""
    indices = {at.name: at.between(*x["pair"], "dunn_table1") for at in along}
    text = ", ".join(f"{name} {index:.5f}" for name, index in indices.items())
    return text, all(indices[x["at"]] > index for name, index in indices.items() if name != x["at"])


def _most(along: list[_Seen], x: dict[str, Any]) -> Outcome:
    """At one condition, more than half of the pairs have a larger index than at each other one."""
    (best,) = (at for at in along if at.name == x["at"])
    pairs = best.each_pair()
    wins = {
        at.name: sum(best.between(*pair, "dunn_table1") > at.between(*pair, "dunn_table1") for pair in pairs)
        for at in along
        if at is not best
    }
    text = ", ".join(f"{count} of {len(pairs)} larger than at {name}" for name, count in wins.items())
    return text, all(2 * count > len(pairs) for count in wins.values())


AT_EACH: dict[str, Callable[[_Seen, Any], Outcome]] = {
    "order": _order,
    "no_order": _no_order,
    "not_apart": _not_apart,
    "alike": _alike,
    "highest": _highest,
    "nearer": _nearer,
    "overlap": _overlap,
    "significant": _significant,
    "p": _p,
    "dunn": _dunn,
    "mean": _mean,
}


ALONG: dict[str, Callable[[list[_Seen], Any], Outcome]] = {
    "rises": _rises,
    "constant": _constant,
    "smallest_gap": _smallest_gap,
    "larger_dunn": _larger_dunn,
    "most": _most,
}


def read_published(folder: str | Path) -> Published:
    """Return what the paper reports: ``claims.yaml`` and, as a claim per value, ``table1.csv``.

    Raises
    ------
    ValueError
        Naming the claim, the word that is not known, and those that are.
    """
    stated = yaml.safe_load(Path(folder, "claims.yaml").read_text())
    values = pd.read_csv(Path(folder, "table1.csv"), dtype=str)
    claims = [*_table_claims(values), *(_text_claim(entry) for entry in stated["claims"])]
    for claim in claims:
        _check(claim, stated["images"])
    for claim in claims:
        if claim.kind in stated["tolerance"]:
            claim.argument["within"] = stated["tolerance"][claim.kind]
    claims.sort(key=lambda claim: list(EXPERIMENTS).index(claim.experiment))
    return Published(stated["images"], stated["tolerance"], stated["why"], claims)


def _table_claims(values: pd.DataFrame) -> Iterator[Claim]:
    """Two claims per row of Table 1."""
    for row in values.itertuples():
        pair = [row.set_a, row.set_b]
        for kind, name, printed in (("p", "p", row.p), ("dunn", "Dunn index", row.dunn)):
            argument = {"pair": pair, "value": float(printed)}
            text = f"{name} of {' vs. '.join(pair)}"
            yield Claim("distance-measures", [row.dataset], [row.metric], TABLE, text, "", kind, argument, printed)


def _text_claim(entry: dict[str, Any]) -> Claim:
    ((kind, argument),) = entry["predicate"].items()
    where = ", ".join(filter(None, [f"section {entry['section']}", entry.get("shown")]))
    argument = dict(argument) if isinstance(argument, dict) else argument
    conditions = [str(name) for name in entry["conditions"]]
    how = entry.get("how", "").strip()
    return Claim(entry["experiment"], entry["datasets"], conditions, where, entry["claim"], how, kind, argument)


def _check(claim: Claim, images: dict[str, int]) -> None:
    """Refuse experiments, datasets, conditions, kinds and sets that do not exist."""
    _known(claim, "experiment", [claim.experiment], EXPERIMENTS)
    _known(claim, "dataset", claim.datasets, images)
    for condition in claim.conditions:
        experiment, name = _place(claim, condition)
        _known(claim, "experiment", [experiment], EXPERIMENTS)
        _known(claim, "condition", [name], EXPERIMENTS[experiment])
    _known(claim, "predicate", [claim.kind], [*AT_EACH, *ALONG])
    if claim.kind != "significant":
        _known(claim, "set or condition", _words(claim.argument), [*SETS, *claim.conditions])


def _known(claim: Claim, what: str, words: Any, known: Any) -> None:
    for word in words:
        if word not in known:
            raise ValueError(f"claim {claim.claim!r}: {what} {word!r} is not known; known are {', '.join(known)}")


def _words(argument: Any) -> Iterator[str]:
    """All within lists and values of a predicate, but numbers with decimals."""
    if isinstance(argument, list | dict):
        for part in argument.values() if isinstance(argument, dict) else argument:
            yield from _words(part)
    elif not isinstance(argument, float):
        yield argument


def _place(claim: Claim, condition: str) -> tuple[str, str]:
    """Return the experiment and condition that are meant: ``encoder-decoder/enc16`` is one of another experiment."""
    experiment, _, name = condition.rpartition("/")
    return experiment or claim.experiment, name


def judge_claims(
    folder: str | Path,
    statistics: dict[tuple[str, str, str], dict[str, str | Path]],
    comparable: dict[tuple[str, str, str], str],
) -> pd.DataFrame:
    """Return a row per claim, model, dataset and condition (or conditions) that the statistics cover, as in ``JUDGED``.

    Claims about experiments, datasets or conditions that are not there are left out. What was obtained is always
    given; it is judged where the run is comparable with the paper's.

    Parameters
    ----------
    folder
        ``resources/published``.
    statistics
        The files "sets" and "tests", as ``semlens.statistics`` writes them, by experiment, model and dataset.
    comparable
        Why an experiment with a model on a dataset cannot be compared, or nothing; same keys.

    Raises
    ------
    ValueError
        As ``read``.
    """
    seen = {
        (*key, at.name): at for key, paths in statistics.items() for at in _conditions(paths["sets"], paths["tests"])
    }
    models = list(dict.fromkeys(model for _, model, _ in statistics))
    rows = []
    for claim in read_published(folder).claims:
        together = [claim.conditions] if claim.kind in ALONG else [[name] for name in claim.conditions]
        for model, dataset, conditions in product(models, claim.datasets, together):
            places = [_place(claim, condition) for condition in conditions]
            keys = [(experiment, model, dataset, name) for experiment, name in places]
            if all(key in seen for key in keys):
                reasons = [comparable[experiment, model, dataset] for experiment, _ in places]
                row = _judged(claim, [seen[key] for key in keys], next(filter(None, reasons), ""))
                rows.append({"model": model, "dataset": dataset, "condition": ", ".join(conditions), **row})
    judged = pd.DataFrame(rows, columns=list(JUDGED.columns))
    log.info("the paper's claims: %s", _counts(judged))
    return judged


def _conditions(sets: str | Path, pairs: str | Path) -> Iterator[_Seen]:
    of_sets, of_pairs = (pd.read_csv(path, dtype={"condition": str}) for path in (sets, pairs))
    for condition, rows in of_sets.groupby("condition", sort=False):
        between = of_pairs[of_pairs["condition"] == condition].to_dict("records")
        yield _Seen(
            str(condition),
            rows.set_index("set").to_dict("index"),
            {frozenset((row["set_a"], row["set_b"])): row for row in between},
        )


def _judged(claim: Claim, at: list[_Seen], reason: str) -> dict[str, str]:
    try:
        obtained, holds = (
            ALONG[claim.kind](at, claim.argument) if claim.kind in ALONG else AT_EACH[claim.kind](at[0], claim.argument)
        )
        verdict = "not comparable" if reason else "holds" if holds else "does not hold"
    except _NoPairs as missing:
        obtained, verdict, reason = "–", "no pairs", str(missing)
    return {
        "experiment": claim.experiment,
        "where": claim.where,
        "claim": claim.claim,
        "how": claim.how,
        "published": claim.printed or _said(claim.kind, claim.argument),
        "obtained": obtained,
        "verdict": verdict,
        "reason": reason,
    }


def explain_incomparability(
    *,
    experiment: str,
    settings: dict[str, Any],
    layers: str | None,
    denoised: bool,
    demo: bool,
    dataset: str,
    images: int,
    sizes: dict[str, int],
) -> str:
    """Return why a run cannot be compared with the paper's, or nothing. What the paper leaves open does not matter.

    Parameters
    ----------
    settings
        Those of ``SETTINGS``, None where one is not known or does not apply.
    layers
        What the experiment compares, None where layers are its axis.
    denoised
        Whether noise was taken away again before the U-Net was read.
    demo
        Whether the model or the dataset is one that is made up here.
    images
        How many images or frames of the dataset the run studied.
    sizes
        How many the paper studied: ``Published.images``.
    """
    if demo:
        return "demo"
    if dataset not in sizes:
        return "not a dataset of the paper"
    used = {**settings, "layers": layers, "denoised": denoised}
    paper = {**SETTINGS, "layers": FEATURES.get(experiment), "denoised": experiment.endswith("-denoised")}
    for name, value in paper.items():
        if used[name] is not None and used[name] != value:
            return f"{name} {used[name]} instead of {value}"
    return f"{images} of {sizes[dataset]} images" if images != sizes[dataset] else ""


def save_claims(judged: pd.DataFrame, folder: str | Path, *, csv: str, md: str, html: str) -> None:
    """Write verdicts: a row each as csv; to read, as Markdown and a piece of HTML, by experiment, Table 1 as such."""
    write_csv(judged, JUDGED, csv)
    paper = read_published(folder)
    tolerance = (
        f"p-values agree where they lie on the same side of {SIGNIFICANT}, Dunn indices within "
        f"{paper.tolerance['dunn']}, means within {paper.tolerance['mean']}. {paper.why.strip()}"
    )
    with write_atomically(md) as file:
        file.write_text(_markdown(judged, tolerance))
    with write_atomically(html) as file:
        file.write_text(_html(judged, tolerance))


def _counts(judged: pd.DataFrame) -> str:
    return ", ".join(f"{verdict}: {(judged['verdict'] == verdict).sum()}" for verdict in VERDICTS)


def _parts(judged: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """By experiment, the values of Table 1 and the claims of the text."""
    for experiment, rows in judged.groupby("experiment", sort=False):
        yield experiment, rows[rows["where"] == TABLE], rows[rows["where"] != TABLE]


def _grids(values: pd.DataFrame, obtained: Callable[[pd.Series], str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Table 1 by model and dataset: a row per value of a pair of sets; under each distance, published and obtained."""
    for (model, dataset), rows in values.groupby(["model", "dataset"], sort=False):
        cells = {}
        for _, row in rows.iterrows():
            for name, text in (("published", row["published"]), ("obtained", obtained(row))):
                cells.setdefault((row["condition"], name), {})[row["claim"]] = text
        yield f"{TABLE}, {dataset}, {model}", pd.DataFrame(cells)


def _verdict(row: pd.Series) -> str:
    return f"{_MARKS[row['verdict']]} {row['verdict']}" + (f" ({row['reason']})" if row["reason"] else "")


def _markdown(judged: pd.DataFrame, tolerance: str) -> str:
    lines = [f"# {TITLE}", f"{_counts(judged)}.", tolerance]
    for experiment, values, stated in _parts(judged):
        lines.append(f"## {experiment}")
        for name, grid in _grids(values, lambda row: f"{row['obtained']} {_verdict(row)}"):
            grid.columns = [" ".join(column) for column in grid.columns]
            lines += [f"{name}.", grid.reset_index(names="").to_markdown(index=False, disable_numparse=True)]
        if len(stated):
            table = stated.assign(
                claim=(stated["claim"] + " " + stated["how"]).str.strip(), verdict=stated.apply(_verdict, axis=1)
            )
            table = table[["where", "claim", "model", "dataset", "condition", "published", "obtained", "verdict"]]
            table = table.replace(r"\|", r"\\|", regex=True)
            lines.append(table.to_markdown(index=False, disable_numparse=True))
    return "\n\n".join(lines) + "\n"


def _html(judged: pd.DataFrame, tolerance: str) -> str:
    parts = [f"<p><b>{escape(_counts(judged))}.</b></p>", f"<p>{escape(tolerance)}</p>"]
    for experiment, values, stated in _parts(judged):
        parts.append(f"<h3>{escape(experiment)}</h3>")
        for name, grid in _grids(values, lambda row: f"{escape(row['obtained'])}<br>{_coloured(row)}"):
            parts += [f"<p>{escape(name)}</p>", grid.to_html(escape=False, border=0)]
        if len(stated):
            heads = ("where", "claim", "model", "dataset", "condition", "published", "obtained", "verdict")
            head = "".join(f"<th>{name}</th>" for name in heads)
            body = "\n".join(_html_rows(stated))
            parts.append(f"<table>\n<tr>{head}</tr>\n{body}\n</table>")
    return "\n".join(parts)


def _html_rows(stated: pd.DataFrame) -> Iterator[str]:
    """Rows of the same claim share its cells."""
    for (where, claim, how), rows in stated.groupby(["where", "claim", "how"], sort=False):
        shared = "".join(
            f'<td class="text" rowspan="{len(rows)}">{text}</td>'
            for text in (escape(where), f"{escape(claim)}<br><small>{escape(how)}</small>")
        )
        for _, row in rows.iterrows():
            own = "".join(
                f'<td class="text">{escape(row[name])}</td>'
                for name in ("model", "dataset", "condition", "published", "obtained")
            )
            yield f'<tr>{shared}{own}<td class="word">{_coloured(row)}</td></tr>'
            shared = ""


def _coloured(row: pd.Series) -> str:
    return f'<span class="{row["verdict"].replace(" ", "-")}">{escape(_verdict(row))}</span>'
