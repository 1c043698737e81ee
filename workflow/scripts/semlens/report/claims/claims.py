"""The claims: ``claims.yaml``, and one claim per value of ``table1.csv``."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from semlens.compare.pairs import SETS
from semlens.report.claims.paper import EXPERIMENTS
from semlens.report.claims.predicates import PREDICATES, Predicate

TABLE = "Table 1"


@dataclass(frozen=True)
class Claim:
    """One statement of the paper.

    Attributes
    ----------
    where
        Section, figure or table.
    claim, how
        The statement in our words, and how it was made decidable where the text is vague.
    printed
        The value as the paper prints it; empty for claims of the text.
    """

    experiment: str
    datasets: list[str]
    conditions: list[str]
    where: str
    claim: str
    how: str
    predicate: Predicate
    printed: str = ""

    def locate(self, condition: str) -> tuple[str, str]:
        """Return the experiment and condition that are meant: ``encoder-decoder/enc16`` is another experiment's."""
        experiment, _, name = condition.rpartition("/")
        return experiment or self.experiment, name


@dataclass(frozen=True)
class Published:
    """What the paper reports: images per dataset, what counts as the same number and why, and all claims."""

    images: dict[str, int]
    tolerance: dict[str, float]
    why: str
    claims: list[Claim]


def read_published(folder: str | Path) -> Published:
    """Return what the paper reports.

    Parameters
    ----------
    folder
        Holds ``claims.yaml`` and ``table1.csv``.

    Raises
    ------
    ValueError
        Naming the claim, the word that is not known, and those that are.
    """
    stated = yaml.safe_load(Path(folder, "claims.yaml").read_text(encoding="utf-8"))
    values, tolerance = pd.read_csv(Path(folder, "table1.csv"), dtype=str), stated["tolerance"]
    claims = [*_list_table_claims(values, tolerance), *(_read_claim(entry, tolerance) for entry in stated["claims"])]
    for claim in claims:
        _check(claim, stated["images"])
    claims.sort(key=lambda claim: list(EXPERIMENTS).index(claim.experiment))
    return Published(stated["images"], tolerance, stated["why"], claims)


def _list_table_claims(values: pd.DataFrame, tolerance: dict[str, float]) -> Iterator[Claim]:
    """Yield two claims per row of Table 1."""
    for row in values.itertuples():
        pair = [row.set_a, row.set_b]
        for kind, name, printed in (("p_value", "p", row.p), ("dunn", "Dunn index", row.dunn)):
            predicate = _make_predicate(kind, {"pair": pair, "value": float(printed)}, tolerance)
            text = f"{name} of {' vs. '.join(pair)}"
            yield Claim("distance-measures", [row.dataset], [row.metric], TABLE, text, "", predicate, printed)


def _read_claim(entry: dict[str, Any], tolerance: dict[str, float]) -> Claim:
    ((kind, argument),) = entry["predicate"].items()
    _check_known(entry["claim"], "predicate", [kind], PREDICATES)
    if kind != "all_significant":
        known = [*SETS, *map(str, entry["conditions"])]
        _check_known(entry["claim"], "set or condition", _list_words(argument), known)
    return Claim(
        experiment=entry["experiment"],
        datasets=entry["datasets"],
        conditions=[str(name) for name in entry["conditions"]],
        where=", ".join(filter(None, [f"section {entry['section']}", entry.get("shown")])),
        claim=entry["claim"],
        how=entry.get("how", "").strip(),
        predicate=_make_predicate(kind, argument, tolerance),
    )


def _make_predicate(kind: str, argument: Any, tolerance: dict[str, float]) -> Predicate:
    return PREDICATES[kind](argument | {"within": tolerance[kind]} if kind in tolerance else argument)


def _check(claim: Claim, images: dict[str, int]) -> None:
    """Refuse experiments, datasets and conditions that do not exist."""
    _check_known(claim.claim, "experiment", [claim.experiment], EXPERIMENTS)
    _check_known(claim.claim, "dataset", claim.datasets, images)
    for condition in claim.conditions:
        experiment, name = claim.locate(condition)
        _check_known(claim.claim, "experiment", [experiment], EXPERIMENTS)
        _check_known(claim.claim, "condition", [name], EXPERIMENTS[experiment])


def _check_known(claim: str, what: str, words: Iterable[Any], known: Iterable[Any]) -> None:
    for word in words:
        if word not in known:
            raise ValueError(f"claim {claim!r}: {what} {word!r} is not known; known are {', '.join(known)}")


def _list_words(argument: Any) -> Iterator[str]:
    """Yield all words within lists and values of an argument, but numbers with decimals."""
    if isinstance(argument, list | dict):
        for part in argument.values() if isinstance(argument, dict) else argument:
            yield from _list_words(part)
    elif not isinstance(argument, float):
        yield argument
