"""Which bytes a model's part had when it was read: hashes of its files, noted once and believed while they fit."""

import hashlib
import json
from pathlib import Path

from semlens.runtime.files import SNAKEMAKE_TIMESTAMP

_NOTE = "sha256.json"


def note_hashes(folder: str | Path) -> dict[str, str]:
    """Write the SHA-256 of every file of a part's folder, with its size and time, beside them; return the hashes."""
    hashes, statuses = {}, {}
    for path in _list_files(folder):
        statuses[path.name] = _get_status(path)
        with path.open("rb") as file:
            hashes[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    noted = {name: {"sha256": hashes[name], "status": statuses[name]} for name in hashes}
    Path(folder, _NOTE).write_text(json.dumps(noted, indent=1), encoding="utf-8")
    return hashes


def read_hashes(folder: str | Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a part's folder by its name; empty where none were noted.

    Raises
    ------
    ValueError
        If a file was replaced since its hash was noted.
    """
    note = Path(folder, _NOTE)
    if not note.is_file():
        return {}
    noted = json.loads(note.read_text(encoding="utf-8"))
    for path in _list_files(folder):
        if _get_status(path) != noted.get(path.name, {}).get("status"):
            raise ValueError(
                f"{path.resolve()} was replaced while this run read the model; run again to read the new one"
            )
    return {name: entry["sha256"] for name, entry in noted.items()}


def _list_files(folder: str | Path) -> list[Path]:
    names = (_NOTE, SNAKEMAKE_TIMESTAMP)
    return sorted(path for path in Path(folder).iterdir() if path.is_file() and path.name not in names)


def _get_status(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
