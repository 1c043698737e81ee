"""How well a linear probe reads something from features: ridge regression, on images that it has not seen."""

from collections.abc import Callable
from itertools import combinations

import numpy as np

FOLDS = 5
PENALTIES = 10.0 ** np.arange(-4, 4)  # per row, of features whose variance is 1


def measure_position(features: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return how well each target is read: R2 = 1 - (squared errors) / (squared errors of the training rows' mean).

    Whole groups are left out, a fifth at a time, and predicted from the others. Features are standardised by the
    training rows. The penalty of each target is the one whose squared errors, of each training fold predicted from the
    other training folds, are smallest. Where nothing can be read, R2 is about 0, or below: the probe fits noise.

    Parameters
    ----------
    features
        (n, channels), finite.
    targets
        (n, targets), such as row and column as shares of the image.
    groups
        (n) what rows are left out together by: names or numbers of their images.

    Returns
    -------
    (targets) float64; NaN with fewer than ``FOLDS`` groups, or of a target that does not vary.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    if codes.size == 0 or codes.max() + 1 < FOLDS:
        return np.full(targets.shape[1], np.nan)
    folds = codes % FOLDS
    targets = targets.astype(np.float64)
    inner = np.zeros((FOLDS, len(PENALTIES), targets.shape[1]))
    for one, other in combinations(range(FOLDS), 2):
        predict = _fit(features, targets, ~np.isin(folds, (one, other)))
        for left_out, validated in ((one, other), (other, one)):
            rows = folds == validated
            inner[left_out] += ((predict(features[rows]) - targets[rows]) ** 2).sum(axis=1)
    errors = totals = 0.0
    for left_out in range(FOLDS):
        rows = folds == left_out
        predicted = _fit(features, targets, ~rows)(features[rows])
        chosen = predicted[inner[left_out].argmin(axis=0), :, np.arange(targets.shape[1])].T  # (rows, targets)
        errors = errors + ((chosen - targets[rows]) ** 2).sum(axis=0)
        totals = totals + ((targets[~rows].mean(axis=0) - targets[rows]) ** 2).sum(axis=0)
    varies = np.ptp(targets, axis=0) > 0
    return np.where(varies, 1 - errors / np.where(varies, totals, 1), np.nan)


def _fit(features: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what predicts targets from features under every penalty: (penalties, rows, targets).

    Of standardised features Z and centred targets Y, ridge predicts with (Z'Z + p)^-1 Z'Y = Z' (ZZ' + p)^-1 Y. The
    smaller of both matrices is decomposed once for all penalties.
    """
    mean, scale = features[rows].mean(axis=0, dtype=np.float64), features[rows].std(axis=0, dtype=np.float64)
    scale = np.where(scale > 0, scale, 1)
    known = (features[rows] - mean) / scale
    centre = targets[rows].mean(axis=0)
    is_dual = len(known) < known.shape[1]
    values, vectors = np.linalg.eigh(known @ known.T if is_dual else known.T @ known)
    right = targets[rows] - centre if is_dual else known.T @ (targets[rows] - centre)
    shrunk = (vectors.T @ right) / (values.clip(0)[:, None] + len(known) * PENALTIES[:, None, None])
    weights = vectors @ shrunk  # (penalties, channels or rows, targets)
    if is_dual:
        weights = known.T @ weights
    return lambda others: (others - mean) / scale @ weights + centre
