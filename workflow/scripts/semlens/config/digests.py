"""Digests of what jobs read: whether a user's file was replaced, and names of folders that say what is in them."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from semlens.config.plan import get_reader_options
from semlens.config.schema import Config
from semlens.config.sources import list_sources
from semlens.images.paths import find_image
from semlens.select.formats import load_format

_SMALL = 2**16  # bytes of a file whose content is read
_FEW = 1000  # files of a folder whose content is read


def digest_values(*values: Any) -> str:
    """Return a short digest of values that JSON can hold, for the name of a folder."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def digest_code(scripts: Path, *files: str) -> str:
    """Return a digest of what :func:`semlens.config.sources.list_sources` lists, wherever it lies."""
    digest = hashlib.sha256()
    for path in list_sources(scripts, *files):
        digest.update(f"{path.relative_to(scripts)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def digest_files(paths: Iterable[str | Path]) -> str:
    """Return a digest of files, and of all files in folders.

    A small file counts by its content, and a large one, or one of many in a folder, by its size and modification time.
    A file that is put in place with an older time is noticed, because times are compared for equality. What does not
    exist counts as such. Artefacts of the workflow, which begin with ``<``, count by their names.
    """
    digest = hashlib.sha256()
    for path in sorted(map(str, paths)):
        digest.update((path if path.startswith("<") else _digest(path)).encode())
    return digest.hexdigest()


def digest_annotations(dataset: Config) -> str | None:
    """Return a digest of what decides which instances a user's dataset has; None for datasets that rules make.

    Parameters
    ----------
    dataset
        Its entry in the configuration.
    """
    folder = dataset["source"].get("folder")
    if folder is None:
        return None
    list_files = load_format(dataset["format"]).list_annotation_files
    return digest_files(list_files(folder, **get_reader_options(dataset)))


def digest_images(datasets: Config, manifests: Iterable[str]) -> list[str | None]:
    """Return for each shard a digest of its images in a user's folder; None where a rule makes the dataset.

    It is "unknown" while there is no manifest. Snakemake asks again before the job runs.

    Parameters
    ----------
    datasets
        Of the configuration.
    manifests
        The shards' manifests, each in a folder of the dataset's name.
    """
    return [_digest_images(datasets[Path(path).parent.name]["source"].get("folder"), path) for path in manifests]


def _digest_images(folder: str | None, manifest: str) -> str | None:
    import pyarrow.parquet as parquet

    if folder is None:
        return None
    try:
        files = parquet.read_table(manifest, columns=["file"])["file"].unique().to_pylist()
    except (OSError, ValueError):
        return "unknown"
    digest = hashlib.sha256()
    for file in files:
        digest.update(_describe_file(str(find_image(folder, file)), 0).encode())
    return digest.hexdigest()


@cache
def _digest(path: str) -> str:
    files = list(_list_files(path)) if Path(path).is_dir() else [path]
    limit = _SMALL if len(files) <= _FEW else 0
    return hashlib.sha256("\n".join(_describe_file(file, limit) for file in files).encode()).hexdigest()


def _list_files(path: str) -> Iterator[str]:
    for folder, folders, names in os.walk(path, followlinks=True):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(folder, name)  # noqa: PTH118, called 100,000 times


def _describe_file(path: str, limit: int) -> str:
    """Return name, size, and content up to a limit in bytes or else the time of a file."""
    try:
        status = os.stat(path)  # noqa: PTH116, called 100,000 times
        if status.st_size <= limit:
            return f"{path}/{status.st_size}/{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
        return f"{path}/{status.st_size}/{status.st_mtime_ns}"
    except OSError as error:
        return f"{path}: {error.strerror}"
