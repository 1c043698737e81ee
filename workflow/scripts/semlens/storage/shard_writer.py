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
from semlens.storage.fletcher import seal_chunk


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
        file.flush()  # what fails only when HDF5 closes its files may end the process, and its reason is lost


def write_array(file: h5py.File, key: str, values: np.ndarray | Sequence[str] | Sequence[int]) -> None:
    """Write a whole dataset of numbers or texts."""
    values = np.asarray(_fix_length(values))
    chunk = (1, *values.shape[1:]) if values.ndim > 1 else values.shape
    file.create_dataset(key, data=values, chunks=chunk, fletcher32=True)


class Sealed(NamedTuple):
    """Samples of a dataset as HDF5 stores them, see :func:`semlens.storage.fletcher.seal_chunk`."""

    chunks: Sequence[np.ndarray]
    shape: tuple[int, ...]  # of a sample
    dtype: np.dtype


def write_samples(file: h5py.File, key: str, start: int, samples: np.ndarray | Sealed, *, total: int) -> None:
    """Write samples ``start`` onwards of a dataset of ``total`` samples, one chunk per sample."""
    if not isinstance(samples, Sealed):
        samples = Sealed([seal_chunk(sample) for sample in samples], samples.shape[1:], samples.dtype)
    chunks, shape, dtype = samples
    if key not in file:
        file.create_dataset(key, shape=(total, *shape), dtype=dtype, chunks=(1, *shape), fletcher32=True)
    dataset = file[key].id
    for place, chunk in enumerate(chunks, start):
        dataset.write_direct_chunk((place, *[0] * len(shape)), chunk)


def _fix_length(value: Any) -> Any:
    """Return texts as UTF-8 of one length, and all else as it is."""
    if isinstance(value, str):
        return np.array(value.encode(), dtype=h5py.string_dtype("utf-8", max(len(value.encode()), 1)))
    if isinstance(value, Sequence) and value and all(isinstance(text, str) for text in value):
        encoded = [text.encode() for text in value]
        return np.array(encoded, dtype=h5py.string_dtype("utf-8", max(1, *map(len, encoded))))
    return value
