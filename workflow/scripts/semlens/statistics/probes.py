"""What can be read from features by a linear probe: an object's place and size, or a token's.

A probe is a ridge regression on standardized features. It is judged on images (videos) that it was not trained on.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from semlens.statistics.intervals import Estimates

N_FOLDS = 5
PENALTIES = 10.0 ** np.arange(-4, 4)  # on a feature of variance 1
MIN_GROUPS = N_FOLDS


class Probe(NamedTuple):
    """How well targets are read.

    Attributes
    ----------
    r2
        (targets,) Share of each target's variance that is predicted in groups that the probe did not see; 0 is no
        better than the mean, and less is worse. NaN where there are too few groups, or where a target does not vary.
    influence
        (targets, groups): what each group adds to it, with the probes as they are.
    n_groups
        How many groups there are.
    """

    r2: np.ndarray
    influence: np.ndarray
    n_groups: int

    def average(self, targets: list[int]) -> tuple[float, float, float]:
        """Return the mean R2 of some targets, and the ends of its 95 % interval."""
        value, influence = self.r2[targets].mean(), self.influence[targets].mean(axis=0)
        estimate = Estimates([""], np.array([value]), influence[None], np.array([self.n_groups]))
        low, high = estimate.compute_interval()[:, 0]
        return float(value), float(low), float(min(high, 1))


def measure_position(features: np.ndarray, targets: np.ndarray, groups: np.ndarray, seed: int = 0) -> Probe:
    """Return how well targets are read from features, out of group.

    Groups are dealt to ``N_FOLDS`` folds at random. The penalty of a fold is the one of ``PENALTIES`` that predicts the
    other folds best, each of which was predicted without itself.

    Parameters
    ----------
    features
        (n, c).
    targets
        (n, t), such as x and y.
    groups
        (n,) The image (video) of each, which is never in training and test at once.
    """
    codes, names = pd.factorize(groups)
    y = np.asarray(targets, float)
    if len(names) < MIN_GROUPS:
        return Probe(np.full(y.shape[1], np.nan), np.zeros((y.shape[1], len(names))), len(names))
    fold_of_group = np.random.default_rng(seed).permutation(len(names)) % N_FOLDS
    folds = fold_of_group[codes]
    errors, base = np.empty((len(PENALTIES), *y.shape)), np.empty(y.shape)
    for fold in range(N_FOLDS):
        test = folds == fold
        mean = y[~test].mean(axis=0)
        base[test] = (y[test] - mean) ** 2
        predicted = mean + fit_ridge(features[~test], y[~test] - mean, features[test])
        errors[:, test] = (y[test] - predicted) ** 2
    by_fold = np.stack([errors[:, folds == fold].sum(axis=1) for fold in range(N_FOLDS)])
    best = np.argmin(by_fold.sum(axis=0) - by_fold, axis=1)  # (folds, targets)
    chosen = np.take_along_axis(errors, best[folds][None], axis=0)[0]
    left, total = (
        np.stack([np.bincount(codes, column, len(names)) for column in squares.T]) for squares in (chosen, base)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        share = left.sum(axis=1) / total.sum(axis=1)
        return Probe(1 - share, (share[:, None] * total - left) / total.sum(axis=1)[:, None], len(names))


def fit_ridge(x: np.ndarray, y: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """Return predictions of ridge regressions under all ``PENALTIES``, (penalties, tests, targets).

    Features are standardized as they are in training; one that does not vary there counts nothing. All penalties share
    one decomposition, of whichever is smaller: features by features, or rows by rows.

    Parameters
    ----------
    x, x_test
        (n, c) and (tests, c).
    y
        (n, t), of mean 0.
    """
    mean, spread = x.mean(axis=0, dtype=float), x.std(axis=0, dtype=float)
    scale = np.where(spread > 0, spread, np.inf)
    train, test = (x - mean) / scale, (x_test - mean) / scale
    n, c = train.shape
    if c <= n:
        values, vectors = np.linalg.eigh(train.T @ train / n)
        left, right = test @ vectors, vectors.T @ (train.T @ y) / n
    else:
        values, vectors = np.linalg.eigh(train @ train.T / n)
        left, right = (test @ train.T) @ vectors / n, vectors.T @ y
    shrunk = 1 / (np.maximum(values, 0) + PENALTIES[:, None])
    return np.stack([(left * one) @ right for one in shrunk])
