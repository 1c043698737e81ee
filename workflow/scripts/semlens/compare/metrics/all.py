"""Distances between prototypes (section 3.2): of all pairs, strip by strip, or of pairs that are listed."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist

from semlens.runtime.devices import resolve_device
from semlens.runtime.logs import log, show_progress

if TYPE_CHECKING:
    import torch

METRICS = ("euclidean", "correlation", "cityblock", "cosine", "distance_correlation")


_STRIP = 3 << 19  # distances of a strip, which has _FEWEST rows at least


_FEWEST = 64


_CHUNK = 1 << 22  # numbers of a working block


_PANEL = 1 << 27  # entries of a Gram matrix that is summed up at once: 1 GB


_PRODUCT = 1 << 13  # terms of a product in float32, before float64 takes over


_TILE = 256  # rows of a matrix product, of which only those parts are formed that are on or above the diagonal


_SOME = 64  # prototypes, at most, that make up the one that all are centred on


_CACHED = 1 << 17  # numbers that a processor's own cache holds


_NEAR = 1e-2  # of the squared norms: below, float32 leaves a squared distance few digits


_SHARE = 64  # prototypes that a thread is given at a time: they fit a processor's own cache


_LONG = 10  # seconds of work that are worth an estimate


Blocks = Iterator[tuple[int, np.ndarray]]


def iterate_distance_blocks(prototypes: np.ndarray, metric: str, *, device: str = "cpu") -> Blocks:
    """Yield the distances of all pairs as (start, strip), in memory that does not grow with their number.

    ``strip[r, c]`` is the distance of prototypes ``start + r`` and ``start + c``; strips follow each other. Only what
    is above the diagonal, c > r, is meant to be read: every pair once, by rising row.

    Parameters
    ----------
    prototypes
        (n, dimensions), finite.
    metric
        One of :data:`METRICS`. Errors are below 1e-5 of a metric's mean, and a small distance keeps its digits.
    device
        Where distance correlation is computed, see :func:`semlens.devices.choose`; other metrics stay on the CPU.

    Yields
    ------
    int, (rows, n - start) float32

    Raises
    ------
    ValueError
        If the metric is unknown, or a prototype is constant (or zero) and the metric is undefined for it.
    """
    x = _check(prototypes, metric)
    if metric == "distance_correlation":
        return _multiplied(*_unit_variance(x), resolve_device(device))
    between = _cityblock(x) if metric == "cityblock" else _from_products(x, metric)
    n = len(x)
    rows = max(_FEWEST, _STRIP // max(n, 1))
    return ((start, between(slice(start, start + rows), slice(start, n))) for start in range(0, n, rows))


def pair_distances(
    prototypes: np.ndarray, i: np.ndarray, j: np.ndarray, metric: str, *, device: str = "cpu"
) -> np.ndarray:
    """Return the distances of prototypes ``i`` and ``j``, (pairs,) float32; see :func:`strips`."""
    x = _check(prototypes, metric)
    if metric == "distance_correlation":
        return _subtracted(*_unit_variance(x), i, j, resolve_device(device))
    y = normalize(x, metric)
    size = max(1, _CHUNK // x.shape[1])
    found = [np.empty(0)]
    for start in range(0, len(i), size):
        apart = y[i[start : start + size]] - y[j[start : start + size]]
        if metric == "cityblock":
            found.append(np.abs(apart).sum(axis=1))
        else:
            square = _squares(apart)
            found.append(np.sqrt(square) if metric == "euclidean" else square / 2)
    return np.concatenate(found).astype(np.float32)


def _check(prototypes: np.ndarray, metric: str) -> np.ndarray:
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; there are {', '.join(METRICS)}")
    x = np.asarray(prototypes)
    undefined, why = np.zeros(1, bool), ""
    if metric in ("correlation", "distance_correlation"):
        undefined, why = x.min(axis=1) == x.max(axis=1), "it is constant"
    elif metric == "cosine":
        undefined, why = ~x.any(axis=1), "it has no direction"
    if undefined.any():
        raise ValueError(f"{metric} is undefined for prototype {int(np.argmax(undefined))}: {why}")
    return x


def normalize(x: np.ndarray, metric: str) -> np.ndarray:
    """Vectors whose differences are all that the metric needs: cosine and correlation are half a squared distance
    between unit vectors (Eq. 9; 1 - Pearson's correlation of the components).

    Returns
    -------
    (n, dimensions) float64, a copy
    """
    y = x.astype(np.float64)
    if metric == "correlation":
        y -= y.mean(axis=1, keepdims=True)
    if metric in ("cosine", "correlation"):
        y /= np.sqrt(_squares(y))[:, None]
    return y


def _squares(x: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", x, x)


def _from_products(x: np.ndarray, metric: str) -> Callable[[slice, slice], np.ndarray]:
    """Distances of some to others by one matrix product, |x - y|^2 / 2 = |x|^2 / 2 + |y|^2 / 2 - x . y.

    Centred on the mean of some, prototypes lose what they share, and the product, in float32, keeps the digits of what
    they do not. What lies near each other even so is multiplied again in float64.
    """
    n, dimensions = x.shape
    middle = normalize(x[:: -(-n // _SOME) or 1], metric).mean(axis=0)

    def centred(rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = normalize(x[rows], metric) - middle
        return y, _squares(y) / 2

    single, square = np.empty((n, dimensions), np.float32), np.empty(n, np.float32)
    few = max(1, _CACHED // dimensions)
    for start in range(0, n, few):
        rows = slice(start, start + few)
        single[rows], square[rows] = centred(rows)

    def between(rows: slice, columns: slice) -> np.ndarray:
        half = single[rows] @ single[columns].T
        np.subtract(square[columns], half, out=half)
        half += square[rows, None]
        near = half < 2 * _NEAR * square[rows, None]  # which have much the same norm
        near[:, : len(near)][np.tri(len(near), dtype=bool)] = False
        if near.any():
            i, j = (np.flatnonzero(near.any(axis=axis)) for axis in (1, 0))
            (a, a_square), (b, b_square) = centred(rows.start + i), centred(columns.start + j)
            half[np.ix_(i, j)] = a_square[:, None] + b_square - a @ b.T
        np.maximum(half, 0, out=half)
        if metric == "euclidean":
            half *= 2
            np.sqrt(half, out=half)
        return half

    return between


def _cityblock(x: np.ndarray) -> Callable[[slice, slice], np.ndarray]:
    """Eq. 8, by all threads."""
    x = x.astype(np.float64)
    threads = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))

    def between(rows: slice, columns: slice) -> np.ndarray:
        with ThreadPoolExecutor(threads) as pool:
            parts = [x[start : start + _SHARE] for start in range(columns.start, columns.stop, _SHARE)]
            found = list(pool.map(lambda part: cdist(x[rows], part, "cityblock"), parts))
        return np.hstack(found, dtype=np.float32)

    return between


def _unit_variance(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prototypes whose centred matrices of distances, |x_k - x_l| - shift_k - shift_l, have the norm 1; and the shifts.

    Means over l are found by sorting, the norm from sums (Eq. 6), not by all (k, l).

    Returns
    -------
    (n, dimensions) float64, twice
    """
    x = x.astype(np.float64)
    dimensions = x.shape[1]
    order = np.argsort(x, axis=1)
    ranked = np.take_along_axis(x, order, axis=1)
    ranked -= ranked.mean(axis=1, keepdims=True)
    below = np.cumsum(ranked, axis=1)
    rank = np.arange(1, dimensions + 1)
    means = np.empty_like(x)
    sums = (2 * rank - dimensions) * ranked + below[:, -1:] - 2 * below
    np.put_along_axis(means, order, sums / dimensions, axis=1)
    grand = means.mean(axis=1, keepdims=True)
    variance = 2 * (ranked**2).mean(axis=1) - 2 * (means**2).mean(axis=1) + grand[:, 0] ** 2
    norm = dimensions * np.sqrt(variance)[:, None]
    return (x - x.mean(axis=1, keepdims=True)) / norm, (means - grand / 2) / norm


def _multiplied(x: np.ndarray, shift: np.ndarray, device: "torch.device") -> Blocks:
    """1 - distance correlation (Eqs. 5 to 7, V-statistic) by matrix products.

    Its square is the product of two centred matrices of norm 1, so 1 minus it half their squared distance; and that
    is a Gram matrix over all (k, l), of blocks of rows k: products in float32, sums of blocks in float64. Blocks are
    centred on their mean over prototypes; what lies near each other even so is subtracted, not multiplied.
    """
    import torch

    n, dimensions = x.shape
    vectors, shifts = (torch.as_tensor(part, dtype=torch.float32, device=device) for part in (x, shift))
    rows = max(_FEWEST, min(n, _PANEL // max(n, 1)))
    step = max(1, min(_PRODUCT, _CHUNK * 4 // n) // dimensions)
    some = slice(None, None, -(-n // _SOME))
    blocks = [(start, k) for start in range(0, n, rows) for k in range(0, dimensions, step)]
    _say_how_long(n, dimensions, device)
    steps = show_progress(blocks, total=len(blocks), what="distance correlation", unit="block")
    for start, k in steps:
        if k == 0:
            height = min(rows, n - start)
            gram = torch.zeros(height, n - start, dtype=torch.float64, device=device)
            square = torch.zeros(n - start, dtype=torch.float64, device=device)
        middle = _centred(vectors[some], shifts[some], k, step).mean(dim=0)
        block = torch.empty(n - start, len(middle), device=device)
        few = max(1, _CACHED // len(middle)) if device.type == "cpu" else n
        for part, a, b in zip(block.split(few), vectors[start:].split(few), shifts[start:].split(few), strict=True):
            torch.sub(_centred(a, b, k, step), middle, out=part)
        square += torch.linalg.vector_norm(block, dim=1).double().square_()
        for top in range(0, height, _TILE):
            gram[top : top + _TILE, top:] += block[top : min(top + _TILE, height)] @ block[top:].T
        if k + step >= dimensions:
            yield from _finished(gram, square, start, x, shift, device)


def _finished(
    gram: "torch.Tensor", square: "torch.Tensor", start: int, x: np.ndarray, shift: np.ndarray, device: "torch.device"
) -> Blocks:
    """Strips of distances of a panel's Gram matrix."""
    height = max(_FEWEST, _STRIP // gram.shape[1])
    for top in range(0, len(gram), height):
        product = gram[top : top + height, top:]
        both = square[top : top + len(product), None] + square[None, top:]
        half = (both / 2 - product).clamp(min=0)
        near = (half < _NEAR * both).triu(diagonal=1)
        distances = _from_half(half.float()).cpu().numpy()
        if near.any():
            i, j = near.nonzero().cpu().numpy().T
            distances[i, j] = _subtracted(x, shift, start + top + i, start + top + j, device)
        yield start + top, distances


def _subtracted(x: np.ndarray, shift: np.ndarray, i: np.ndarray, j: np.ndarray, device: "torch.device") -> np.ndarray:
    """1 - distance correlation of pairs, from the differences of their centred matrices."""
    import torch

    dimensions = x.shape[1]
    vectors, shifts = (torch.as_tensor(part, dtype=torch.float32, device=device) for part in (x, shift))
    size = max(1, _CHUNK // dimensions**2)
    step = max(1, min(dimensions, _CHUNK // (size * dimensions)))
    found = [np.empty(0, np.float32)]
    for start in range(0, len(i), size):
        pair = [torch.as_tensor(side[start : start + size], device=device) for side in (i, j)]
        half = torch.zeros(len(pair[0]), dtype=torch.float64, device=device)
        for k in range(0, dimensions, step):
            a, b = (_centred(vectors[side], shifts[side], k, step) for side in pair)
            half += (a - b).square_().sum(dim=1, dtype=torch.float64) / 2
        found.append(_from_half(half).float().cpu().numpy())
    return np.concatenate(found)


def _centred(x: "torch.Tensor", shift: "torch.Tensor", k: int, step: int) -> "torch.Tensor":
    """Rows ``k`` to ``k + step`` of centred matrices of distances, what is right of the diagonal times the root of 2.

    So the squares of all rows' blocks sum up to those of the whole symmetric matrix.

    Returns
    -------
    (n, step x (dimensions - k)) float32
    """
    block = (x[:, k : k + step, None] - x[:, None, k:]).abs_()
    block -= shift[:, k : k + step, None]
    block -= shift[:, None, k:]
    block[:, :, step:] *= 2**0.5
    return block.flatten(start_dim=1)


def _from_half(half: "torch.Tensor") -> "torch.Tensor":
    """1 - sqrt(1 - half), also where it is small."""
    half = half.clamp(max=1)
    return half / (1 + (1 - half).sqrt())


def _say_how_long(n: int, dimensions: int, device: "torch.device") -> None:
    """Log how long the products will take, from the time of a small one, if that is long."""
    import torch

    side = 1024
    sample = torch.rand(side, side, device=device)
    sample @ sample  # the first is slow
    start = time.perf_counter()
    (sample @ sample)[0, 0].item()
    each = (time.perf_counter() - start) / side**3
    pairs = sum((min(top + _TILE, n) - top) * (n - top) for top in range(0, n, _TILE))
    if (seconds := 1.3 * each * pairs * dimensions**2 / 2) > _LONG:
        log.info("distance correlation of %d prototypes of %d dimensions takes about %d s", n, dimensions, seconds)
