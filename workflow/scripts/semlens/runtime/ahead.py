"""Work side by side: one stage makes the next items in a thread, while another uses the last."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
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
        while True:
            coming.append(pool.submit(next, iterator, end))  # before the wait, so that the thread has no pause
            item = coming.popleft().result()
            if item is end:
                return
            yield item
            del item  # else what was used would stay in memory while the next is waited for
    finally:
        pool.shutdown(cancel_futures=True)
        if hasattr(iterator, "close"):
            iterator.close()


@contextmanager
def write_behind(write: Callable[[T], Any]) -> Iterator[Callable[[T], None]]:
    """Give a function that has a thread ``write`` an item, once the one before is written.

    An error is raised where the next item is given, or at the end of the block. However that ends, nothing is being
    written any more.
    """
    begun: deque[Future] = deque()

    def wait() -> None:
        while begun:
            begun.popleft().result()

    def give(item: T) -> None:
        wait()
        begun.append(pool.submit(write, item))

    with ThreadPoolExecutor(1, thread_name_prefix="stage") as pool:
        yield give
        wait()


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
