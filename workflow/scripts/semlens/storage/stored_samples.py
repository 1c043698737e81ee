"""Samples of a shard that threads read side by side, each when it wants one."""

import math
import os
import weakref
from collections.abc import Iterable
from threading import local
from typing import NamedTuple

import h5py
import numpy as np

from semlens.runtime.files import quarantine_if_corrupt
from semlens.storage.fletcher import BYTES, is_whole
from semlens.storage.shard_reader import has_sealed_samples


class StoredSamples:
    """Samples of a dataset, looked up by number.

    A sample lies in memory of the thread that looks it up, until it looks up another, of any dataset: so it is
    multiplied while the processor still holds it. As a list of them would hold the last alone, there is no iterator.
    ``shape`` is that of all samples.
    """

    __iter__ = None

    def __init__(self, file: "_File", dataset: h5py.Dataset, offsets: list[int] | None, rows: range) -> None:
        self._file, self._dataset, self._offsets, self._rows = file, dataset, offsets, rows
        self._dtype = dataset.dtype
        self.shape = (len(rows), *dataset.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> np.ndarray:
        """Return a sample.

        Raises
        ------
        ValueError
            If it is damaged or cannot be decoded; the shard is set aside.
        """
        row = self._rows[place]
        with quarantine_if_corrupt(self._file.path):
            if self._offsets is None:
                return self._dataset[row]
            chunk = _memory.take(math.prod(self.shape[1:]) * self._dtype.itemsize + BYTES)
            self._file.read(self._offsets[row], chunk)
            if not is_whole(chunk):
                raise OSError(f"the checksum of {self._dataset.name} differs at sample {row}")
            return chunk[:-BYTES].view(self._dtype).reshape(self.shape[1:])

    def select(self, rows: slice) -> "StoredSamples":
        """Return those of some rows of the dataset.

        Raises
        ------
        ValueError
            If there are fewer; the shard is set aside.
        """
        with quarantine_if_corrupt(self._file.path):
            if rows.stop > len(self._dataset):
                raise OSError(f"{self._dataset.name} has {len(self._dataset)} samples, not {rows.stop}")
        return StoredSamples(self._file, self._dataset, self._offsets, range(rows.start, rows.stop))


def locate_samples(file: h5py.File, keys: Iterable[str]) -> dict[str, StoredSamples]:
    """Return the samples of datasets.

    HDF5 lets one thread in at a time. So it says here where the samples are, and threads read these themselves; but
    samples that are stored in another way than ``write_samples`` does are read by HDF5, while ``file`` is open.

    Raises
    ------
    ValueError
        If a dataset or a sample is missing; the shard is set aside.
    """
    found, opened = {}, _File(file)
    with quarantine_if_corrupt(opened.path):
        for key in keys:
            dataset = file[key]
            found[key] = StoredSamples(opened, dataset, _find_chunks(dataset, file), range(len(dataset)))
    return found


def _find_chunks(dataset: h5py.Dataset, file: h5py.File) -> list[int] | None:
    """Return where in the file each sample is; nothing where samples are no chunks with a checksum of this file."""
    if not has_sealed_samples(dataset) or dataset.file != file or file.userblock_size:
        return None
    chunks = [_Chunk(None, 0, 0)] * len(dataset)

    def note(chunk: h5py.h5d.StoreInfo) -> None:
        chunks[chunk.chunk_offset[0]] = _Chunk(chunk.byte_offset, chunk.size, chunk.filter_mask)

    dataset.id.chunk_iter(note)  # once, because HDF5 would go through all of them for any one
    offsets = [chunk.offset for chunk in chunks]
    if None in offsets:
        raise OSError(f"{dataset.name} has no sample {offsets.index(None)}")
    size = math.prod(dataset.shape[1:]) * dataset.dtype.itemsize + BYTES
    return offsets if all(chunk.size == size and not chunk.filters_left_out for chunk in chunks) else None


class _Chunk(NamedTuple):
    offset: int | None
    size: int
    filters_left_out: int


class _File:
    """A file that stays open for reading as long as anybody has this."""

    def __init__(self, file: h5py.File) -> None:
        self.path = file.filename
        self._descriptor = os.dup(file.id.get_vfd_handle())
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, offset: int, out: np.ndarray) -> None:
        done = 0
        while done < len(out):
            try:
                read = os.preadv(self._descriptor, [out[done:]], offset + done)
            except OSError as error:
                raise OSError(error.errno, error.strerror, self.path) from None
            if not read:
                raise OSError("the file ends too early")
            done += read


class _Memory(local):
    """Memory of a thread."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def take(self, size: int) -> np.ndarray:  # (size) uint8, whatever is in it
        if len(self._bytes) < size:
            self._bytes = np.empty(size, np.uint8)
        return self._bytes[:size]


_memory = _Memory()
