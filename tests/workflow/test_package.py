"""The library as a package: built into a wheel, imported where there is no repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from repository import LIBRARY, ROOT, SCRIPTS, copied

from semlens.runtime.version import VERSION

IMPORT_ALL = """
import pkgutil
import semlens
for module in pkgutil.walk_packages(semlens.__path__, "semlens."):
    __import__(module.name)
print(semlens.__version__, semlens.__file__)
"""

# With a backend and a setting that are not the defaults, after the packages that the library rests on.
LOOK_AROUND = """
import logging, sys, warnings
import diffusers, matplotlib.pyplot, pandera.pandas, seaborn, transformers
matplotlib.use("svg")
matplotlib.rcParams["lines.linewidth"] = 7

def look_around():
    hidden = {name for name, module in sys.modules.items() if module is None}
    return dict(matplotlib.rcParams), list(logging.root.handlers), logging.root.level, list(warnings.filters), hidden

before = look_around()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built offline, by this environment's setuptools, which torch brings."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(copied(folder / "repository"))], check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_library_and_nothing_else(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    library = ROOT / LIBRARY
    assert held == {str(path.relative_to(library.parent)) for path in library.rglob("*.py")}
    assert wheel.name.startswith(f"semlens-{VERSION}-")


@pytest.mark.slow
def test_every_module_of_the_wheel_imports_without_the_repository(wheel, tmp_path):
    """In an empty folder, with nothing else on the path: no module asks for a file that the wheel lacks."""
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(installed)
    program = f"import sys; sys.path.insert(0, {str(installed)!r}){IMPORT_ALL}"
    done = subprocess.run([sys.executable, "-I", "-c", program], cwd=empty, check=True, capture_output=True, text=True)
    version, file = done.stdout.split()
    assert version == VERSION
    assert Path(file).is_relative_to(installed)
    assert not list(empty.iterdir())


@pytest.mark.slow
def test_importing_every_module_changes_nothing_for_others():
    """No backend is chosen, no setting or log changed, no package hidden from the others."""
    program = f"{LOOK_AROUND}{IMPORT_ALL}assert look_around() == before"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / SCRIPTS)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_citation_names_this_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == VERSION
