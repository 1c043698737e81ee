"""Writing HDF5 shards, at once or not at all. What each kind of shard holds is a contract beside what writes it.

All that is written has a checksum: datasets have Fletcher's, and what describes them has that of HDF5 1.10. So text
has a fixed length, because HDF5 keeps longer text apart, without one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from semlens.runtime.files import write_atomically
from semlens.storage.environment import Environment


class Item(NamedTuple):
    """An attribute or a dataset of a shard: ``text``, ``list of text`` or a type of numpy; several where it varies."""

    dtype: str | tuple[str, ...]
    description: str
    shape: str = ""  # of a dataset
    optional: bool = False


class ShardContract(NamedTuple):
    """What a kind of shard holds. Names of datasets are patterns, such as ``{view}/sample_id``."""

    attributes: dict[str, Item]
    datasets: dict[str, Item]


ENVIRONMENT = {
    "environment": Item(
        "text",
        "JSON, by stage: date, device, commit, versions, and hashes of what was read.",
    )
}
SAMPLES = {
    "{view}/sample_id": Item(
        "text", "Ids of the view's samples: of images, or of instances where each has a crop.", "(samples)"
    )
}


@contextmanager
def create_shard(path: str | Path, attributes: Mapping[str, Any], environment: Environment) -> Iterator[h5py.File]:
    """Open a shard for writing; it appears under its name when the block ends without an error.

    Parameters
    ----------
    environment
        What it is made with, see :mod:`semlens.storage.environment`; stored as JSON when the block ends.
    """
    with (
        write_atomically(path) as partial,
        h5py.File(partial, "w", libver=("v110", "v110"), locking=False) as file,
    ):
        for name, value in attributes.items():
            file.attrs[name] = _fix_length(value)
        yield file
        file.attrs["environment"] = _fix_length(json.dumps(environment))


def write_array(file: h5py.File, key: str, values: np.ndarray | Sequence[str] | Sequence[int]) -> None:
    """Write a whole dataset of numbers or texts."""
    values = np.asarray(_fix_length(values))
    chunk = (1, *values.shape[1:]) if values.ndim > 1 else values.shape
    file.create_dataset(key, data=values, chunks=chunk, fletcher32=True)


def write_samples(file: h5py.File, key: str, start: int, values: np.ndarray, *, total: int) -> None:
    """Write samples ``start`` onwards of a dataset of ``total`` samples, one chunk per sample.

    Parameters
    ----------
    values
        (batch, ...) of the dataset's samples.
    """
    if key not in file:
        shape = values.shape[1:]
        file.create_dataset(key, shape=(total, *shape), dtype=values.dtype, chunks=(1, *shape), fletcher32=True)
    dataset = file[key]
    dataset[start : start + len(values)] = values
    dataset.flush()  # what fails only when HDF5 closes its files may end the process, and its reason is lost


def _fix_length(value: Any) -> Any:
    """Return texts as UTF-8 of one length, and all else as it is."""
    if isinstance(value, str):
        return np.array(value.encode(), dtype=h5py.string_dtype("utf-8", max(len(value.encode()), 1)))
    if isinstance(value, Sequence) and value and all(isinstance(text, str) for text in value):
        encoded = [text.encode() for text in value]
        return np.array(encoded, dtype=h5py.string_dtype("utf-8", max(1, *map(len, encoded))))
    return value
