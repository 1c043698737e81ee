"""Which code decides what a job makes: a script, and all modules of this repository that it imports.

The list is a job's code input, so that an edit reruns exactly the jobs that run it. Modules of ``semlens/runtime`` are
left out: they cannot change a number. A variant that is loaded by its name (a format, a metric, a view, a backbone) is
seen by no import; the rule names its file.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

RUNTIME = Path("semlens", "runtime")


@cache
def list_sources(scripts: Path, *files: str) -> list[Path]:
    """Return the files and every module below ``scripts`` that they import, directly or not, sorted.

    Parameters
    ----------
    scripts
        The folder of the scripts and the library.
    files
        Relative to ``scripts``: the script of a rule, and the variants that its job loads by name.

    Raises
    ------
    FileNotFoundError
        If one of ``files`` is not there.
    """
    found: set[Path] = set()
    queue = {scripts / file for file in files}
    while queue:
        found |= queue
        queue = set().union(*(_list_imports(path, scripts) for path in queue)) - found
    return sorted(found)


@cache
def _list_imports(path: Path, scripts: Path) -> set[Path]:
    """Return the modules that a module imports itself, and the ``__init__`` of every package on the way to them."""
    package = path.relative_to(scripts).parent.parts
    names = {package} if package else set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = (*above, *(node.module.split(".") if node.module else ()))
            names |= {module, *((*module, alias.name) for alias in node.names)}
    files = {file for name in names for file in _find_files(name, scripts)}
    return {file for file in files if not file.is_relative_to(scripts / RUNTIME)}


def _find_files(name: tuple[str, ...], scripts: Path) -> Iterator[Path]:
    """Yield the file of a module, if it is one of ours, and the ``__init__`` of every package that holds it."""
    for end in range(1, len(name) + 1):
        place = scripts.joinpath(*name[:end])
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file():
                yield file
