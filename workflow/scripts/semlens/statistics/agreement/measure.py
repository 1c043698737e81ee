"""Agreement of all pairs of representations of the same objects, with intervals and what chance gives."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from semlens.statistics.agreement.neighbourhoods import Neighbourhoods
from semlens.statistics.agreement.squares import (
    Squares,
    expect_cka,
    fill_kernel,
    fill_ranks,
    measure_cka,
    measure_rsa,
)
from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.intervals import Estimates
from semlens.statistics.jackknife import leave_out_groups

_RANGES = {  # of each measure
    "cka": (0.0, 1.0),
    "cka_debiased": (-1.0, 1.0),
    "mutual_knn": (0.0, 1.0),
    "cknna": (-np.inf, np.inf),
    "rsa": (-1.0, 1.0),
}
MEASURES = tuple(_RANGES)


class Representations:
    """Representations of the same objects, as their kernels, ranks of distances, and neighbours.

    Parameters
    ----------
    vectors
        Prototypes of each representation, (n, dimensions), of the same n objects in the same order.
    metrics
        Of their distances.
    n
        Objects.
    k
        Nearest neighbours that count.
    most
        Objects that are left out at once, at most.

    Raises
    ------
    ValueError
        If a metric is undefined for a prototype.
    """

    def __init__(
        self, vectors: Iterable[np.ndarray], metrics: Sequence[str], n: int, k: int, most: int, device: str = "cpu"
    ) -> None:
        kernels, ranks = (np.empty((len(metrics), n, n)) for _ in range(2))
        self._neighbourhoods, self._k = Neighbourhoods(k, most), k
        for place, (x, metric) in enumerate(zip(vectors, metrics, strict=True)):
            kernels[place], ranks[place] = fill_kernel(x), fill_ranks(x, metric, device=device)
            self._neighbourhoods.add(x)
        self._kernels, self._ranks = Squares(kernels), Squares(ranks)

    def measure(self, there: np.ndarray) -> dict[str, np.ndarray]:
        """Return each measure between all representations, (representations, representations).

        Parameters
        ----------
        there
            (n,) bool: which objects count.
        """
        found = dict(zip(("cka", "cka_debiased"), measure_cka(self._kernels, there), strict=True))
        found |= zip(("mutual_knn", "cknna"), self._neighbourhoods.measure(there), strict=True)
        return found | {"rsa": measure_rsa(self._ranks, there)}

    def expect(self) -> dict[str, np.ndarray]:
        """Return the mean of each measure where one representation's objects are exchanged at random, if it is known.

        Each is (representations, representations), as of all objects.
        """
        cka = expect_cka(self._kernels)
        n = self._kernels.diagonals.shape[1]
        known = {"cka_debiased": 0.0, "mutual_knn": self._k / max(n - 1, 1), "cknna": np.nan, "rsa": 0.0}
        return {"cka": cka, **{name: np.full(cka.shape, value) for name, value in known.items()}}


def measure_agreement(
    vectors: Iterable[np.ndarray], metrics: Sequence[str], groups: np.ndarray, k: int, *, device: str = "cpu"
) -> pd.DataFrame:
    """Return the agreement of all pairs of representations, with jackknife intervals.

    Parameters
    ----------
    vectors, metrics, k
        See :class:`Representations`.
    groups
        (n,) What is left out together, see :func:`semlens.statistics.jackknife.deal_units`. Of fewer than
        ``MIN_UNITS`` groups there are no intervals.

    Returns
    -------
    DataFrame
        ``a`` and ``b``, places of representations, ``measure``, ``value``, ``se``, ``low``, ``high`` and ``chance``:
        each pair once, with all measures. NaN where there is none.
    """
    found = Representations(vectors, metrics, len(groups), k, int(np.bincount(groups).max()), device)
    a, b = np.array(list(combinations(range(len(metrics)), 2)), int).reshape(-1, 2).T

    def list_pairs(squares: dict[str, np.ndarray]) -> np.ndarray:
        return np.stack([squares[name][a, b] for name in MEASURES], axis=1).ravel()

    values, influence = leave_out_groups(lambda there: list_pairs(found.measure(there)), groups)
    n_groups = influence.shape[1] if influence.shape[1] >= MIN_UNITS else 1
    names = np.tile(MEASURES, len(a))
    estimates = Estimates(names, values, influence, np.full(len(values), n_groups))
    least, most = np.array([_RANGES[name] for name in names]).reshape(-1, 2).T
    low, high = np.clip(estimates.compute_interval(), least, most)
    return pd.DataFrame(
        {
            "a": np.repeat(a, len(MEASURES)),
            "b": np.repeat(b, len(MEASURES)),
            "measure": names,
            "value": values,
            "se": estimates.se,
            "low": low,
            "high": high,
            "chance": np.where(np.isnan(values), np.nan, list_pairs(found.expect())),
        }
    )
