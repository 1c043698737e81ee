"""Work side by side: one stage makes the next items in a thread, while another uses the last."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def read_ahead(items: Iterable[T], depth: int = 1) -> Iterator[T]:
    """Yield items in their order, while a thread makes the next ``depth`` of them; with a depth of 0, none does.

    An error of theirs is raised where its item would have come. Once no more are asked for, however that ends, none is
    begun, the one that is being made is waited for, and ``items`` is closed.
    """
    if not depth:
        yield from items
        return
    iterator, end = iter(items), object()
    pool = ThreadPoolExecutor(1, thread_name_prefix="stage")
    try:
        coming = deque(pool.submit(next, iterator, end) for _ in range(depth))
        while (item := coming.popleft().result()) is not end:
            coming.append(pool.submit(next, iterator, end))
            yield item
            del item  # else what was used would stay in memory while the next is waited for
    finally:
        pool.shutdown(cancel_futures=True)
        if hasattr(iterator, "close"):
            iterator.close()


class Buffers:
    """Memory that is used in turn, because the system takes its time to hand out new memory, which it clears.

    Parameters
    ----------
    count
        How many there are for each use. One that was taken is free again once ``count`` more were. Items that are read
        ahead by a depth need one more than that.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._rings: dict[tuple[Any, int], Iterator[np.ndarray]] = {}

    def take(self, use: Any, size: int) -> np.ndarray:  # (size) uint8, whatever is in it
        """Return the one of this use and size that was taken longest ago."""
        if (use, size) not in self._rings:
            self._rings[use, size] = cycle([np.empty(size, np.uint8) for _ in range(self._count)])
        return next(self._rings[use, size])
