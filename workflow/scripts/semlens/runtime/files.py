"""Files that appear whole or not at all, and that are made anew where something else has spoiled them."""

import errno
import fcntl
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import IO

from semlens.runtime.logs import log

SNAKEMAKE_TIMESTAMP = ".snakemake_timestamp"  # in every folder that a rule makes


_OF_CONTENT = (None, errno.EINVAL, errno.EOVERFLOW)  # error numbers that a wrong offset in a file leads to as well


_ABANDONED_AFTER = 24 * 3600  # seconds without a write after which another machine's file counts as abandoned


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Give a name beside ``path`` to write under; what was written becomes ``path`` if the block ends well.

    It is on the disk by then. Each process writes under a name of its own, so that two never mix, and first removes
    what killed ones left of the same file.
    """
    path = Path(path)
    for left in path.parent.glob(f".{escape(path.name)}.*.partial"):
        if _is_abandoned(left, path.name):
            with suppress(OSError):
                left.unlink()
    partial = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(path)


@contextmanager
def quarantine_if_corrupt(path: str | Path) -> Iterator[None]:
    """Wrap the decoding of an artefact: one that cannot be decoded is set aside, so that the next run makes it anew.

    An error of the system (no memory, no file handle, a broken disk or network) says nothing about what the artefact
    holds: it passes, and the artefact stays.

    Raises
    ------
    ValueError
        Naming the artefact, where it is now, and the way out.
    """
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if getattr(error, "errno", None) not in _OF_CONTENT:
            raise
        path = Path(path)
        aside = path.with_name(f"{path.name}.corrupt")
        with suppress(OSError):
            path.replace(aside)
        if aside.exists() and not path.exists():  # another thread may have been first
            way_out = f"it is now called {aside.name}; run again, and only {path.name} will be made anew"
        else:
            way_out = "delete it and run again, only it will be made anew"
        raise ValueError(f"{path} is corrupt ({error}); {way_out}") from error


@contextmanager
def create_folder(path: str | Path) -> Iterator[Path | None]:
    """Give a folder to fill, which becomes ``path`` if the block ends well; None where ``path`` is there already.

    For folders whose name says what is in them: what is there is right, whoever made it. Who wants to make the same
    waits for the block's end, and is given None.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path.with_name(f".{path.name}.lock")):
        if _holds_files(path):
            log.info("%s is there: another run made it", path)
            yield None
            return
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as temporary:
            folder = Path(temporary, path.name)
            folder.mkdir()
            yield folder
            if path.is_dir():
                (path / SNAKEMAKE_TIMESTAMP).unlink(missing_ok=True)
            try:
                folder.rename(path)
            except OSError:
                if not _holds_files(path):  # a file system without locks, and another run was faster
                    raise


def link_files(files: Mapping[str, Path], folder: str | Path) -> None:
    """Fill a folder with links to files.

    Parameters
    ----------
    files
        By the name of the link.

    Raises
    ------
    FileNotFoundError
        Naming the file that is not there.
    """
    for name, file in files.items():
        if not file.is_file():
            raise FileNotFoundError(f"{file} does not exist")
        Path(folder, name).symlink_to(file.resolve())


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a file that is there as long as somebody holds it. Where a file system has no locks, everybody does."""
    while True:
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("%s: another run is making this; waiting for it", path)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                log.info("%s cannot be locked: %s", path, error)
            if not _is_at(file, path):  # who had it has removed it
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_at(file: IO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(file.name != SNAKEMAKE_TIMESTAMP for file in folder.iterdir())


def _is_abandoned(partial: Path, name: str) -> bool:
    """Whether nobody writes a partial file any more: its process is gone, or of another machine and long silent."""
    host, _, process = partial.name.removeprefix(f".{name}.").removesuffix(".partial").rpartition(".")
    if host == socket.gethostname() and process.isdigit():
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return False
    try:
        return time.time() - partial.stat().st_mtime > _ABANDONED_AFTER
    except FileNotFoundError:
        return False
