"""Which bytes a model's part had when it was read: hashes of its files, noted once and believed while they fit."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semlens.models.parts import PARTS
from semlens.runtime.files import SNAKEMAKE_TIMESTAMP

_NOTE = "sha256.json"


def note_hashes(folder: str | Path, origin: str = "") -> dict[str, str]:
    """Write the SHA-256 of every file of a part's folder, with its size and time, beside them; return the hashes.

    Parameters
    ----------
    origin
        What the files are a copy of, such as a commit of a hub.
    """
    hashes, statuses = {}, {}
    for path in _list_files(folder):
        statuses[path.name] = _get_status(path)
        with path.open("rb") as file:
            hashes[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    noted = {name: {"sha256": hashes[name], "status": statuses[name]} for name in hashes}
    note = json.dumps({"origin": origin, "files": noted}, indent=1)
    Path(folder, _NOTE).write_text(note, encoding="utf-8")
    return hashes


def describe_parts(folders: Mapping[str, str | Path]) -> dict[str, Any]:
    """Return ``parts``, the SHA-256 of every file by part and name, and ``origins`` by part, where they are known.

    Raises
    ------
    ValueError
        If a file was replaced since its hash was noted, or is gone.
    """
    notes = {part: _read_note(Path(folder)) for part, folder in folders.items()}
    return {
        "parts": {part: {name: file["sha256"] for name, file in note["files"].items()} for part, note in notes.items()},
        "origins": {part: note["origin"] for part, note in notes.items() if note["origin"]},
    }


def list_folders(inputs: Mapping[str, Any]) -> dict[str, Path]:
    """Return the folders of those parts that a job was given, by name, but for those that a model of the hub lacks."""
    folders = {part: Path(inputs.get(part)) for part in PARTS if inputs.get(part)}
    return {part: folder for part, folder in folders.items() if _list_files(folder)}


def _read_note(folder: Path) -> dict[str, Any]:
    if not Path(folder, _NOTE).is_file():
        return {"origin": "", "files": {}}
    note = json.loads(Path(folder, _NOTE).read_text(encoding="utf-8"))
    for name, noted in note["files"].items():
        path = folder / name
        if not path.is_file():
            raise ValueError(
                f"{path.resolve()}, which was read as {path}, is gone; put it back, or delete {folder} and run again"
            )
        if _get_status(path) != noted["status"]:
            raise ValueError(
                f"{path.resolve()} was replaced while this run read the model; run again to read the new one"
            )
    return note


def _list_files(folder: str | Path) -> list[Path]:
    names = (_NOTE, SNAKEMAKE_TIMESTAMP)
    return sorted(path for path in Path(folder).iterdir() if path.is_file() and path.name not in names)


def _get_status(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
