"""HDF5 shards: written at once or not at all, self-describing, read with errors that name the file."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from semlens.runtime.files import quarantine_if_corrupt, write_atomically

_VERSION = "version_"  # begins names of attributes


class Batch(NamedTuple):
    """Samples of a view that are read together, and what layers say of them: a U-Net's, or those of a shard."""

    view: str
    start: int  # the place of the first among the view's samples
    ids: list[str]
    passes: Iterable[tuple[int, str, Any]]  # timestep, layer, maps (batch, channels, height, width)


@contextmanager
def create_shard(path: str | Path, attributes: Mapping[str, Any]) -> Iterator[h5py.File]:
    """Open a shard for writing; it appears under its name when the block ends without an error."""
    with write_atomically(path) as partial, h5py.File(partial, "w") as file:
        file.attrs.update(attributes)
        file.attrs.update({f"{_VERSION}{package}": which for package, which in list_versions().items()})
        yield file


def list_versions(file: h5py.File | None = None) -> dict[str, str]:
    """Return the versions of packages that made a shard, or that would make one here."""
    if file is None:
        return {package: version(package) for package in ("torch", "diffusers", "transformers", "pillow", "h5py")}
    return {name.removeprefix(_VERSION): value for name, value in file.attrs.items() if name.startswith(_VERSION)}


def write_samples(file: h5py.File, key: str, start: int, values: np.ndarray, *, total: int) -> None:
    """Write samples ``start`` onwards of a dataset of ``total`` samples, one checksummed chunk per sample.

    Parameters
    ----------
    values
        (batch, ...) of the dataset's samples.
    """
    if key not in file:
        shape = values.shape[1:]
        file.create_dataset(key, shape=(total, *shape), dtype=values.dtype, chunks=(1, *shape), fletcher32=True)
    file[key][start : start + len(values)] = values


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
