"""Intervals of any measure of objects: groups of images (videos) are left out in turn.

The jackknife's variance is, on average, not below the true one (Efron and Stein 1981), whatever the measure: it may
count nearest neighbours, which no derivative describes.
"""

from collections.abc import Callable

import numpy as np

N_GROUPS = 50


def deal_units(units: np.ndarray, seed: int, n_groups: int = N_GROUPS) -> np.ndarray:
    """Return the group of each object: units are dealt to so many groups at random, or each is a group of its own.

    Parameters
    ----------
    units
        (n,) Codes of images (videos), from 0 on.
    """
    dealt = np.random.default_rng(seed).permutation(int(units.max()) + 1) % n_groups
    return np.unique(dealt[units], return_inverse=True)[1]


def leave_out_groups(measure: Callable[[np.ndarray], np.ndarray], groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values of all objects, and the influence of each group on them.

    Parameters
    ----------
    measure
        Takes which objects are there, (n,) bool, and returns values, (values,).
    groups
        (n,), see :func:`deal_units`.

    Returns
    -------
    ndarray, ndarray
        (values,) and (values, groups). For G groups, sqrt(G / (G - 1) * sum of squares of the influences) is the
        jackknife's standard error, as :func:`semlens.statistics.intervals.compute_se` takes it with G units.
    """
    n_groups = int(groups.max()) + 1
    everything = measure(np.ones(len(groups), bool))
    if n_groups < 2:
        return everything, np.zeros((len(everything), n_groups))
    left = np.stack([measure(groups != group) for group in range(n_groups)], axis=1)
    return everything, (left.mean(axis=1, keepdims=True) - left) * (n_groups - 1) / n_groups
