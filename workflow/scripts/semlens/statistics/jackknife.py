"""Intervals of any measure of objects: some images (videos) are left out, and it is measured again.

The variance of a jackknife that leaves out groups in turn is, on average, not below the true one, whatever the measure
(Efron and Stein 1981). A measure that jumps, such as a vote, makes it far too large; with a third of the images left
out at a time it is much less so (Shao and Wu 1989).
"""

from collections.abc import Callable

import numpy as np

N_GROUPS = 50
N_DRAWS = 50  # of a third of the images (videos)


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


def leave_out_thirds(
    measure: Callable[[np.ndarray], np.ndarray], units: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return values of all objects, and the influence of ``N_DRAWS`` draws, each without a third of the units.

    Parameters
    ----------
    measure
        As :func:`leave_out_groups` takes it.
    units
        (n,) Codes of images (videos), from 0 on.

    Returns
    -------
    ndarray, ndarray
        (values,) and (values, draws). For D draws, sqrt(D / (D - 1) * sum of squares of the influences) is the standard
        error; there is one draw, of influence 0, where there is a single unit.
    """
    n_units = int(units.max()) + 1
    n_left_out = max(1, round(n_units / 3))
    everything, rng = measure(np.ones(len(units), bool)), np.random.default_rng(seed)
    if n_units < 2:
        return everything, np.zeros((len(everything), 1))
    drawn = [measure(~np.isin(units, rng.permutation(n_units)[:n_left_out])) for _ in range(N_DRAWS)]
    found = np.stack(drawn, axis=1)
    scale = np.sqrt((n_units - n_left_out) / (n_left_out * N_DRAWS))
    return everything, (found - found.mean(axis=1, keepdims=True)) * scale
