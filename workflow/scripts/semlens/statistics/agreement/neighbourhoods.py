"""Agreement of nearest neighbours: mutual kNN and CKNNA (Huh et al. 2024), from lists of neighbours.

Objects are near whose prototypes have a large cosine. An object is no neighbour of itself. Of objects that are as near,
the first counts.
"""

from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np

from semlens.statistics.agreement.squares import normalize_products

_DIGITS = 12  # of a cosine: what differs below is rounding


def fill_cosines(vectors: np.ndarray) -> np.ndarray:
    """Return the cosines of all pairs, (n, n) float64; all NaN where some are undefined, or all are the same."""
    x = vectors.astype(np.float64)
    x /= np.abs(x).max() or 1
    lengths = np.linalg.norm(x, axis=1)
    if (lengths == 0).any():
        return np.full((len(x),) * 2, np.nan)
    x /= lengths[:, None]
    cosines = np.round(x @ x.T, _DIGITS)
    return cosines if np.ptp(cosines) > 0 else np.full_like(cosines, np.nan)


class Neighbours(NamedTuple):
    """Pairs of an object i and one of its neighbours j in one representation, by rising i and j.

    Attributes
    ----------
    codes
        i n + j, int.
    i, j
        Their places.
    cosines
        Of each pair.
    is_member
        (n * n,) bool: which codes there are.
    is_mutual
        Whether i is a neighbour of j too.
    """

    codes: np.ndarray
    i: np.ndarray
    j: np.ndarray
    cosines: np.ndarray
    is_member: np.ndarray
    is_mutual: np.ndarray


class Neighbourhoods:
    """The neighbours of every object in several representations, nearest first.

    Parameters
    ----------
    k
        How many neighbours count.
    most
        How many objects are left out at once, at most.
    """

    def __init__(self, k: int, most: int) -> None:
        self._k, self._reach = k, k + most
        self._lists: list[tuple[np.ndarray, np.ndarray] | None] = []  # neighbours and cosines, (n, reach) both

    def add(self, vectors: np.ndarray) -> None:
        """Add a representation: prototypes (n, dimensions)."""
        cosines = fill_cosines(vectors)
        if np.isnan(cosines).any():
            self._lists.append(None)
            return
        np.fill_diagonal(cosines, -np.inf)
        order = np.argsort(-cosines, axis=1, kind="stable")[:, : min(self._reach, len(cosines) - 1)]
        self._lists.append((order, np.take_along_axis(cosines, order, axis=1)))

    def measure(self, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mutual kNN and CKNNA between all representations, each (representations, representations).

        Mutual kNN is the mean, over objects, of the share of their k neighbours that both representations have in
        common. CKNNA is as the paper's code has it: with M_ij = 1 where j is among the k neighbours of i in both, and M
        that of a representation with itself in the denominator,

            HSIC(M * K, M * L) / sqrt(HSIC(M_K * K, M_K * K) HSIC(M_L * L, M_L * L)),

        where K and L hold cosines, * multiplies element by element, and HSIC is the unbiased one, see
        :func:`semlens.statistics.agreement.squares.measure_cka`. M is not symmetric, so that sum(K L) and
        sum(L K) differ: their mean counts. NaN where all others are neighbours, and of a representation without
        directions that differ.

        Parameters
        ----------
        there
            (n,) bool: which objects count.
        """
        count, n = len(self._lists), np.count_nonzero(there)
        common, hsic = np.full((2, count, count), np.nan)
        if self._k >= n - 1 or n < 4:
            return common, hsic
        near = {place: _find_nearest(*kept, there, self._k) for place, kept in enumerate(self._lists) if kept}
        for a, b in combinations_with_replacement(near, 2):
            in_a, in_b = near[b].is_member[near[a].codes], near[a].is_member[near[b].codes]
            common[a, b] = common[b, a] = np.count_nonzero(in_a) / (n * self._k)
            hsic[a, b] = hsic[b, a] = _measure_hsic(near[a], in_a, near[b], in_b, there)
        return common, normalize_products(hsic)


def _find_nearest(order: np.ndarray, cosines: np.ndarray, there: np.ndarray, k: int) -> Neighbours:
    """Return the k nearest of those that are there, of each object that is there.

    Parameters
    ----------
    order, cosines
        (n, reach) Neighbours of each object, nearest first.
    """
    size = len(order)
    kept = there[order] & there[:, None]
    kept &= np.cumsum(kept, axis=1) <= k
    codes = (np.arange(size)[:, None] * size + order)[kept]
    by_code = np.argsort(codes)
    codes = codes[by_code]
    i, j = np.divmod(codes, size)
    is_member = np.zeros(size**2, bool)
    is_member[codes] = True
    return Neighbours(codes, i, j, cosines[kept][by_code], is_member, is_member[j * size + i])


def _measure_hsic(a: Neighbours, in_a: np.ndarray, b: Neighbours, in_b: np.ndarray, there: np.ndarray) -> float:
    """Return the unbiased HSIC, but for a factor, of cosines that are 0 but for shared pairs.

    Parameters
    ----------
    in_a, in_b
        Which pairs of each are those of both.
    """
    n, places = np.count_nonzero(there), (a.i[in_a], a.j[in_a])
    x, y = a.cosines[in_a], b.cosines[in_b]
    rows_x, columns_x, rows_y, columns_y = (
        np.bincount(side, values, len(there)) for values in (x, y) for side in places
    )
    products = (columns_x @ rows_y + columns_y @ rows_x) / 2
    mutual = a.is_mutual[in_a] & b.is_mutual[in_b]
    return (x * y)[mutual].sum() + x.sum() * y.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * products
