"""Instance masks at cells of a grid, straight from COCO's run lengths: the pixels of a mask are never made.

Runs go down the columns of an image, one column after the other: zeros, ones, zeros and so on. So whether a pixel
belongs to an object, and how many pixels of a column do, follows from where runs start and stop.
"""

from collections.abc import Sequence

import numpy as np

from semlens.images.masks import find_centres
from semlens.images.rendering import Frame


class RunLengths:
    """Where the runs of ones of several masks of one image start and stop.

    Parameters
    ----------
    rles
        Compressed COCO run lengths, one text per mask.

    Raises
    ------
    ValueError
        If the runs of a mask are not as long as the image is large.
    """

    def __init__(self, rles: Sequence[str], *, width: int, height: int) -> None:
        self._width, self._height = width, height
        wrong = f"the run lengths of a mask do not fill an image of {width} x {height}"
        if not all(rle and (ord(rle[-1]) - 48) & 32 == 0 for rle in rles):  # a number that goes on
            raise ValueError(wrong)
        numbers, first = _decompress(rles)
        ends = np.cumsum(numbers)
        bases = np.concatenate([[0], ends])[first[:-1]]  # how long all masks before are
        lengths = np.concatenate([[0], ends])[first[1:]] - bases
        if (numbers < 0).any() or (lengths != width * height).any():
            raise ValueError(wrong)
        place = np.arange(len(numbers)) - np.repeat(first[:-1], np.diff(first))
        ones = place % 2 == 1
        mask = np.repeat(np.arange(len(rles)), np.diff(first))
        stops = ends - bases[mask]
        keep = ones & (numbers > 0)
        self._mask, self._stops = mask[keep], stops[keep]
        self._starts = self._stops - numbers[keep]
        self._first = np.searchsorted(self._mask, np.arange(len(rles) + 1))

    def sample_centres(self, frame: Frame, grid: int) -> np.ndarray:  # (masks, grid, grid) float32
        """Return masks at the centres of cells that cover a frame: :func:`semlens.images.masks.sample_centres`."""
        (top, bottom), (left, right) = frame.rows, frame.columns
        rows, columns = frame.top + find_centres(grid, frame.height), frame.left + find_centres(grid, frame.width)
        seen_rows = np.flatnonzero((rows >= top) & (rows < bottom))
        seen_columns = np.flatnonzero((columns >= left) & (columns < right))
        different_rows, row = np.unique(rows[seen_rows], return_inverse=True)
        different_columns, column = np.unique(columns[seen_columns], return_inverse=True)
        sampled = self._sample(different_rows, different_columns)
        centres = np.zeros((len(self._first) - 1, grid, grid), np.float32)
        centres[:, seen_rows[:, None], seen_columns] = sampled[:, row[:, None], column]
        return centres

    def _sample(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:  # (masks, rows, columns) int8
        """Return masks where these rising rows and columns cross.

        The crossings, column by column, are a lattice; a run of ones covers those between its start and its stop.
        """
        row_rank = np.searchsorted(rows, np.arange(self._height))  # how many of them come before each
        column_rank = np.searchsorted(columns, np.arange(self._width + 1))
        has_crossings = np.isin(np.arange(self._width + 1), columns)

        def count_crossings(pixels: np.ndarray) -> np.ndarray:
            column, row = np.divmod(pixels, self._height)
            return column_rank[column] * len(rows) + has_crossings[column] * row_rank[row]

        starts, stops = count_crossings(self._starts), count_crossings(self._stops)
        size = len(rows) * len(columns)
        steps = np.zeros((len(self._first) - 1, size + 1), np.int8)
        covers = stops > starts
        # Runs that cover crossings follow one another: no two of a mask start, or stop, at the same one.
        steps[self._mask[covers], starts[covers]] += 1
        steps[self._mask[covers], stops[covers]] -= 1
        lattice = np.cumsum(steps, axis=1, dtype=np.int8)[:, :size]
        return lattice.reshape(len(lattice), len(columns), len(rows)).transpose(0, 2, 1)

    def measure_coverage(self, mask: int, frame: Frame, grid: int) -> np.ndarray:  # (grid, grid) float32 in [0, 1]
        """Return the fraction of each cell that one mask covers: :func:`semlens.images.masks.measure_coverage`.

        Lengths are counted in whole numbers, in parts of a pixel of which there are ``grid`` along each side.
        """
        runs = slice(self._first[mask], self._first[mask + 1])
        starts, stops = self._starts[runs], self._stops[runs]
        if not len(starts):
            return np.zeros((grid, grid), np.float32)
        columns = np.arange(starts[0] // self._height, (stops[-1] - 1) // self._height + 1)
        edges = _divide(frame.top, frame.height, frame.rows, grid)
        pixel, part = np.divmod(columns[:, None] * self._height * grid + edges, grid)
        run = np.searchsorted(starts, pixel, side="right")  # how many have started
        inside = np.concatenate([[0], stops])[run] > pixel
        length = np.concatenate([[0], np.cumsum(stops - starts)])
        before = length[run] - np.where(inside, np.concatenate([[0], stops])[run] - pixel, 0)
        heights = np.diff(before * grid + inside * part, axis=1)  # of the ones of each column in each row of cells
        edges = _divide(frame.left, frame.width, frame.columns, grid)
        left, right = columns[:, None] * grid, (columns[:, None] + 1) * grid
        widths = np.clip(np.minimum(right, edges[1:]) - np.maximum(left, edges[:-1]), 0, None)
        covered = heights.T.astype(float) @ widths.astype(float)  # exact, as the largest is far below 2^53
        return (covered / (frame.height * frame.width)).astype(np.float32)


def _divide(first: int, length: int, seen: tuple[int, int], grid: int) -> np.ndarray:  # (grid + 1) int64
    """Return where cells that cover a length from ``first`` begin and end, kept within what is seen, in parts."""
    return np.clip(np.arange(grid + 1) * length + first * grid, seen[0] * grid, seen[1] * grid)


def _decompress(rles: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths of all runs, and where those of each mask begin.

    A number is written in characters of 5 bits, the lowest first; bit 6 says that more follow, and the highest bit of
    the last is the sign. From the fourth on, a number is the difference to that two places before.
    """
    characters = np.frombuffer("".join(rles).encode("ascii"), np.uint8).astype(np.int64) - 48
    last = np.flatnonzero(characters & 32 == 0)
    start = np.concatenate([[0], last + 1])[:-1]
    place = np.arange(len(characters)) - np.repeat(start, last - start + 1)
    numbers = np.add.reduceat((characters & 31) << (5 * place), start)
    numbers -= np.where(characters[last] & 16, 1 << (5 * (last - start + 1)), 0)
    text_ends = np.cumsum([len(rle) for rle in rles])
    first = np.searchsorted(last, np.concatenate([[0], text_ends]))
    order = np.arange(len(numbers)) - np.repeat(first[:-1], np.diff(first))
    for some in (np.flatnonzero(order % 2 == 1), np.flatnonzero((order % 2 == 0) & (order > 0))):
        sums = np.cumsum(numbers[some])
        begins = np.searchsorted(some, first)[:-1]
        before = np.concatenate([[0], sums])[begins]
        numbers[some] = sums - np.repeat(before, np.diff(np.append(begins, len(some))))
    return numbers, first
