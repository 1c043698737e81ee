"""1 - distance correlation of the components (Eqs. 5 to 7), by matrix products on a GPU where there is one."""

from typing import TYPE_CHECKING

import numpy as np

from semlens.compare.metrics import Blocks, Metric
from semlens.compare.metrics._blocks import (
    BLOCK_SIZE,
    CACHE_SIZE,
    CANCELLATION_THRESHOLD,
    CENTRING_SAMPLE,
    CHUNK_SIZE,
    MIN_BLOCK_ROWS,
)
from semlens.runtime.logs import show_progress

if TYPE_CHECKING:
    import torch

_PANEL = 1 << 27  # entries of a Gram matrix that is summed up at once: 1 GB
_PRODUCT = 1 << 13  # terms of a product in float32, before float64 takes over
_TILE = 256  # rows of a matrix product, of which only those parts are formed that are on or above the diagonal


def _scale_to_unit_variance(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def _iterate_blocks(x: np.ndarray, shift: np.ndarray, device: "torch.device") -> Blocks:
    """1 - distance correlation (Eqs. 5 to 7, V-statistic) by matrix products.

    Its square is the product of two centred matrices of norm 1, so 1 minus it half their squared distance; and that
    is a Gram matrix over all (k, l), of blocks of rows k: products in float32, sums of blocks in float64. Blocks are
    centred on their mean over prototypes; what lies near each other even so is subtracted, not multiplied.
    """
    import torch

    n, dimensions = x.shape
    vectors, shifts = (torch.as_tensor(part, dtype=torch.float32, device=device) for part in (x, shift))
    rows = max(MIN_BLOCK_ROWS, min(n, _PANEL // max(n, 1)))
    step = max(1, min(_PRODUCT, CHUNK_SIZE * 4 // n) // dimensions)
    some = slice(None, None, -(-n // CENTRING_SAMPLE))
    blocks = [(start, k) for start in range(0, n, rows) for k in range(0, dimensions, step)]
    steps = show_progress(blocks, total=len(blocks), what="distance correlation", unit="block")
    for start, k in steps:
        if k == 0:
            height = min(rows, n - start)
            gram = torch.zeros(height, n - start, dtype=torch.float64, device=device)
            square = torch.zeros(n - start, dtype=torch.float64, device=device)
        middle = _centre_rows(vectors[some], shifts[some], k, step).mean(dim=0)
        block = torch.empty(n - start, len(middle), device=device)
        few = max(1, CACHE_SIZE // len(middle)) if device.type == "cpu" else n
        for part, a, b in zip(block.split(few), vectors[start:].split(few), shifts[start:].split(few), strict=True):
            torch.sub(_centre_rows(a, b, k, step), middle, out=part)
        square += torch.linalg.vector_norm(block, dim=1).double().square_()
        for top in range(0, height, _TILE):
            gram[top : top + _TILE, top:] += block[top : min(top + _TILE, height)] @ block[top:].T
        if k + step >= dimensions:
            yield from _emit_blocks(gram, square, start, x, shift, device)


def _emit_blocks(
    gram: "torch.Tensor", square: "torch.Tensor", start: int, x: np.ndarray, shift: np.ndarray, device: "torch.device"
) -> Blocks:
    """Strips of distances of a panel's Gram matrix."""
    height = max(MIN_BLOCK_ROWS, BLOCK_SIZE // gram.shape[1])
    for top in range(0, len(gram), height):
        product = gram[top : top + height, top:]
        both = square[top : top + len(product), None] + square[None, top:]
        half = (both / 2 - product).clamp(min=0)
        near = (half < CANCELLATION_THRESHOLD * both).triu(diagonal=1)
        distances = _convert_half_square(half.float()).cpu().numpy()
        if near.any():
            i, j = near.nonzero().cpu().numpy().T
            distances[i, j] = _pair(x, shift, start + top + i, start + top + j, device)
        yield start + top, distances


def _pair(x: np.ndarray, shift: np.ndarray, i: np.ndarray, j: np.ndarray, device: "torch.device") -> np.ndarray:
    """1 - distance correlation of pairs, from the differences of their centred matrices."""
    import torch

    dimensions = x.shape[1]
    vectors, shifts = (torch.as_tensor(part, dtype=torch.float32, device=device) for part in (x, shift))
    size = max(1, CHUNK_SIZE // dimensions**2)
    step = max(1, min(dimensions, CHUNK_SIZE // (size * dimensions)))
    found = [np.empty(0, np.float32)]
    for start in range(0, len(i), size):
        pair = [torch.as_tensor(side[start : start + size], device=device) for side in (i, j)]
        half = torch.zeros(len(pair[0]), dtype=torch.float64, device=device)
        for k in range(0, dimensions, step):
            a, b = (_centre_rows(vectors[side], shifts[side], k, step) for side in pair)
            half += (a - b).square_().sum(dim=1, dtype=torch.float64) / 2
        found.append(_convert_half_square(half).float().cpu().numpy())
    return np.concatenate(found)


def _centre_rows(x: "torch.Tensor", shift: "torch.Tensor", k: int, step: int) -> "torch.Tensor":
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


def _convert_half_square(half: "torch.Tensor") -> "torch.Tensor":
    """1 - sqrt(1 - half), also where it is small."""
    half = half.clamp(max=1)
    return half / (1 + (1 - half).sqrt())


METRIC = Metric(
    "distance correlation",
    lambda x, device: _iterate_blocks(*_scale_to_unit_variance(x), device),
    lambda x, i, j, device: _pair(*_scale_to_unit_variance(x), i, j, device),
    find_undefined=lambda x: x.min(axis=1) == x.max(axis=1),
    why_undefined="it is constant",
    needs_gpu=True,
)
