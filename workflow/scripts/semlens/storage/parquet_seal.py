"""A checksum of a Parquet file's footer, which the format does not have: page checksums cover the values alone.

The footer says what columns, types, rows and metadata there are. Just before it, where no reader of Parquet looks,
stand ``MAGIC`` and the first bytes of the footer's SHA-256.
"""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

MAGIC = b"SEMLENS1"
_DIGEST = 8  # bytes
_TAIL = 8  # bytes after the footer: its length, and Parquet's magic


def seal_footer(path: str | Path) -> None:
    """Put the checksum of its footer into a Parquet file."""
    with Path(path).open("rb+") as file:
        footer = _read_footer(file)
        file.seek(-len(footer), os.SEEK_END)
        file.write(MAGIC + _digest(footer) + footer)


def check_footer(path: str | Path) -> None:
    """Compare the footer with its checksum. Files without one, such as those of other programs, are not refused.

    Raises
    ------
    ValueError
        If they differ, or the file is too short to be Parquet.
    """
    with Path(path).open("rb") as file:
        footer = _read_footer(file)
        file.seek(-min(file.tell(), len(footer) + len(MAGIC) + _DIGEST), os.SEEK_END)
        seal = file.read(len(MAGIC) + _DIGEST)
    if seal.startswith(MAGIC) and seal != MAGIC + _digest(footer):
        raise ValueError("its footer has another checksum")


def _read_footer(file: BinaryIO) -> bytes:
    """Return the footer with all that comes after it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(-min(size, _TAIL), os.SEEK_END)
    length = int.from_bytes(file.read(4), "little") + _TAIL
    if length > size:
        raise ValueError("it is cut, or no Parquet file")
    file.seek(-length, os.SEEK_END)
    return file.read()


def _digest(footer: bytes) -> bytes:
    return hashlib.sha256(footer).digest()[:_DIGEST]
