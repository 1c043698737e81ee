"""Digests of a user's files: whether what a job reads was replaced, at the cost of one status per file."""

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path


def digest_files(paths: Iterable[str | Path]) -> str:
    """Return a digest of names, sizes and modification times of files, and of all files in folders.

    Nothing is read. A file that is put in place with an older time is noticed, because times are compared for
    equality. What does not exist counts as such.
    """
    digest = hashlib.sha256()
    for path in sorted(map(str, paths)):
        digest.update(_digest(path).encode())
    return digest.hexdigest()


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
