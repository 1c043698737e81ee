"""Which subsets of layers are tried: all of them, or of many layers those that a beam leads to."""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from semlens.statistics.gram import Subset

MAX_EXHAUSTIVE = 14  # layers, of which all 2^14 - 1 subsets are tried


def list_subsets(n_layers: int) -> list[Subset]:
    """Return all subsets of layers but the empty one, in the order of a dictionary: (0), (0, 1), (0, 1, 2), (0, 2)."""
    return sorted(subset for size in range(1, n_layers + 1) for subset in combinations(range(n_layers), size))


def try_subsets(
    score: Callable[[Sequence[Subset]], np.ndarray], n_layers: int, beam: int
) -> tuple[list[Subset], np.ndarray]:
    """Return the subsets that are tried, and the score of each.

    Of up to ``MAX_EXHAUSTIVE`` layers these are all. Of more, the best ``beam`` of a size are extended by each of the
    other layers, from single layers to the set of all.

    Parameters
    ----------
    score
        Takes subsets, in the order of a dictionary, and returns how good each is; NaN is worst.
    """
    if n_layers <= MAX_EXHAUSTIVE:
        subsets = list_subsets(n_layers)
        return subsets, score(subsets)
    tried: list[Subset] = []
    scores: list[np.ndarray] = []
    level = [(layer,) for layer in range(n_layers)]
    while level:
        tried += level
        scores.append(score(level))
        kept = [level[place] for place in rank(level, scores[-1])[:beam]]
        others = ((subset, layer) for subset in kept for layer in range(n_layers) if layer not in subset)
        level = sorted({tuple(sorted((*subset, layer))) for subset, layer in others})
    return tried, np.concatenate(scores)


def rank(subsets: Sequence[Subset], scores: np.ndarray) -> np.ndarray:
    """Return the places of subsets, best first; of equally good ones that of fewest layers first, then the earlier."""
    return np.lexsort((np.arange(len(subsets)), [len(subset) for subset in subsets], -np.asarray(scores)))
