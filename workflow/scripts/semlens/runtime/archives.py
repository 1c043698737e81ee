"""From a zip or tar archive to the files in it that are wanted, and to nothing else."""

import errno
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from semlens.runtime.logs import log, show_progress

_CHUNK = 2**20


_MOST = 100  # times the archive's own size; images and annotations take a tenth of that


_ZIP_END = 22 + 2**16 + 20  # bytes in which the end of a zip stands: itself, a comment, and what leads to a long one


_IMPOSSIBLE = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EILSEQ, errno.EINVAL)


_MOST_MEMBERS = 10**6


_MOST_LISTED = (
    2**26
)  # bytes of a zip's list of members, which is read at once; a million of them, or fewer of long names


_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


class _Member(NamedTuple):
    name: str
    bytes: int
    is_folder: bool
    is_file: bool
    is_encrypted: bool
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
        If the archive is truncated or corrupt, encrypted, lacks something of ``keep``, has more members than any
        dataset, or would write elsewhere, anything but plain files, names that no file can have, or far more than its
        size suggests.
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
            with _create(archive, member, Path(temporary)) as file, _reading(archive), member.open() as content:
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
        if member.is_encrypted:
            raise ValueError(f"archive {archive} is encrypted; unpack it yourself, and name the folder as 'folder'")
    total, most = sum(member.bytes for member in chosen.values()), _MOST * archive.stat().st_size
    if total > most:
        raise ValueError(f"archive {archive} is refused: it would unpack to {total} bytes, over {_MOST} times its size")
    return list(chosen.values())


@contextmanager
def _create(archive: Path, member: _Member, folder: Path) -> Iterator[IO[bytes]]:
    out = folder / member.name
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        file = out.open("wb")
    except OSError as error:
        if error.errno not in _IMPOSSIBLE:
            raise
        raise ValueError(
            f"archive {archive} is refused: no file can have the name of its member {member.name[:80]!r} "
            f"({error.strerror})"
        ) from None
    with file:
        yield file


@contextmanager
def _members(archive: Path) -> Iterator[list[_Member]]:
    with archive.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    if is_zip and _measure_list(archive) > _MOST_LISTED:
        raise ValueError(_describe_crowd(archive))
    with _reading(archive):
        opened = zipfile.ZipFile(archive) if is_zip else tarfile.TarFile(archive)
    with opened:
        with _reading(archive):
            members = _zip_members(opened) if is_zip else _tar_members(opened)
        if len(members) > _MOST_MEMBERS:
            raise ValueError(_describe_crowd(archive))
        yield members


def _describe_crowd(archive: Path) -> str:
    return f"archive {archive} is refused: it has over {_MOST_MEMBERS} members"


def _measure_list(archive: Path) -> int:
    """Return how many bytes a zip's list of members has, as its end says (APPNOTE.TXT, sections 4.3.14 to 4.3.16)."""
    with archive.open("rb") as file:
        file.seek(-min(archive.stat().st_size, _ZIP_END), os.SEEK_END)
        tail = file.read()
        end = tail.rfind(b"PK\5\6")
        size = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
        if size < 2**32 - 1:
            return size
        locator = tail.rfind(b"PK\6\7", 0, end)
        place = int.from_bytes(tail[locator + 8 : locator + 16], "little")
        if locator < 0 or place > archive.stat().st_size:
            return 0  # broken, as zipfile will say
        file.seek(place + 40)
        return int.from_bytes(file.read(8), "little")


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
                is_encrypted=bool(info.flag_bits & 1),
                open=lambda info=info: archive.open(info),
            )
        )
    return members


def _tar_members(archive: tarfile.TarFile) -> list[_Member]:
    members = [
        _Member(info.name, info.size, info.isdir(), info.isfile(), False, lambda info=info: archive.extractfile(info))
        for info in islice(archive, _MOST_MEMBERS + 1)
    ]
    if len(members) > _MOST_MEMBERS:
        return members
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
