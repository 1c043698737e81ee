"""A search for the layers that together separate classes best, between images, and what it finds on other images.

Of many subsets the best one looks better than it is: it was chosen by the same images. So a search is done three times.
Halves of the images (videos) search by themselves, and what one half chooses is told on the other. On all images, what
is found is told with the subsets that cannot be told from the best.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np
from scipy import stats

from semlens.runtime.logs import log
from semlens.statistics.anchors import N_ANCHORS, list_classes, measure_anchors, sample_anchors
from semlens.statistics.gram import LayerProducts, Subset
from semlens.statistics.intervals import LEVEL, Estimates
from semlens.statistics.labels import Labels
from semlens.statistics.neighbours import iterate_between
from semlens.statistics.separation import Average, map_by_threads, measure_separation
from semlens.statistics.subsets import rank, try_subsets

N_EXACT = 100  # subsets that are best by a sample of anchors, and are then measured by all objects
CHOICES = ("best", "smallest tied", "best single layer", "all layers")
HALVES = ("first half", "second half")
_BATCH_SIZE = 1 << 17  # distances that are made at a time


@dataclass(frozen=True)
class Options:
    """How a search is done.

    Attributes
    ----------
    average
        ``classes`` or ``objects``.
    beam
        Of more layers than are tried exhaustively, see :func:`semlens.statistics.subsets.try_subsets`.
    n_anchors, n_exact
        How many objects a subset is first measured by, and how many subsets then by all objects.
    """

    average: str
    beam: int
    seed: int
    n_anchors: int = N_ANCHORS
    n_exact: int = N_EXACT


@dataclass(frozen=True)
class Search:
    """What some images (videos) say of subsets of layers.

    Attributes
    ----------
    subsets
        All that were tried.
    sampled
        (subsets,) Separation from a sample of anchors; NaN where the metric is undefined.
    exact
        Of the subsets that were measured by all objects: the best by the sample, those best of their size, all single
        layers, and all layers together.
    measured
        The same subsets, in the order of ``exact``.
    among_best
        (measured,) Which of these cannot be told from the best one.
    """

    subsets: list[Subset]
    sampled: np.ndarray
    exact: Estimates
    measured: list[Subset]
    among_best: np.ndarray

    def choose(self) -> dict[str, Subset]:
        """Return a subset for each of ``CHOICES``; none if nothing could be measured.

        ``smallest tied`` has the fewest layers of all that cannot be told from the best, and of these the highest
        value.
        """
        known = [place for place in rank(self.measured, self.exact.values) if not np.isnan(self.exact.values[place])]
        if not known:
            return {}
        tied = sorted((place for place in known if self.among_best[place]), key=lambda at: len(self.measured[at]))
        single = [place for place in known if len(self.measured[place]) == 1]
        largest = [place for place in known if len(self.measured[place]) == max(map(len, self.subsets))]
        found = zip(CHOICES, (known[:1], tied, single, largest), strict=True)
        return {name: self.measured[places[0]] for name, places in found if places}


class HeldOut(NamedTuple):
    """The mean of what two halves say of each other's choices, with its 95 % interval.

    The interval is that of other images for these choices as they are: another search may choose otherwise.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Told:
    """What one half of the images (videos) chose, and what the other half says of it.

    Attributes
    ----------
    chosen
        By the names of ``CHOICES``.
    averages
        The separation of each on the other half.
    """

    chosen: dict[str, Subset]
    averages: dict[str, Average]


def search(products: LayerProducts, metric: str, labels: Labels, options: Options) -> tuple[Search, tuple[Told, Told]]:
    """Return what a search finds on all images (videos), and what each half's choices are worth on the other half.

    Parameters
    ----------
    labels
        Of the objects of ``products``.
    """
    everyone, classes = np.arange(len(labels)), list_classes(labels)
    n_units = len(labels.unit_names)
    is_first = np.random.default_rng(options.seed).permutation(n_units) < n_units / 2
    halves = [everyone[is_first[labels.units] == first] for first in (True, False)]
    told = []
    for name, half, other in zip(HALVES, halves, reversed(halves), strict=True):
        chosen = search_objects(products, metric, half, labels, classes, options).choose()
        measure = partial(measure_exactly, products, metric, members=other, labels=labels, classes=classes)
        measured = {subset: measure(subset, by=options.average) for subset in dict.fromkeys(chosen.values())}
        told.append(Told(chosen, {choice: measured[subset] for choice, subset in chosen.items()}))
        if chosen:
            log.info("%s, %s: %s", metric, name, products.name_subset(chosen["best"]))
    return search_objects(products, metric, everyone, labels, classes, options), (told[0], told[1])


def search_objects(
    products: LayerProducts,
    metric: str,
    members: np.ndarray,
    labels: Labels,
    classes: np.ndarray,
    options: Options,
) -> Search:
    """Return what some objects say of subsets of layers.

    Every subset is measured by a sample of anchors, the best of them by all objects. A subset that the sample sees as
    worse than so many others is not measured exactly, and is not said to be tied with the best.

    Parameters
    ----------
    members
        (n,) Positions of the objects.
    labels
        Of all objects.
    classes
        Codes of the classes that count.
    """
    own = select_labels(labels, members)
    anchors = sample_anchors(own, classes, options.average, options.seed, options.n_anchors)

    def score(subsets: Sequence[Subset]) -> np.ndarray:
        return measure_anchors(products, metric, subsets, members, own, anchors)

    subsets, sampled = try_subsets(score, len(products.names), options.beam)
    measured = [subsets[place] for place in _choose_exact(subsets, sampled, options.n_exact)]
    averages = [
        measure_exactly(products, metric, subset, members, labels, classes, options.average) for subset in measured
    ]
    exact = Estimates(
        [products.name_subset(subset) for subset in measured],
        np.array([average.value for average in averages]),
        np.array([average.influence for average in averages]).reshape(len(averages), len(labels.unit_names)),
        np.array([average.n_units for average in averages], int),
    )
    return Search(subsets, sampled, exact, measured, exact.list_best(options.seed))


def measure_exactly(
    products: LayerProducts,
    metric: str,
    subset: Subset,
    members: np.ndarray,
    labels: Labels,
    classes: np.ndarray,
    by: str,
) -> Average:
    """Return the separation between images of some layers joined, over all of some objects; NaN if it is undefined.

    Parameters
    ----------
    members
        (n,) Positions of the objects.
    labels
        Of all objects.
    classes
        Codes of the classes that count.
    """
    own, n = select_labels(labels, members), len(members)
    if not n or not products.is_defined(subset, metric):
        return Average(np.nan, np.zeros(len(labels.unit_names)), 0)
    distances = np.empty((n, n), np.float32)

    def fill(rows: slice) -> None:
        (distances[rows],) = products.iterate_distances([subset], metric, members[rows], members)

    size = max(1, _BATCH_SIZE // n)
    for _ in map_by_threads(fill, (slice(start, start + size) for start in range(0, n, size))):
        pass
    return measure_separation(iterate_between(distances, own), own, own.classes).average(by, classes)


def combine(told: Sequence[Told], choice: str, less: str | None = None) -> HeldOut:
    """Return the mean of a choice's separation on images (videos) that did not choose it.

    Parameters
    ----------
    less
        Another choice, whose separation on the same images is taken away.
    """
    parts = []
    for one in told:
        if choice not in one.averages or (less and less not in one.averages):
            return HeldOut(np.nan, np.nan, np.nan)
        averages = [one.averages[name] for name in (choice, less) if name]
        names = [str(place) for place in range(len(averages))]
        values, influences, n_units = (np.array(values) for values in zip(*averages, strict=True))
        estimates = Estimates(names, values, influences, n_units)
        parts.append(estimates.subtract([(0, 1)]) if less else estimates)
    value = np.mean([part.values[0] for part in parts])
    se = np.sqrt(sum(part.se[0] ** 2 for part in parts)) / len(parts)
    fewest = min(part.n_units[0] for part in parts)
    reach = stats.t.ppf((1 + LEVEL) / 2, max(fewest - 1, 1)) * se
    ends = (value - reach, value + reach)
    return HeldOut(float(value), *map(float, ends if less else np.clip(ends, 0, 1)))


def select_labels(labels: Labels, members: np.ndarray) -> Labels:
    """Return the labels of some objects; codes and names stay."""
    chosen = {name: getattr(labels, name)[members] for name in ("classes", "units", "images", "objects")}
    return replace(labels, **chosen)


def _choose_exact(subsets: Sequence[Subset], sampled: np.ndarray, n_exact: int) -> list[int]:
    """Return the places of the subsets that are measured by all objects, best by the sample first."""
    order = [int(place) for place in rank(subsets, sampled)]
    best_of_size = {len(subsets[place]): place for place in reversed(order)}
    single = (place for place in order if len(subsets[place]) == 1)
    return list(dict.fromkeys(chain(order[:n_exact], best_of_size.values(), single)))


def iterate_chosen(told: Sequence[Told]) -> Iterator[tuple[Subset, str, float]]:
    """Yield each half's best subset, the half's name, and its separation on the other half."""
    for name, one in zip(HALVES, told, strict=True):
        if "best" in one.chosen:
            yield one.chosen["best"], name, one.averages["best"].value
