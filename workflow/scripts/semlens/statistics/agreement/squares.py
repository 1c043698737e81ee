"""Agreement of square matrices of the same objects: linear CKA of their kernels, RSA of their distances.

All sums over pairs of objects are kept once. Those of the objects that remain when some are left out follow from the
rows of what is left out: a jackknife costs little more than one pass.
"""

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from semlens.statistics.neighbours import fill_distances

_NOTHING = 1e-13  # of a matrix's sum of squares: what is left of it below is rounding
_ROUNDING = 1e-6  # of the median distance: distances that are nearer to each other are as far


class Squares:
    """Symmetric matrices, one per representation, and the sums of their products.

    Parameters
    ----------
    squares
        (representations, n, n) float64. Scaled, so that each has a sum of squares of 1, unless it is 0.
    """

    def __init__(self, squares: np.ndarray) -> None:
        flat = squares.reshape(len(squares), -1)
        norms = np.sqrt(np.einsum("ij,ij->i", flat, flat))
        flat /= np.where(norms > 0, norms, 1)[:, None]
        self._squares, self._products = squares, flat @ flat.T
        self._rows, self.diagonals = squares.sum(axis=2), np.diagonal(squares, axis1=1, axis2=2).copy()

    def sum_products(self, there: np.ndarray) -> np.ndarray:
        """Return the sums of X_ij Y_ij over all i and j that are there, (representations, representations)."""
        gone = np.flatnonzero(~there)
        if not len(gone):
            return self._products
        strips = self._squares[:, gone]
        return self._products - 2 * _multiply(strips) + _multiply(strips[:, :, gone])

    def sum_rows(self, there: np.ndarray) -> np.ndarray:
        """Return the sums of X_ij over all j that are there, (representations, objects that are there)."""
        gone = np.flatnonzero(~there)
        return (self._rows - self._squares[:, :, gone].sum(axis=2))[:, there]


def fill_kernel(vectors: np.ndarray) -> np.ndarray:
    """Return the kernel x_i . x_j of prototypes whose channels have the mean 0, (n, n) float64; at any scale.

    It is exactly 0 where all prototypes are the same.
    """
    x = vectors.astype(np.float64)
    x -= x[0].copy()
    x -= x.mean(axis=0)
    x /= np.abs(x).max() or 1
    return x @ x.T


def fill_ranks(vectors: np.ndarray, metric: str, *, device: str = "cpu") -> np.ndarray:
    """Return the ranks of all distances less their mean, (n, n) float64, 0 on the diagonal; ties share their mean.

    Distances are computed in float32. Those that differ by about a millionth of their median are ties.
    """
    distances = squareform(fill_distances(vectors, metric, device=device), checks=False)
    step = np.median(distances) * _ROUNDING if len(distances) else 0
    ranks = rankdata(np.round(distances / step) if step else distances)
    return squareform(ranks - (len(ranks) + 1) / 2) if len(ranks) else np.zeros((len(vectors),) * 2)


def measure_cka(kernels: Squares, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return linear CKA between all representations, and that of the unbiased HSIC; NaN where there is none.

    HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with HSIC(K, L) = tr(K H L H), where H takes the mean away (Kornblith et
    al. 2019); as of features, |Y'X|^2 / (|X'X| |Y'Y|) of centred X and Y. The unbiased HSIC (Song et al. 2012; Nguyen
    et al. 2021) is, with K and L without their diagonals and but for a factor,
    tr(K L) + sum(K) sum(L) / ((n - 1) (n - 2)) - 2 / (n - 2) sum(K L). It takes four objects.

    Returns
    -------
    ndarray, ndarray
        Each (representations, representations).
    """
    rows, n, diagonals = kernels.sum_rows(there), np.count_nonzero(there), kernels.diagonals[:, there]
    products, totals = kernels.sum_products(there), rows.sum(axis=1)
    hsic = products - 2 / n * rows @ rows.T + np.outer(totals, totals) / n**2
    if n < 4:
        return normalize_products(hsic), np.full(hsic.shape, np.nan)
    rows -= diagonals
    totals = rows.sum(axis=1)
    products = products - diagonals @ diagonals.T
    unbiased = products + np.outer(totals, totals) / ((n - 1) * (n - 2)) - 2 / (n - 2) * rows @ rows.T
    return normalize_products(hsic), normalize_products(unbiased)


def measure_rsa(ranks: Squares, there: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of the distances of all pairs (Kriegeskorte et al. 2008); NaN where there is none.

    Where objects are left out, the ranks of the others stay as they are among all.
    """
    n = np.count_nonzero(there)
    if n < 3:
        return np.full((len(ranks.diagonals),) * 2, np.nan)
    totals = ranks.sum_rows(there).sum(axis=1)
    return normalize_products(ranks.sum_products(there) - np.outer(totals, totals) / (n * (n - 1)))


def expect_cka(kernels: Squares) -> np.ndarray:
    """Return the mean of CKA over all ways to exchange one representation's objects: tr(K) tr(L) / ((n - 1) |K| |L|).

    K and L are centred. With few objects and many channels it is near 1.
    """
    traces = kernels.diagonals.sum(axis=1)
    everyone = np.ones(kernels.diagonals.shape[1], bool)
    norms = np.sqrt(_find_own(kernels.sum_products(everyone)))
    return np.outer(traces, traces) / (max(len(everyone) - 1, 1) * np.outer(norms, norms))


def normalize_products(products: np.ndarray) -> np.ndarray:
    """Return a_ij / sqrt(a_ii a_jj); NaN where a representation has nothing to agree with."""
    own = np.sqrt(_find_own(products))
    return products / own / own[:, None]


def _find_own(products: np.ndarray) -> np.ndarray:
    own = np.diagonal(products)
    return np.where(own > _NOTHING, own, np.nan)


def _multiply(parts: np.ndarray) -> np.ndarray:
    flat = parts.reshape(len(parts), -1)
    return flat @ flat.T
