"""What has come of a file so far, beside the place where it will be: gone on with, by one process at a time."""

import errno
import fcntl
import hashlib
import os
import socket
from collections.abc import Callable
from io import RawIOBase
from pathlib import Path
from typing import Self

from semlens.runtime.logs import log

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # of file systems without locks


class PartialFile:
    """What has come of a file, under a name beside it, with its hash. Who wants it too waits for the block's end.

    Where a file system has no locks, each process has a name of its own, and goes on with nobody's.
    """

    def __init__(self, out: Path):
        self.path = out.with_name(f".{out.name}.partial")
        self.count: Callable[[int], None] = lambda more: None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = _locked(self.path)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            self.path = self.path.with_suffix(f".{socket.gethostname()}.{os.getpid()}.partial")
            self._file = self.path.open("w+b", buffering=0)
        self._file.seek(0)
        self._digest = hashlib.file_digest(self._file, "sha256")
        self.size = self._file.tell()
        return self

    def __exit__(self, *_: object) -> None:
        if self.size == 0:
            self.path.unlink(missing_ok=True)
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, chunk: bytes) -> None:
        try:
            left = memoryview(chunk)
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(self.size)  # the hash must be that of the file
            raise
        self._digest.update(chunk)
        self.size += len(chunk)
        self.count(len(chunk))

    def restart(self) -> None:
        self.count(-self.size)
        self._file.truncate(0)
        self._digest = hashlib.sha256()
        self.size, self.foreign = 0, False

    def become(self, out: Path) -> None:
        self.path.replace(out)


def _locked(path: Path) -> RawIOBase:
    """Open ``path`` to read and to add to, once nobody else has it open so."""
    while True:
        file = path.open("a+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("%s is being downloaded already; waiting", path)
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:
            pass
        file.close()  # who had it has renamed or removed it
