"""Fletcher's checksum of HDF5 chunks, several times as fast as HDF5's own, and without its lock.

HDF5 appends it to each chunk and checks it when it reads, so any program finds what this writes whole, or damaged.
"""

import numpy as np

BYTES = 4  # of a checksum
_MODULUS = 65535
_WIDTH = 1024  # words of 16 bits in a row
_ROWS = 256  # that are added up while a cache holds them


def seal_chunk(values: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:  # (bytes + 4) uint8
    """Return values of at least two bytes as bytes with their checksum behind; in ``out``, where that is given."""
    content = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    sealed = np.empty(len(content) + BYTES, np.uint8) if out is None else out
    sealed[:-BYTES] = content
    sealed[-BYTES:] = np.array([compute_checksum(content)], "<u4").view(np.uint8)
    return sealed


def is_whole(sealed: np.ndarray) -> bool:
    """Return whether the checksum of such a chunk is that of its bytes."""
    return compute_checksum(sealed[:-BYTES]) == int(sealed[-BYTES:].copy().view("<u4")[0])


def compute_checksum(chunk: np.ndarray) -> int:
    """Return HDF5's checksum of bytes, an even number of them.

    Of words w_0 to w_(n-1) of 16 bits, the highest byte first, it holds the sum, and the sum of all (n - i) w_i; both
    modulo 65535, where 65535 stands for 0 unless all words are 0. Modulo 65535, reading a word's other byte first is
    to multiply by 256, and 32 bits are the sum of their two words. So words are added up as the rows and the columns of
    a table: i is row times width plus column.
    """
    missing = -len(chunk) % (2 * _WIDTH)
    if missing:  # zeros in front change no sum
        chunk = np.concatenate([np.zeros(missing, np.uint8), chunk])
    total = weighted = 0
    for start in range(0, len(chunk), 2 * _WIDTH * _ROWS):
        block = chunk[start : start + 2 * _WIDTH * _ROWS]
        rows = block.view("<u4").reshape(-1, _WIDTH // 2).sum(axis=1, dtype=np.uint64)
        columns = block.view("<u2").reshape(-1, _WIDTH).sum(axis=0, dtype=np.uint32).astype(np.uint64)
        total_here = int(columns.sum())
        total += total_here
        weighted += start // 2 * total_here + _WIDTH * _weigh(rows) + _weigh(columns)
    if not total:
        return 0
    sums = total, len(chunk) // 2 * total - weighted
    low, high = ((value * 256 % _MODULUS) or _MODULUS for value in sums)
    return high << 16 | low


def _weigh(values: np.ndarray) -> int:
    """Return the sum of all k v_k, modulo 65535."""
    return int((values % _MODULUS) @ np.arange(len(values), dtype=np.uint64)) % _MODULUS
