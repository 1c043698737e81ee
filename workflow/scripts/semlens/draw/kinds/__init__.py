"""All kinds of figures and tables, one row each: the rule that makes it, what has it, its caption.

The workflow's targets, and the report's parts and captions, are read from here. Cheap to import.
"""

from typing import Any

from semlens.config.schema import Config
from semlens.config.studies import list_studies
from semlens.draw.kinds import of_experiments, of_studies
from semlens.draw.kinds.kind import Kind

DUNN_INDEXES = {
    "table1": "the difference of means over the larger standard deviation, as in Table 1",
    "eq10": "the smallest gap between the sets over the largest range within one (Eq. 10)",
}

KINDS = (*of_experiments.KINDS, *of_studies.KINDS)


def list_kinds(entry: Config, section: str = "experiments") -> list[Kind]:
    """Return the kinds of figures and tables that an entry of a section has, in the report's order."""
    return [kind for kind in KINDS if kind.section == section and kind.applies(entry)]


def list_experiments(rule: str, experiments: dict[str, Config]) -> list[str]:
    """Return the names of the experiments for which a rule makes figures or tables."""
    return [name for name, entry in experiments.items() if any(kind.rule == rule for kind in list_kinds(entry))]


def list_report_parts(config: Config) -> list[dict[str, Any]]:
    """Return every figure and table of the report, in its order.

    Each is a record of ``study``, ``name`` and ``question`` of what it belongs to (see
    :func:`semlens.config.studies.list_studies`), ``kind``, ``file`` (below the results), ``title``, ``caption`` and
    ``is_photograph``.
    """
    return [
        {
            "study": study["study"],
            "name": study["name"],
            "question": study["entry"]["title"],
            "kind": kind.name,
            "file": kind.file.format(name=study["name"]),
            "title": kind.title,
            "caption": kind.caption.format(
                reference=study["entry"].get("reference"), dunn_index=DUNN_INDEXES.get(study["entry"].get("dunn"))
            ),
            "is_photograph": kind.is_photograph,
        }
        for study in list_studies(config)
        for kind in list_kinds(study["entry"], study["section"])
    ]
