"""Samples that are read together."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class Batch(NamedTuple):
    """Samples of a view, and their feature maps: fresh from a network, or from a shard."""

    view: str
    start: int  # the place of the first among the view's samples
    ids: list[str]
    passes: Iterable[tuple[int, str, Any]]  # timestep, layer, maps (batch, channels, height, width)
