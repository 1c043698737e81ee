"""Which objects stand for all, where there are too many of them."""

import numpy as np
import pandas as pd

from semlens.runtime.logs import log


def sample_units(units: pd.Series, max_objects: int, seed: int) -> np.ndarray:
    """Return the positions of all rows, or of those of whole units that are drawn until there are ``max_objects``.

    Units are drawn without regard to classes: else permutation tests would not hold their level.
    """
    if len(units) <= max_objects:
        return np.arange(len(units))
    codes, names = pd.factorize(units)
    drawn = np.random.default_rng(seed).permutation(len(names))
    total = np.cumsum(np.bincount(codes)[drawn])
    kept = drawn[: max(1, np.searchsorted(total, max_objects, side="right"))]
    log.info("%d of %d images (videos) stand for all: more than %d objects", len(kept), len(names), max_objects)
    return np.flatnonzero(np.isin(codes, kept))
