"""1 - distance correlation of the components of x and y (Eqs. 5 to 7), by matrix products, on a GPU where there is one.

With the matrices of distances a_kl = |x_k - x_l| and b_kl = |y_k - y_l|, centred and scaled to norm 1,

    A_kl = a_kl - mean_l(a_kl) - mean_k(a_kl) + mean(a),  divided by |A|,

the squared distance correlation is the product <A, B> = sum_kl A_kl B_kl. So 1 - dCor^2 = |A - B|^2 / 2.
"""

from typing import TYPE_CHECKING

import numpy as np

from semlens.compare.metrics import CONSTANT, Blocks, Metric
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

PANEL_SIZE = 1 << 27  # entries of the Gram matrix that are summed at once: 1 GB
PRODUCT_TERMS = 1 << 13  # terms of a product that are summed in float32; sums of products are in float64
TILE_ROWS = 256  # rows of one matrix product; only tiles on or above the diagonal are computed


def _scale_to_unit_norm(prototypes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and s, so that A_kl = |x_k - x_l| - s_k - s_l has the norm 1; both (n, dimensions) float64.

    Not all (k, l) are visited: sorting gives the means m_k = mean_l |x_k - x_l|, sums give the norm,
    mean(A^2) = 2 mean(x^2) - 2 mean(m^2) + mean(m)^2 for x of mean 0 (Eq. 6), and s_k = m_k - mean(m) / 2.
    """
    x = prototypes.astype(np.float64)
    dimensions = x.shape[1]
    order = np.argsort(x, axis=1)
    ascending = np.take_along_axis(x, order, axis=1)
    ascending -= ascending.mean(axis=1, keepdims=True)
    cumulative = np.cumsum(ascending, axis=1)
    rank = np.arange(1, dimensions + 1)
    means = np.empty_like(x)
    sums = (2 * rank - dimensions) * ascending + cumulative[:, -1:] - 2 * cumulative
    np.put_along_axis(means, order, sums / dimensions, axis=1)
    grand_mean = means.mean(axis=1, keepdims=True)
    variance = 2 * (ascending**2).mean(axis=1) - 2 * (means**2).mean(axis=1) + grand_mean[:, 0] ** 2
    norm = dimensions * np.sqrt(variance)[:, None]
    return (x - x.mean(axis=1, keepdims=True)) / norm, (means - grand_mean / 2) / norm


def _iterate_blocks(x: np.ndarray, shift: np.ndarray, device: "torch.device") -> Blocks:
    """Yield blocks of distances from the Gram matrix <A, B>, of as many rows at once as memory allows (a panel).

    Matrices are multiplied a few rows k at a time: the products in float32, the sum over k in float64. The mean of a
    sample of prototypes is subtracted from all, so that the products keep their digits.
    """
    import torch

    n, dimensions = x.shape
    vectors, shifts = (torch.as_tensor(array, dtype=torch.float32, device=device) for array in (x, shift))
    rows = max(MIN_BLOCK_ROWS, min(n, PANEL_SIZE // max(n, 1)))
    step = max(1, min(PRODUCT_TERMS, CHUNK_SIZE * 4 // n) // dimensions)
    sample = slice(None, None, -(-n // CENTRING_SAMPLE))
    blocks = [(start, k) for start in range(0, n, rows) for k in range(0, dimensions, step)]
    for start, k in show_progress(blocks, total=len(blocks), what="distance correlation", unit="block"):
        if k == 0:
            height = min(rows, n - start)
            gram = torch.zeros(height, n - start, dtype=torch.float64, device=device)
            squares = torch.zeros(n - start, dtype=torch.float64, device=device)
        centre = _compute_rows(vectors[sample], shifts[sample], k, step).mean(dim=0)
        block = torch.empty(n - start, len(centre), device=device)
        size = max(1, CACHE_SIZE // len(centre)) if device.type == "cpu" else n
        chunks = zip(block.split(size), vectors[start:].split(size), shifts[start:].split(size), strict=True)
        for chunk, chunk_vectors, chunk_shifts in chunks:
            torch.sub(_compute_rows(chunk_vectors, chunk_shifts, k, step), centre, out=chunk)
        squares += torch.linalg.vector_norm(block, dim=1).double().square_()
        for top in range(0, height, TILE_ROWS):
            gram[top : top + TILE_ROWS, top:] += block[top : min(top + TILE_ROWS, height)] @ block[top:].T
        if k + step >= dimensions:
            yield from _split_panel(gram, squares, start, x, shift, device)


def _split_panel(
    gram: "torch.Tensor", squares: "torch.Tensor", start: int, x: np.ndarray, shift: np.ndarray, device: "torch.device"
) -> Blocks:
    """Yield the blocks of distances of a panel of the Gram matrix, with |A - B|^2 = |A|^2 + |B|^2 - 2 <A, B>.

    Where that loses digits, the difference A - B is computed.
    """
    height = max(MIN_BLOCK_ROWS, BLOCK_SIZE // gram.shape[1])
    for top in range(0, len(gram), height):
        product = gram[top : top + height, top:]
        norms = squares[top : top + len(product), None] + squares[None, top:]
        half_square = (norms / 2 - product).clamp(min=0)
        imprecise = (half_square < CANCELLATION_THRESHOLD * norms).triu(diagonal=1)
        distances = _convert_half_square(half_square.float()).cpu().numpy()
        if imprecise.any():
            i, j = imprecise.nonzero().cpu().numpy().T
            distances[i, j] = _measure_pairs(x, shift, start + top + i, start + top + j, device)
        yield start + top, distances


def _measure_pairs(
    x: np.ndarray, shift: np.ndarray, i: np.ndarray, j: np.ndarray, device: "torch.device"
) -> np.ndarray:
    """Return the distances of pairs from the differences A - B, (pairs,) float32."""
    import torch

    dimensions = x.shape[1]
    vectors, shifts = (torch.as_tensor(array, dtype=torch.float32, device=device) for array in (x, shift))
    size = max(1, CHUNK_SIZE // dimensions**2)
    step = max(1, min(dimensions, CHUNK_SIZE // (size * dimensions)))
    distances = [np.empty(0, np.float32)]
    for start in range(0, len(i), size):
        sides = [torch.as_tensor(side[start : start + size], device=device) for side in (i, j)]
        half_square = torch.zeros(len(sides[0]), dtype=torch.float64, device=device)
        for k in range(0, dimensions, step):
            a, b = (_compute_rows(vectors[side], shifts[side], k, step) for side in sides)
            half_square += (a - b).square_().sum(dim=1, dtype=torch.float64) / 2
        distances.append(_convert_half_square(half_square).float().cpu().numpy())
    return np.concatenate(distances)


def _compute_rows(x: "torch.Tensor", shift: "torch.Tensor", k: int, step: int) -> "torch.Tensor":
    """Return rows ``k`` to ``k + step`` of every A, columns from ``k`` on, flat: (n, step x (dimensions - k)) float32.

    Columns beyond ``k + step`` are multiplied by sqrt(2). They stand for their mirror images below the diagonal too, so
    that the products of all rows add up to those of the symmetric matrices.
    """
    block = (x[:, k : k + step, None] - x[:, None, k:]).abs_()
    block -= shift[:, k : k + step, None]
    block -= shift[:, None, k:]
    block[:, :, step:] *= 2**0.5
    return block.flatten(start_dim=1)


def _convert_half_square(half_square: "torch.Tensor") -> "torch.Tensor":
    """Return 1 - sqrt(1 - h) as h / (1 + sqrt(1 - h)), which keeps the digits of a small h."""
    half_square = half_square.clamp(max=1)
    return half_square / (1 + (1 - half_square).sqrt())


METRIC = Metric(
    "distance correlation",
    lambda x, device: _iterate_blocks(*_scale_to_unit_norm(x), device),
    lambda x, i, j, device: _measure_pairs(*_scale_to_unit_norm(x), i, j, device),
    undefined=CONSTANT,
    needs_gpu=True,
)
