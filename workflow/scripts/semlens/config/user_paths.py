"""Paths that a configuration names, as a user writes them: with ``~``, ``$HOME``, relative to it, or oddly named."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from semlens.config.schema import Config

_PLACES = {  # of paths, in the entries of a kind
    "datasets": [("source", "folder"), ("list", "file")],
    "models": [("source", "folder"), ("source", "file", "path"), ("source", "file", "config")],
}
_TOP = ("registry", "reference_results")
_LINKS = Path(".snakemake", "links")
_ODD = re.compile(r"[{}<>]")  # what Snakemake takes for a wildcard or a path variable
_VARIABLE = re.compile(r"\$(\w+|\{\w+\})")


def resolve_paths(config: Config, files: Sequence[str]) -> None:
    """Replace every path of a configuration, in place, by what it means.

    ``~`` and variables of the environment are filled in. A relative path is one of the working directory. If nothing is
    there, it is one beside the configuration file.

    Parameters
    ----------
    files
        The files that the configuration was read from, of which a later one is asked first.

    Raises
    ------
    ValueError
        Naming the entry and the variable that is not set.
    """
    folders = [Path(file).parent.resolve() for file in reversed(files)]
    for where, entry, key in _find_paths(config):
        entry[key] = _resolve(where, entry[key], folders)


def _find_paths(config: Config) -> Iterator[tuple[str, Config, str]]:
    yield from ((key, config, key) for key in _TOP if key in config)
    for kind, places in _PLACES.items():
        for name, entry in config[kind].items():
            for *parents, key in places:
                inner = entry
                for parent in parents:
                    inner = inner.get(parent, {})
                if key in inner and isinstance(inner[key], str):
                    yield f"{kind}.{name}.{'.'.join(parents)}.{key}", inner, key


def _resolve(where: str, path: str, folders: Sequence[Path]) -> str:
    full = os.path.expandvars(os.path.expanduser(path))  # noqa: PTH111, a path that is none stays as it is
    for text in (full, path):
        for place in (text, *(str(folder / text) for folder in folders)):
            if Path(place).exists():
                return place
    if unset := _VARIABLE.search(full):
        raise ValueError(f"{where}: {unset[0]} of {path!r} is not set in this environment")
    return full


def link_if_odd(path: str) -> str:
    """Return a path that Snakemake takes as it is: itself, or one by a link in ``.snakemake`` to what is oddly named.

    Files of one folder stay together where the folder alone is.
    """
    if not _ODD.search(path):
        return path
    full = Path(path).absolute()
    odd = full if _ODD.search(full.name) else full.parent
    link = _LINKS / (hashlib.sha256(str(odd).encode()).hexdigest()[:12] + _ODD.sub("", odd.suffix))
    link.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        link.symlink_to(odd)
    return str(link / full.relative_to(odd))
