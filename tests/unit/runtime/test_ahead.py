"""Items that a thread makes ahead: in their order, no more than asked for, and with an end that is clean."""

import threading
import time

import pytest

from semlens.runtime.ahead import Buffers, read_ahead, write_behind


class Source:
    """Items from 0 on, of which it notes the last that was begun, in which thread, and whether it was closed."""

    def __init__(self, stop=None, seconds=0.0):
        self.begun, self.threads, self.closed = 0, set(), False
        self._stop, self._seconds = stop, seconds

    def __iter__(self):
        try:
            while self.begun != self._stop:
                self.threads.add(threading.get_ident())
                self.begun += 1
                time.sleep(self._seconds)
                yield self.begun - 1
        finally:
            self.closed = True


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_items_come_in_their_order_from_one_other_thread(count, depth):
    source = Source(count)
    assert list(read_ahead(source, depth)) == list(range(count))
    assert source.closed and threading.get_ident() not in source.threads and len(source.threads) == min(count, 1)


@pytest.mark.parametrize("depth", [1, 3])
def test_no_more_is_made_than_the_depth_allows(depth):
    source = Source()
    items = read_ahead(source, depth)
    for used in range(4):
        next(items)
        wait_for(lambda expected=used + 1 + depth: source.begun == expected)
        time.sleep(0.02)
        assert source.begun == used + 1 + depth
    items.close()


def test_without_depth_items_are_made_where_they_are_used():
    source = Source(3)
    assert list(read_ahead(source, 0)) == [0, 1, 2]
    assert source.threads == {threading.get_ident()} and source.closed


def test_the_next_item_is_made_while_one_is_used():
    steps = []

    def make():
        for number in range(2):
            steps.append(f"make {number}")
            yield number

    for number in read_ahead(make()):
        wait_for(lambda: "make 1" in steps)
        steps.append(f"use {number}")
    assert steps == ["make 0", "make 1", "use 0", "use 1"]


def test_an_error_comes_where_its_item_would_have():
    def fail():
        yield from range(2)
        raise OSError("the disk is full")

    items = read_ahead(fail(), 3)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(OSError, match="the disk is full"):
        next(items)


@pytest.mark.parametrize("end", [GeneratorExit, KeyboardInterrupt, ValueError])
def test_however_use_ends_the_source_is_closed_and_its_thread_gone(end):
    source = Source(seconds=0.02)
    before = threading.active_count()
    items = read_ahead(source, 2)
    next(items)
    if end is GeneratorExit:
        items.close()
    else:
        with pytest.raises(end):
            items.throw(end("enough"))
    begun = source.begun
    time.sleep(0.1)
    assert source.closed and source.begun == begun and threading.active_count() == before


def test_what_was_used_is_not_kept():
    import weakref

    class Item:
        pass

    items = read_ahead(Item() for _ in range(3))
    first = next(items)
    seen = weakref.ref(first)
    del first
    assert next(items) and seen() is None


@pytest.mark.parametrize("depth", [1, 2])
def test_buffers_of_one_more_than_the_depth_are_not_written_while_they_are_used(depth):
    buffers = Buffers(depth + 1)

    def make():
        for number in range(20):
            buffer = buffers.take("maps", 3)
            buffer[:] = number
            yield buffer

    seen = []
    for buffer in read_ahead(make(), depth):
        time.sleep(0.005)  # the source is as far ahead as it can be
        seen.append(buffer.tolist())
    assert seen == [[number] * 3 for number in range(20)]


def test_buffers_of_another_use_or_size_are_others():
    buffers = Buffers(2)
    taken = [buffers.take(use, size) for use in ("a", "b") for size in (4, 8)]
    assert [len(buffer) for buffer in taken] == [4, 8, 4, 8] and len({id(buffer) for buffer in taken}) == 4
    first, second, third = (buffers.take("c", 4) for _ in range(3))
    assert third is first and second is not first


def test_what_is_written_behind_is_written_in_order_while_the_next_is_made():
    steps, threads = [], set()

    def write(item):
        threads.add(threading.get_ident())
        wait_for(lambda: f"make {item + 1}" in steps or item == 2)
        steps.append(f"write {item}")

    with write_behind(write) as give:
        for number in range(3):
            steps.append(f"make {number}")
            give(number)
    assert steps == ["make 0", "make 1", "write 0", "make 2", "write 1", "write 2"]
    assert len(threads) == 1 and threading.get_ident() not in threads


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_of_writing_ends_the_block(count):
    def fail(item):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"), write_behind(fail) as give:
        for number in range(count):
            give(number)


def test_nothing_is_written_any_more_once_the_block_has_failed():
    written, before = [], threading.active_count()

    def write(item):
        time.sleep(0.02)
        written.append(item)

    with pytest.raises(KeyboardInterrupt), write_behind(write) as give:
        give(0)
        raise KeyboardInterrupt
    assert written == [0] and threading.active_count() == before
