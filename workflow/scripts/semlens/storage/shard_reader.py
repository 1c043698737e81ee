"""Reading HDF5 shards: every checksum is verified, and errors name the file."""

import errno
import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import local
from typing import Any

import h5py
import numpy as np

from semlens.runtime.files import quarantine_if_corrupt
from semlens.storage.environment import Environment
from semlens.storage.fletcher import BYTES, is_whole


@contextmanager
def open_shard(path: str | Path) -> Iterator[h5py.File]:
    """Open a shard for reading.

    It is not locked: shards appear whole and are never changed, and some file systems have no locks.

    Raises
    ------
    ValueError
        If it is not a whole HDF5 file; it is set aside.
    OSError
        If another program changes it.
    """
    with quarantine_if_corrupt(path):
        try:
            file = h5py.File(path, locking=False)
        except OSError as error:
            if "already open for write" not in str(error):
                raise
            what = "a program has opened it to change it; close it there, or delete the file to have it made anew"
            raise OSError(errno.EBUSY, what, str(path)) from None
    with file:
        yield file


def read_samples(file: h5py.File, key: str, rows: slice | int = slice(None)) -> np.ndarray:
    """Return samples of a dataset.

    Raises
    ------
    ValueError
        If the dataset is missing, damaged or cannot be decoded; the shard is set aside.
    """
    with quarantine_if_corrupt(file.filename):
        dataset = file[key]
        if not isinstance(rows, slice) or not _has_sealed_samples(dataset):
            return dataset[rows]
    samples = StoredSamples(file, key, rows)
    out = np.empty((len(samples), *dataset.shape[1:]), dataset.dtype)
    for place, sample in enumerate(samples):
        out[place] = sample
    return out


class StoredSamples(Sequence[np.ndarray]):
    """Samples of a dataset that are read when they are asked for, by several threads side by side.

    HDF5 lets one thread in at a time. So it says where the chunks are, and threads read these themselves. What a thread
    was given is gone once it asks for another sample, of whichever dataset: its memory is used again, while the
    processor still holds it. Errors are those of :func:`read_samples`.
    """

    def __init__(self, file: h5py.File, key: str, rows: slice = slice(None)) -> None:
        self._path = file.filename
        with quarantine_if_corrupt(self._path):
            self._dataset = file[key]
            self._rows = range(*rows.indices(len(self._dataset)))
            self._shape, self._dtype = self._dataset.shape[1:], self._dataset.dtype
            self._descriptor = file.id.get_vfd_handle()
            self._offsets = self._find_chunks() if _has_sealed_samples(self._dataset) else None

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> np.ndarray:
        row = self._rows[place]
        with quarantine_if_corrupt(self._path):
            if self._offsets is None:
                return self._dataset[row]
            chunk = _memory.take(math.prod(self._shape) * self._dtype.itemsize + BYTES)
            _read_bytes(self._descriptor, self._offsets[place], chunk)
            if not is_whole(chunk):
                raise OSError(f"the checksum of {self._dataset.name} differs at sample {row}")
            return chunk[:-BYTES].view(self._dtype).reshape(self._shape)

    def _find_chunks(self) -> list[int]:
        """Return where in the file each sample is."""
        found = [self._dataset.id.get_chunk_info_by_coord((row, *[0] * len(self._shape))) for row in self._rows]
        for row, chunk in zip(self._rows, found, strict=True):
            if chunk.byte_offset is None:
                raise OSError(f"{self._dataset.name} has no sample {row}")
        return [chunk.byte_offset for chunk in found]


def _has_sealed_samples(dataset: h5py.Dataset) -> bool:
    """Whether each sample is a chunk with a checksum, as ``write_samples`` writes it, and nothing else was done."""
    filters = dataset.id.get_create_plist()
    alone = dataset.fletcher32 and filters.get_nfilters() == 1 and not dataset.file.userblock_size
    return alone and dataset.chunks == (1, *dataset.shape[1:]) and dataset.dtype.isnative


def _read_bytes(descriptor: int, offset: int, out: np.ndarray) -> None:
    done = 0
    while done < len(out):
        read = os.preadv(descriptor, [out[done:]], offset + done)
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


def read_texts(file: h5py.File, key: str) -> list[str]:
    """Return a dataset of strings; as :func:`read_samples`."""
    with quarantine_if_corrupt(file.filename):
        return file[key].asstr()[:].tolist()


def read_names(file: h5py.File, key: str = "/") -> list[str]:
    """Return the names in a group; as :func:`read_samples`."""
    with quarantine_if_corrupt(file.filename):
        return list(file[key])


def read_attribute(file: h5py.File, key: str) -> Any:
    """Return an attribute of the shard: a number, a text or a list of texts; as :func:`read_samples`."""
    with quarantine_if_corrupt(file.filename):
        value = file.attrs[key]
        if isinstance(value, bytes):
            return value.decode()
        texts = isinstance(value, np.ndarray) and value.dtype.kind in "SO"
        return [text.decode() for text in value] if texts else value


def read_environment(file: h5py.File) -> Environment:
    """Return what the shard, and what it was made from, were made with."""
    return json.loads(read_attribute(file, "environment"))
