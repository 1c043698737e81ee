"""Instance masks at cells of a grid, straight from COCO's run lengths: the pixels of a mask are never made.

Runs go down the columns of an image, one column after the other: zeros, ones, zeros and so on. So whether a pixel
belongs to an object, and how many pixels of a column do, follows from where runs start and stop.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from semlens.images.masks import find_centres
from semlens.images.rendering import Frame


class RunLengths:
    """Where the runs of ones of masks start and stop; masks may be of several images, and are read all at once.

    Positions count pixels from the first of the first mask on, column by column, mask after mask.

    Parameters
    ----------
    rles
        Compressed COCO run lengths, one text per mask.
    widths, heights
        Of each mask's image.
    names
        Of masks, for errors.

    Raises
    ------
    ValueError
        If the runs of a mask are not as long as its image is large.
    """

    def __init__(
        self, rles: Sequence[str], widths: Sequence[int], heights: Sequence[int], names: Sequence[str]
    ) -> None:
        self._heights, self._widths = np.array(heights, np.int64), np.array(widths, np.int64)
        sizes = np.concatenate([[0], np.cumsum(self._heights * self._widths)])
        whole = np.array(list(map(_is_finished, rles)))
        if whole.all():
            numbers, first = _decompress(rles)
            ends = np.concatenate([[0], np.cumsum(numbers)])
            whole = np.diff(ends[first]) == np.diff(sizes)
            whole[np.searchsorted(first, np.flatnonzero(numbers < 0), side="right") - 1] = False
        if not whole.all():
            wrong = int(whole.argmin())
            size = f"{widths[wrong]} x {heights[wrong]}"
            raise ValueError(f"the run lengths of {names[wrong]} do not fill its image of {size} pixels")
        mask = np.repeat(np.arange(len(rles)), np.diff(first))
        ones = ((np.arange(len(numbers)) - first[mask]) % 2 == 1) & (numbers > 0)
        self._base, self._mask, self._stops = sizes, mask[ones], ends[1:][ones]
        self._starts = self._stops - numbers[ones]
        self._first = np.searchsorted(self._mask, np.arange(len(rles) + 1))

    def sample_centres(self, frames: Sequence[Frame], grid: int) -> np.ndarray:  # (masks, grid, grid) float32
        """Return masks at the centres of cells: :func:`semlens.images.masks.sample_centres`.

        Centres are a lattice, which is gone through column by column as pixels are; a run of ones covers those that
        come between its start and its stop.

        Parameters
        ----------
        frames
            What cells cover, of each mask.
        """
        sizes = self._heights.tolist(), self._widths.tolist()
        kinds = [(frame, *size, grid) for frame, *size in zip(frames, *sizes, strict=True)]
        lattices = {kind: _find_lattice(*kind) for kind in dict.fromkeys(kinds)}
        place = {kind: number for number, kind in enumerate(lattices)}
        which = np.array([place[kind] for kind in kinds])[self._mask]
        heights, base = self._heights[self._mask], self._base[self._mask]
        in_rows, first_row = _join([lattice.in_rows for lattice in lattices.values()])
        in_columns, first_column = _join([lattice.in_columns for lattice in lattices.values()])
        on_column, _ = _join([lattice.on_column for lattice in lattices.values()])

        def count_centres(positions: np.ndarray) -> np.ndarray:
            column, row = np.divmod(positions - base, heights)
            column += first_column[which]
            return in_columns[column] * grid + on_column[column] * in_rows[first_row[which] + row]

        starts, stops = count_centres(self._starts), count_centres(self._stops)
        covers = stops > starts
        steps = np.zeros((len(kinds), grid * grid + 1), np.int8)
        # Runs that cover centres follow one another: no two of a mask start, or stop, at the same one.
        steps[self._mask[covers], starts[covers]] += 1
        steps[self._mask[covers], stops[covers]] -= 1
        covered = np.cumsum(steps, axis=1, dtype=np.int8)[:, :-1].reshape(-1, grid, grid)
        centres = covered.transpose(0, 2, 1).astype(np.float32)
        for number, kind in enumerate(kinds):
            if not lattices[kind].is_plain:
                centres[number] = centres[number][:, lattices[kind].columns] * lattices[kind].seen
        return centres

    def measure_coverage(self, masks: np.ndarray, frames: Sequence[Frame], grid: int) -> np.ndarray:
        """Return the fraction of each cell that is covered: :func:`semlens.images.masks.measure_coverage`.

        Lengths are counted in whole numbers, in parts of a pixel of which there are ``grid`` along each side.

        Parameters
        ----------
        masks
            Which of the masks.
        frames
            What cells cover, of each of all masks.

        Returns
        -------
        (those masks, grid, grid) float32 in [0, 1].
        """
        coverage = np.zeros((len(masks), grid, grid), np.float32)
        numbers = np.flatnonzero(self._first[masks + 1] > self._first[masks])  # which are not empty
        if not len(numbers):
            return coverage
        chosen = masks[numbers]
        heights, base = self._heights[chosen], self._base[chosen]
        left = (self._starts[self._first[chosen]] - base) // heights
        right = (self._stops[self._first[chosen + 1] - 1] - 1 - base) // heights + 1
        ends = np.cumsum(right - left)  # of the columns of each mask, one after the other
        of = np.repeat(np.arange(len(chosen)), right - left)
        columns = np.arange(ends[-1]) - np.repeat(ends - right, right - left)
        shown = [frames[mask] for mask in chosen]
        edges = _divide([(frame.top, frame.height, *frame.rows) for frame in shown], grid)[of]
        pixel, part = np.divmod(columns[:, None] * heights[of][:, None] * grid + edges, grid)
        pixel += base[of][:, None]
        run = np.searchsorted(self._starts, pixel, side="right")  # how many have started
        stops, lengths = np.concatenate([[0], self._stops]), np.cumsum([0, *(self._stops - self._starts)])
        rest = np.maximum(stops[run] - pixel, 0)  # of the run that is going on
        ones = np.diff((lengths[run] - rest) * grid + (rest > 0) * part, axis=1)  # of each column, by row of cells
        edges = _divide([(frame.left, frame.width, *frame.columns) for frame in shown], grid)[of]
        begin, end = columns[:, None] * grid, (columns[:, None] + 1) * grid
        widths = np.maximum(np.minimum(end, edges[:, 1:]) - np.maximum(begin, edges[:, :-1]), 0)
        ones, widths = ones.astype(float), widths.astype(float)  # whose products are exact: far below 2^53
        for place, (number, frame) in enumerate(zip(numbers, shown, strict=True)):
            its = slice(ends[place] - right[place] + left[place], ends[place])
            coverage[number] = ones[its].T @ widths[its] / (frame.height * frame.width)
        return coverage


class _Lattice(NamedTuple):
    """The centres of cells in an image, column by column; columns that several cells share are there once."""

    in_rows: np.ndarray  # (height + 1) int64: how many centres of a column come before a row
    in_columns: np.ndarray  # (width + 1) int64: how many columns of centres come before a column
    on_column: np.ndarray  # (width + 1) bool: whether it has centres
    columns: np.ndarray  # (grid) int64: which column of centres is that of a cell
    seen: np.ndarray  # (grid, grid) bool: whether the centre of a cell is seen
    is_plain: bool  # whether each cell has a column of its own, and all are seen


@lru_cache(maxsize=1024)
def _find_lattice(frame: Frame, height: int, width: int, grid: int) -> _Lattice:
    rows, columns = frame.top + find_centres(grid, frame.height), frame.left + find_centres(grid, frame.width)
    different, column = np.unique(columns, return_inverse=True)
    (top, bottom), (left, right) = frame.rows, frame.columns
    seen = ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))
    return _Lattice(
        np.searchsorted(rows, np.arange(height + 1)),
        np.searchsorted(different, np.arange(width + 1)),
        np.isin(np.arange(width + 1), different),
        column,
        seen,
        len(different) == grid and bool(seen.all()),
    )


def _join(tables: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return tables one after the other, and where each begins."""
    return np.concatenate(tables), np.cumsum([0, *map(len, tables[:-1])])


def _divide(sides: Sequence[tuple[int, int, int, int]], grid: int) -> np.ndarray:  # (sides, grid + 1) int64
    """Return where cells begin and end along sides of frames, within what is seen, in parts of a pixel.

    Parameters
    ----------
    sides
        Of each: the first pixel, how many there are, the first that is seen, and the first that no longer is.
    """
    first, length, seen, unseen = np.array(sides)[:, :, None].transpose(1, 0, 2)
    return np.clip(np.arange(grid + 1) * length + first * grid, seen * grid, unseen * grid)


def _is_finished(rle: str) -> bool:
    """Whether there is a number, and the last does not go on."""
    return bool(rle) and (ord(rle[-1]) - 48) & 32 == 0


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
    first = np.searchsorted(last, np.cumsum([0, *map(len, rles)]))
    order = np.arange(len(numbers)) - np.repeat(first[:-1], np.diff(first))
    for some in (np.flatnonzero(order % 2 == 1), np.flatnonzero((order % 2 == 0) & (order > 0))):
        sums = np.cumsum(numbers[some])
        begins = np.searchsorted(some, first)[:-1]
        before = np.concatenate([[0], sums])[begins]
        numbers[some] = sums - np.repeat(before, np.diff(np.append(begins, len(some))))
    return numbers, first
