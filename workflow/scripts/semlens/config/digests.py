"""Digests of a user's files: whether what a job reads was replaced, at the cost of one status per file."""

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from semlens.config.plan import get_reader_options
from semlens.config.schema import Config
from semlens.select.formats import load_format


def digest_files(paths: Iterable[str | Path]) -> str:
    """Return a digest of names, sizes and modification times of files, and of all files in folders.

    Nothing is read. A file that is put in place with an older time is noticed, because times are compared for equality.
    What does not exist counts as such. Artefacts of the workflow, which begin with ``<``, are left out.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in map(str, paths) if not path.startswith("<")):
        digest.update(_digest(path).encode())
    return digest.hexdigest()


def digest_dataset(dataset: Config, what: str) -> str | None:
    """Return a digest of what a format's reader reads in a user's folder; None for datasets that rules make.

    Parameters
    ----------
    dataset
        Its entry in the configuration.
    what
        ``annotations`` or ``images``.
    """
    folder = dataset["source"].get("folder")
    if folder is None:
        return None
    layout = load_format(dataset["format"])
    list_paths = {"annotations": layout.list_annotation_files, "images": layout.list_image_folders}[what]
    return digest_files(list_paths(folder, **get_reader_options(dataset)))


@cache
def _digest(path: str) -> str:
    digest = hashlib.sha256(path.encode())
    if Path(path).is_dir():
        for folder, folders, names in os.walk(path, followlinks=True):
            folders.sort()
            for name in sorted(names):
                _add_status(digest, os.path.join(folder, name))  # noqa: PTH118, called 100,000 times
    else:
        _add_status(digest, path)
    return digest.hexdigest()


def _add_status(digest: "hashlib._Hash", path: str) -> None:
    try:
        status = os.stat(path)  # noqa: PTH116, called 100,000 times
        digest.update(f"{path}/{status.st_size}/{status.st_mtime_ns}\n".encode())
    except FileNotFoundError:
        digest.update(f"{path} is not there\n".encode())
