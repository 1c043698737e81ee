"""From a zip or tar archive to the files in it that are wanted, and to nothing else."""

import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from semlens.runtime.logs import log, show_progress

_CHUNK = 2**20


_MOST = 100  # times the archive's own size; images and annotations take a tenth of that


_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


class _Member(NamedTuple):
    name: str
    bytes: int
    is_folder: bool
    is_file: bool
    open: Callable[[], IO[bytes]]


def compile_wanted(keep: Sequence[str], sequences: Sequence[str]) -> list[str]:
    """Return ``keep`` with one entry per video where an entry names ``{sequence}``."""
    return [
        path
        for entry in keep
        for path in ([entry.format(sequence=name) for name in sequences] if "{sequence}" in entry else [entry])
    ]


def unpack(archive: str | Path, folder: str | Path, keep: Sequence[str]) -> None:
    """Write the files and folders ``keep`` of a zip or tar archive into ``folder``.

    What lies uppermost in the archive appears in ``folder`` with all of its content, or not at all.

    Raises
    ------
    FileExistsError
        If it is there already.
    ValueError
        If the archive is truncated or corrupt, lacks something of ``keep``, or would write elsewhere, anything but
        plain files, or far more than its size suggests.
    """
    archive, folder = Path(archive), Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary,
        _members(archive) as members,
    ):
        chosen = _choose(archive, members, keep)
        tops = sorted({PurePosixPath(member.name).parts[0] for member in chosen})
        for there in (folder / top for top in tops):
            if there.is_file() or (there.is_dir() and any(there.iterdir())):
                raise FileExistsError(f"{there} is there already; remove it to unpack {archive} again")
        for member in show_progress(chosen, total=len(chosen), what=archive.name, unit="file"):
            out = Path(temporary, member.name)
            out.parent.mkdir(parents=True, exist_ok=True)
            with _reading(archive), member.open() as content, out.open("wb") as file:
                _copy(content, file, member.bytes)
        folder.mkdir(exist_ok=True)
        for top in tops:
            Path(temporary, top).rename(folder / top)
    log.info("%s: unpacked %d files, %d bytes", archive, len(chosen), sum(member.bytes for member in chosen))


def _choose(archive: Path, members: list[_Member], keep: Sequence[str]) -> list[_Member]:
    for member in members:
        if member.name.startswith("/") or ".." in PurePosixPath(member.name).parts:
            raise ValueError(f"archive {archive} is refused: its member {member.name!r} would be written elsewhere")
    kept = {entry: [member for member in members if PurePosixPath(member.name).is_relative_to(entry)] for entry in keep}
    if empty := [entry for entry, found in kept.items() if not any(member.is_file for member in found)]:
        raise ValueError(f"archive {archive} has no {', '.join(empty)}; is it the right one?")
    chosen = {member.name: member for found in kept.values() for member in found if not member.is_folder}
    for member in chosen.values():
        if not member.is_file:
            raise ValueError(f"archive {archive} is refused: its member {member.name!r} is a link or device")
    total, most = sum(member.bytes for member in chosen.values()), _MOST * archive.stat().st_size
    if total > most:
        raise ValueError(f"archive {archive} is refused: it would unpack to {total} bytes, over {_MOST} times its size")
    return list(chosen.values())


@contextmanager
def _members(archive: Path) -> Iterator[list[_Member]]:
    with archive.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    with _reading(archive):
        opened = zipfile.ZipFile(archive) if is_zip else tarfile.TarFile(archive)
    with opened:
        with _reading(archive):
            members = _zip_members(opened) if is_zip else _tar_members(opened)
        yield members


def _zip_members(archive: zipfile.ZipFile) -> list[_Member]:
    members = []
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the packer's system had none
        members.append(
            _Member(
                name=info.filename,
                bytes=info.file_size,
                is_folder=info.is_dir(),
                is_file=not info.is_dir() and kind in (0, stat.S_IFREG),
                open=lambda info=info: archive.open(info),
            )
        )
    return members


def _tar_members(archive: tarfile.TarFile) -> list[_Member]:
    members = [
        _Member(info.name, info.size, info.isdir(), info.isfile(), lambda info=info: archive.extractfile(info))
        for info in archive.getmembers()
    ]
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile takes any bad header for the end
        raise EOFError("its end is missing")
    return members


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise ValueError(
            f"archive {archive} is truncated or corrupt ({error}); remove it to download it again"
        ) from error


def _copy(content: IO[bytes], file: IO[bytes], size: int) -> None:
    """Copy ``size`` bytes, whatever more there may be."""
    while size:
        chunk = content.read(min(size, _CHUNK))
        if not chunk:
            raise EOFError("a member ends early")
        file.write(chunk)
        size -= len(chunk)
