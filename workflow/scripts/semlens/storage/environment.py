"""What an artefact was made with: when, on which device, by which versions; stage by stage."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from semlens.runtime.version import VERSION, find_commit

PACKAGES = ("torch", "diffusers", "transformers", "pillow", "h5py", "numpy", "scipy", "pandas", "pyarrow")

Environment = dict[str, dict[str, Any]]  # by stage: date, device, commit, versions by package, what was read


def describe_environment(
    stage: str, device: str = "cpu", read: Mapping[str, Mapping[str, Any]] | None = None
) -> Environment:
    """Return date, device, commit, and the versions of semlens and of the packages that are installed here.

    Parameters
    ----------
    read
        What the stage reads, such as :func:`semlens.models.part_hashes.describe_parts`: recorded with the rest.
    """
    date = datetime.now(UTC).isoformat(timespec="seconds")
    made = {"date": date, "device": device, "commit": find_commit(), "semlens": VERSION, **_list_versions()}
    return {stage: made | dict(read or {})}


def _list_versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
