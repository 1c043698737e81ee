"""Work side by side: one stage makes the next items in a thread, while another uses the last."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def read_ahead(items: Iterable[T], depth: int = 1) -> Iterator[T]:
    """Yield items in their order, while a thread makes the next ``depth`` of them.

    An error of theirs is raised where its item would have come. Once no more are asked for, however that ends, none is
    begun, the one that is being made is waited for, and ``items`` is closed.
    """
    iterator, end = iter(items), object()
    pool = ThreadPoolExecutor(1)
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
