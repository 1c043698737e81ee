"""Capture points of a diffusion U-Net, derived from its own configuration, and names for sets of them.

``enc16.1`` is the first encoder layer whose map is 16 cells wide at the model's native size; ``enc16`` is all
encoder layers at 16, ``16`` all layers at 16, and ``+`` joins sets.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

NAME = re.compile(r"(enc|mid|dec)?(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class Layer:
    """One capture point: its canonical name, its module in diffusers, its grid side and its channels."""

    name: str
    module: str
    grid: int
    channels: int


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
        matching = {name for name in available if _matches(name, term)}
        if not matching:
            raise ValueError(f"no layer {term!r} (of layer set {layer_set!r}); there are {', '.join(available)}")
        found |= matching
    return [name for name in available if name in found]


def parse_grid(layer: str) -> int:
    """Return the grid side in a layer's name."""
    return int(NAME.fullmatch(layer)[2])


def find_forward_position(layer_set: str) -> tuple[int, int, int] | None:
    """Return a key that sorts layers by their place in the U-Net, from its input to its output; None for a sum."""
    found = NAME.fullmatch(layer_set)
    if found is None or found[1] is None or (found[3] is None) != (found[1] == "mid"):
        return None
    part, side = ("enc", "mid", "dec").index(found[1]), int(found[2])
    return part, side if part == 2 else -side, int(found[3] or 0)


def _matches(layer: str, term: str) -> bool:
    wanted = NAME.fullmatch(term)
    return wanted is not None and all(
        want is None or want == have for want, have in zip(wanted.groups(), NAME.fullmatch(layer).groups(), strict=True)
    )
