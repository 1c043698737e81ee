"""Whose a folder of results is, and whether it can be told what in it is up to date: asked before anything runs."""

import json
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from semlens.config.schema import Config
from semlens.runtime.files import write_atomically

_RECORD = "configuration.json"
_SECTIONS = ("models", "datasets", "experiments")
_SKEW = 300  # seconds by which the clocks of a computer and of its file server may differ


def check_results(results: str | Path, config: Config, files: Sequence[str]) -> None:
    """Refuse results of another configuration, and results whose times say nothing.

    The same configuration file may be edited. Another one may add to what the first asks, not change it.

    Parameters
    ----------
    results
        The folder.
    config
        The configuration, checked and filled in.
    files
        The files that it comes from.

    Raises
    ------
    ValueError
        With the way out.
    """
    if newest := _find_future(Path(results)):
        path, when = newest
        raise ValueError(
            f"{path} is dated {datetime.fromtimestamp(when):%Y-%m-%d %H:%M}, which is in the future: what has changed "
            f"since it was made cannot be seen. Set the clock right; then either delete what is dated in the future, "
            f"or give it today's date: find {results} -newermt now -exec touch {{}} +"
        )
    record = Path(results, _RECORD)
    if not record.is_file():
        return
    owner = json.loads(record.read_text(encoding="utf-8"))
    if owner["files"] == _resolve(files):
        return
    for section in _SECTIONS:
        for name, entry in owner[section].items():
            if config[section].get(name) != entry:
                lost = "is another one" if name in config[section] else "is not"
                raise ValueError(
                    f"{results} was made by another configuration, {' and '.join(owner['files'])}. Its {section} have "
                    f"{name!r}; in this one it {lost}. Give this one a folder of its own, such as 'pathvars: "
                    f"{{results: results/mine}}'; or delete {record} to let it take over"
                )


def record_owner(results: str | Path, config: Config, files: Sequence[str]) -> None:
    """Write which configuration a folder of results belongs to."""
    record = {"files": _resolve(files), **{section: config[section] for section in _SECTIONS}}
    Path(results).mkdir(parents=True, exist_ok=True)
    with write_atomically(Path(results, _RECORD)) as file:
        file.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")


def find_unrecorded(results: str | Path, records: str | Path) -> list[str]:
    """Return the indexes of datasets that Snakemake has no record of, as if another computer had made them.

    Parameters
    ----------
    records
        The folder in which Snakemake notes how each file was made.
    """
    known = {path.name for path in Path(records).glob("*")}
    made = [str(path) for path in sorted(Path(results, "index").glob("*.parquet"))]
    return [path for path in made if urlsafe_b64encode(path.encode()).decode() not in known]


def _resolve(files: Sequence[str]) -> list[str]:
    return [str(Path(file).absolute()) for file in files]


def _find_future(results: Path) -> tuple[str, float] | None:
    """Return the file of the latest date, and this date, if it is to come."""
    latest = max(
        ((os.stat(path).st_mtime, path) for path in _walk(results)),  # noqa: PTH116, called 100,000 times
        default=(0.0, ""),
    )
    return (latest[1], latest[0]) if latest[0] > time.time() + _SKEW else None


def _walk(folder: Path) -> list[str]:
    return [
        os.path.join(place, name)  # noqa: PTH118
        for place, folders, names in os.walk(folder)
        for name in names
        if not name.endswith((".log", ".tsv", ".partial"))
    ]
