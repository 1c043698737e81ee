"""A part of all combinations of choices in which values are as balanced as can be."""

from functools import cache
from itertools import product
from math import prod

_CANDIDATES = 10_000  # combinations that are looked at


@cache  # the configuration asks for each of its jobs
def choose_balanced(counts: tuple[int, ...], size: int, seed: int) -> list[tuple[int, ...]]:
    """Return distinct combinations of values, in the order of the product.

    One after the other is taken: first that of all first values, then that whose values were taken least, and of these
    whose pairs of values were, ties at random. So each value of a choice comes about as often as the others. Of more
    than 10,000 combinations, as many are drawn first.

    Parameters
    ----------
    counts
        How many values each choice has.
    size
        How many combinations are taken.
    """
    import numpy as np  # late: the configuration is read by every job

    rng = np.random.default_rng(seed)
    if prod(counts) > _CANDIDATES:
        drawn = np.unique(rng.integers(counts, size=(2 * max(size, _CANDIDATES), len(counts))), axis=0)
        candidates = np.vstack([np.zeros((1, len(counts)), np.int64), drawn[drawn.any(axis=1)]])
    else:
        candidates = np.array(list(product(*map(range, counts))))
    noise = rng.random(len(candidates))
    values, pairs = np.zeros(len(candidates)), np.zeros(len(candidates))
    taken = [0]
    while len(taken) < size:
        alike = (candidates == candidates[taken[-1]]).sum(axis=1)
        values, pairs = values + alike, pairs + alike * (alike - 1) / 2
        values[taken[-1]] = np.inf
        taken.append(int(np.lexsort((noise, pairs, values))[0]))
    return [tuple(map(int, candidates[place])) for place in sorted(taken)]
