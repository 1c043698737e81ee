"""What a kind of figure or table is."""

from collections.abc import Callable
from dataclasses import dataclass

from semlens.config.schema import Config


@dataclass(frozen=True)
class Kind:
    """One kind of figure or table of an experiment.

    Attributes
    ----------
    name
        A figure's or table's kind, in the report's anchors too.
    rule
        The rule that makes it.
    applies
        Of an entry of the configuration: whether it has one.
    file
        Below the results, what the report shows: an image (``.png``), or a table as a piece of HTML (``.html``).
    title
        Its heading in the report; empty where the experiment's own title is enough.
    caption
        What it shows. It may name the experiment's ``{reference}`` and the definition of its ``{dunn_index}``.
    is_photograph
        Whether it is mostly photographs, which the report may compress.
    section
        The section of the configuration whose entries have it.
    """

    name: str
    rule: str
    applies: Callable[[Config], bool]
    file: str
    title: str
    caption: str
    is_photograph: bool = False
    section: str = "experiments"
