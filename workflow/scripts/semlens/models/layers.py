"""Capture points of a network, derived from its own configuration, and names for sets of them.

Of a U-Net, ``enc16.1`` is the first encoder layer whose map is 16 cells wide at the model's native size; ``enc16`` is
all encoder layers at 16, ``16`` all layers at 16. Of a transformer, ``block07`` is what its eighth block gives out,
``block07.attn_in`` what enters that block's self-attention, ``block07-09`` three blocks. ``+`` joins sets.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

NAME = re.compile(r"(enc|mid|dec)?(\d+)(?:\.(\d+))?")
_RANGE = re.compile(r"([a-z]+)(\d+)-(\d+)(\.[a-z_]+)?")
OUT, ATTENTION_INPUT = "out", "attn_in"  # taps
BASELINE = "baseline"  # the one layer of a baseline without a network
_PARTS, _KINDS = ("enc", "mid", "dec"), ("block", "single")
_BLOCK = re.compile(rf"({'|'.join(_KINDS)})(\d+)(\.{ATTENTION_INPUT})?")


@dataclass(frozen=True)
class Layer:
    """One capture point.

    Attributes
    ----------
    name
        Its canonical name.
    module
        The name of its module in the network.
    grid
        Side of its map in cells, at the network's own size.
    channels
        Of its map.
    tap
        What is captured: what the module gives out, or ``attn_in``, the hidden states that enter a self-attention.
    stream
        Which of several outputs is that of the image.
    """

    name: str
    module: str
    grid: int
    channels: int
    tap: str = OUT
    stream: int = 0


def expand_layers(layer_set: str, available: Iterable[str]) -> list[str]:
    """Return the layer names of ``available`` that make up a layer set such as ``64+32+16``, in their order.

    Raises
    ------
    ValueError
        If a term of the set names no available layer.
    """
    available = list(available)
    found = set()
    for term in layer_set.split("+"):
        matching = {name for name in available if _matches(name, term)} if _has_ends(term, available) else set()
        if not matching:
            raise ValueError(f"no layer {term!r} (of layer set {layer_set!r}); there are {', '.join(available)}")
        found |= matching
    return [name for name in available if name in found]


def find_forward_position(layer_set: str) -> tuple[int, int, int] | None:
    """Return a key that sorts the layers of a network from its input to its output; None for a sum of layers."""
    if found := _BLOCK.fullmatch(layer_set):
        kind, number, tap = found.groups()
        return len(_PARTS) + _KINDS.index(kind), int(number), int(tap is None)
    found = NAME.fullmatch(layer_set)
    if found is None or found[1] is None or (found[3] is None) != (found[1] == "mid"):
        return (-1, 0, 0) if layer_set == BASELINE else None
    part, side = _PARTS.index(found[1]), int(found[2])
    return part, side if found[1] == "dec" else -side, int(found[3] or 0)


def _has_ends(term: str, available: list[str]) -> bool:
    """Return whether there are both ends of a range; of any other term, there is nothing to ask."""
    ends = _RANGE.fullmatch(term)
    names = _list_range(ends) if ends else []
    return not ends or (bool(names) and {names[0], names[-1]} <= set(available))


def _list_range(ends: re.Match) -> list[str]:
    kind, first, last, tap = ends.groups(default="")
    return [f"{kind}{number:02d}{tap}" for number in range(int(first), int(last) + 1)]


def _matches(layer: str, term: str) -> bool:
    if layer == term:
        return True
    if ends := _RANGE.fullmatch(term):
        return layer in _list_range(ends)
    wanted, found = NAME.fullmatch(term), NAME.fullmatch(layer)
    return bool(wanted and found) and all(
        want is None or want == have for want, have in zip(wanted.groups(), found.groups(), strict=True)
    )
