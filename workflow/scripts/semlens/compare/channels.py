"""What is done to the channels of prototypes before they are compared: the largest left out, or all on one scale.

A few channels of a network may be far larger than the rest, and then decide every distance ("massive activations").
A prototype is a mean over cells, so that a channel of the prototype can be left out as well as one of the map. What is
left out or rescaled follows from all objects as they are without a view, whatever their class.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from semlens.images.original import ORIGINAL


class Shard(Protocol):
    """A shard of prototypes, see :class:`semlens.compare.prototypes.PrototypeShard`."""

    rows: pd.DataFrame
    layer_sets: dict[str, list[str]]

    def iterate_columns(self, layer_set: str, numbers: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each column of a layer set with the vectors of some rows."""


@dataclass(frozen=True)
class Column:
    """The channels of one layer, over all objects.

    Attributes
    ----------
    layer
        Its name.
    magnitude, mean, spread
        (channels,) Mean of absolute values, mean, and standard deviation, float64.
    """

    layer: str
    magnitude: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    def rank_channels(self) -> np.ndarray:
        """Return the channels by falling magnitude."""
        return np.argsort(-self.magnitude, kind="stable")


@dataclass(frozen=True)
class Treatment:
    """What an experiment does to the channels of a layer set, of which ``columns`` are the layers."""

    columns: Sequence[Column]
    n_discarded: int = 0
    standardize: bool = False

    def list_names(self) -> list[str]:
        """Return the names of the channels that stay, such as ``enc16.1:7``, in their order."""
        return [_name(column, channel) for column in self.columns for channel in self._keep(column)]

    def list_discarded(self) -> list[str]:
        """Return the names of the channels that are left out, layer by layer, the largest first."""
        return [
            _name(column, channel) for column in self.columns for channel in column.rank_channels()[: self.n_discarded]
        ]

    def apply(self, place: int, values: np.ndarray) -> np.ndarray:
        """Return the channels of one layer as they are compared, (rows, channels that stay) float32.

        A channel that is left out is no component any more. To set it to 0 would be the same for euclidean, cityblock
        and cosine distances, but not for correlation, where a 0 that all prototypes share makes them alike.

        Parameters
        ----------
        place
            Of the layer in ``columns``.
        values
            (rows, channels).
        """
        column = self.columns[place]
        if not self.standardize:
            return values[:, self._keep(column)]
        spread = np.where(column.spread > 0, column.spread, np.inf)
        return ((values - column.mean) / spread).astype(np.float32)

    def _keep(self, column: Column) -> np.ndarray:
        return np.sort(column.rank_channels()[self.n_discarded :])


def choose_treatment(shards: Sequence[Shard], condition: dict[str, Any]) -> Treatment:
    """Return what a condition does to channels, from all objects of the dataset at its timestep, without a view.

    Parameters
    ----------
    condition
        With ``timestep`` and ``layers``; perhaps with ``discard_channels`` or ``standardize_channels``.

    Raises
    ------
    ValueError
        If no object is there without a view, or a layer has too few channels to leave so many out.
    """
    n_discarded = condition.get("discard_channels", 0)
    columns = list(measure_channels(shards, condition["layers"], condition["timestep"]))
    if not columns:
        raise ValueError(
            f"condition {condition['name']!r}: channels are chosen by objects without a view, and no extraction holds "
            f"layers {condition['layers']!r} of such at t = {condition['timestep']}"
        )
    for column in columns:
        if len(column.magnitude) <= n_discarded:
            raise ValueError(
                f"condition {condition['name']!r}: 'discard_channels: {n_discarded}' leaves nothing of layer "
                f"{column.layer!r}, which has {len(column.magnitude)} channels"
            )
    return Treatment(columns, n_discarded, condition.get("standardize_channels", False))


def measure_channels(shards: Sequence[Shard], layer_set: str, timestep: int) -> Iterator[Column]:
    """Yield the layers of a layer set with what their channels are like, over all objects without a view."""
    parts = [
        shard.iterate_columns(layer_set, rows.index.to_numpy())
        for shard in shards
        if layer_set in shard.layer_sets
        and len(rows := shard.rows[(shard.rows["view"] == ORIGINAL) & (shard.rows["timestep"] == timestep)])
    ]
    for found in zip(*parts, strict=True):
        (name, *_), values = zip(*found, strict=True)
        yield describe_column(name.split("@")[0], values)


def describe_column(layer: str, parts: Iterable[np.ndarray]) -> Column:
    """Return what the channels of a layer are like, from parts (rows, channels) of its prototypes.

    Means and squares of deviations are joined part by part (Chan, Golub and LeVeque 1983), so that a channel that does
    not vary has a standard deviation of exactly 0.
    """
    n, magnitude, mean, squares = 0, 0.0, 0.0, 0.0
    for part in parts:
        values = part.astype(np.float64)
        m, part_mean = len(values), values.mean(axis=0)
        gap, total = part_mean - mean, n + m
        squares = squares + ((values - part_mean) ** 2).sum(axis=0) + gap**2 * (n * m / total)
        mean = mean + gap * (m / total)
        magnitude = magnitude + (np.abs(values).mean(axis=0) - magnitude) * (m / total)
        n = total
    return Column(layer, magnitude, mean, np.sqrt(squares / n))


def _name(column: Column, channel: int) -> str:
    return f"{column.layer}:{channel}"
