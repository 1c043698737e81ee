"""What a network gives out of samples that are read together."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Batch(NamedTuple):
    """Samples of a view that are read together."""

    view: str
    start: int  # the place of the first among the view's samples
    ids: list[str]

    @property
    def rows(self) -> slice:
        """Where they are among the view's samples."""
        return slice(self.start, self.start + len(self.ids))


class Pass(NamedTuple):
    """Feature maps of a batch at a timestep, by layer in forward order: fresh from a network, or to read in a shard."""

    batch: Batch
    timestep: int
    maps: Mapping[str, Sequence[Any]]  # (batch, channels, height, width), or StoredSamples


def split_samples(samples: Mapping[str, Sequence[str]], size: int) -> list[Batch]:
    """Return the ids of each view's samples as batches of this size; the last of a view may be smaller."""
    return [
        Batch(view, start, list(ids[start : start + size]))
        for view, ids in samples.items()
        for start in range(0, len(ids), size)
    ]
