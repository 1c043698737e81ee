"""Reading HDF5 shards: every checksum is verified, and errors name the file."""

import errno
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from semlens.runtime.files import quarantine_if_corrupt
from semlens.storage.environment import Environment
from semlens.storage.fletcher import BYTES, is_whole

_ALIGNED = 8  # bytes that a checksum takes in memory, so that values of any type are aligned


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
            file = h5py.File(path, driver="sec2", locking=False)
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
        if isinstance(rows, slice) and has_sealed_samples(dataset):
            return _read_sealed(dataset, range(*rows.indices(len(dataset))))
        return dataset[rows]


def has_sealed_samples(dataset: h5py.Dataset) -> bool:
    """Whether each sample is a chunk with a checksum, as ``write_samples`` writes it, and nothing else was done."""
    filters, dtype = dataset.id.get_create_plist(), dataset.dtype
    alone = dataset.fletcher32 and filters.get_nfilters() == 1
    numbers = dtype.kind in "fiu" and dtype.isnative and math.prod(dataset.shape[1:]) * dtype.itemsize % 2 == 0
    return alone and numbers and dataset.chunks == (1, *dataset.shape[1:])


def _read_sealed(dataset: h5py.Dataset, rows: range) -> np.ndarray:
    """Return samples, whose checksums are compared here, which is faster than HDF5 does it."""
    shape = dataset.shape[1:]
    size = math.prod(shape) * dataset.dtype.itemsize
    chunks = np.empty((len(rows), size + _ALIGNED), np.uint8)[:, : size + BYTES]
    for row, chunk in zip(rows, chunks, strict=True):
        dataset.id.read_direct_chunk((row, *[0] * len(shape)), out=chunk)
        if not is_whole(chunk):
            raise OSError(f"the checksum of {dataset.name} differs at sample {row}")
    return chunks[:, :size].view(dataset.dtype).reshape(len(rows), *shape)


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
