"""Reading HDF5 shards, with errors that name the file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from semlens.runtime.files import quarantine_if_corrupt
from semlens.storage.environment import Environment


@contextmanager
def open_shard(path: str | Path) -> Iterator[h5py.File]:
    """Open a shard for reading.

    Raises
    ------
    ValueError
        If it is not a whole HDF5 file.
    """
    with quarantine_if_corrupt(path):
        file = h5py.File(path)
    with file:
        yield file


def read_samples(file: h5py.File, key: str, rows: slice | int = slice(None)) -> np.ndarray:
    """Return samples of a dataset.

    Raises
    ------
    ValueError
        If the dataset is missing or cannot be decoded.
    """
    with quarantine_if_corrupt(file.filename):
        return file[key][rows]


def read_texts(file: h5py.File, key: str) -> list[str]:
    """Return a dataset of strings."""
    return [text.decode() for text in read_samples(file, key)]


def read_environment(file: h5py.File) -> Environment:
    """Return what the shard, and what it was made from, were made with."""
    return json.loads(file.attrs["environment"])
