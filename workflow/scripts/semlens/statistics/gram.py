"""Inner products of prototypes, layer by layer: those of layers joined are their sums.

Let x be the prototypes of a layer, (n, D), G = x x', and s the sums of their components. Of layers that are joined,
G, s and D add up, and with them

* cosine distance is 1 - G_ij / sqrt(G_ii G_jj),
* correlation distance the same of G - s s' / D: layers are joined before they are centred,
* Euclidean distance sqrt(G_ii + G_jj - 2 G_ij).

So the distances of any subset of layers cost sums of matrices, whatever the number of channels.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

METRICS = ("cosine", "correlation", "euclidean")
_ROUNDING = 1e-12  # of a distance, as a share of what it is a difference of: less is no distance

Subset = tuple[int, ...]  # places of layers, rising


class _Terms(NamedTuple):
    """What a metric takes beside inner products: of the objects, (n,), and of all (see :func:`_finish`)."""

    squares: np.ndarray
    sums: np.ndarray
    width: int


@dataclass(frozen=True)
class LayerProducts:
    """Inner products of the prototypes of n objects in each of some layers.

    Attributes
    ----------
    names
        Of the layers.
    products
        (layers, n, n) float64.
    sums, lowest, highest
        (layers, n) The sum, the lowest and the highest of the components of a prototype.
    widths
        (layers,) Number of channels.
    """

    names: list[str]
    products: np.ndarray
    sums: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    widths: np.ndarray

    @classmethod
    def from_vectors(cls, layers: Iterable[tuple[str, np.ndarray]], n_layers: int) -> Self:
        """Take the name and the prototypes, (n, channels), of one layer after another.

        Memory holds the prototypes of one layer, in float64, and all products.
        """
        names, per_layer, products = [], [], np.empty(0)
        for place, (name, vectors) in enumerate(layers):
            x = vectors.astype(np.float64)
            if not place:
                products = np.empty((n_layers, len(x), len(x)))
            np.matmul(x, x.T, out=products[place])
            names.append(name)
            per_layer.append((x.sum(axis=1), x.min(axis=1), x.max(axis=1), x.shape[1]))
        sums, lowest, highest, widths = map(np.array, zip(*per_layer, strict=True))
        return cls(names, products, sums, lowest, highest, widths)

    def __len__(self) -> int:
        """Return the number of objects."""
        return self.sums.shape[1]

    def is_defined(self, subset: Subset, metric: str) -> bool:
        """Return whether a metric is defined for all prototypes of some layers joined.

        Correlation is not for a prototype that is constant, cosine is not for one that is zero.
        """
        layers = list(subset)
        lowest, highest = self.lowest[layers].min(axis=0), self.highest[layers].max(axis=0)
        if metric == "correlation":
            return bool((lowest < highest).all())
        return metric == "euclidean" or bool(((lowest < 0) | (highest > 0)).all())

    def name_subset(self, subset: Subset) -> str:
        """Return the names of some layers, joined by +."""
        return "+".join(self.names[layer] for layer in subset)

    def count_channels(self, subset: Subset) -> int:
        """Return how many channels some layers have together."""
        return int(self.widths[list(subset)].sum())

    def iterate_distances(
        self, subsets: Sequence[Subset], metric: str, rows: np.ndarray, columns: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Yield what has the order of the distances of each subset of layers, (rows, columns) float32.

        These are distances; of the Euclidean one, squares. What is no larger than rounding makes of 0 is 0. What is
        yielded is overwritten by the next one. A subset that begins as the one before takes over its sums: in the order
        of :func:`semlens.statistics.subsets.list_subsets`, each costs a single sum.

        Parameters
        ----------
        subsets
            For which the metric is defined.
        rows, columns
            Positions of objects.
        """
        asked = sorted({layer for subset in subsets for layer in subset})
        blocks = {layer: self.products[layer][np.ix_(rows, columns)] for layer in asked}
        shape = (len(rows), len(columns))
        totals = np.empty((max(map(len, subsets), default=0), *shape))
        work, distances = np.empty(shape), np.empty(shape, np.float32)
        before: Subset = ()
        for subset in subsets:
            for depth, layer in enumerate(subset):
                if subset[: depth + 1] != before[: depth + 1]:
                    if depth:
                        np.add(totals[depth - 1], blocks[layer], out=totals[depth])
                    else:
                        np.copyto(totals[0], blocks[layer])
            before = subset
            _finish(totals[len(subset) - 1], self._add_terms(subset), metric, rows, columns, work)
            np.maximum(work, 0, out=distances, casting="same_kind")
            yield distances

    def _add_terms(self, subset: Subset) -> _Terms:
        layers = list(subset)
        squares = sum(self.products[layer].diagonal() for layer in layers)
        return _Terms(squares, self.sums[layers].sum(axis=0), self.count_channels(subset))


def _finish(
    totals: np.ndarray, terms: _Terms, metric: str, rows: np.ndarray, columns: np.ndarray, out: np.ndarray
) -> None:
    """Write the distances that inner products make, less what rounding can make of 0."""
    if metric == "euclidean":
        squares = terms.squares * (1 - _ROUNDING)
        np.multiply(totals, -2, out=out)
        out += squares[columns]
        out += squares[rows, None]
        return
    if metric == "correlation":
        np.multiply(terms.sums[rows, None] / -terms.width, terms.sums[columns], out=out)
        out += totals
        scale = 1 / np.sqrt(np.maximum(terms.squares - terms.sums**2 / terms.width, np.finfo(float).tiny))
        out *= scale[columns]
    else:
        scale = 1 / np.sqrt(terms.squares)
        np.multiply(totals, scale[columns], out=out)
    out *= -scale[rows, None]
    out += 1 - _ROUNDING
