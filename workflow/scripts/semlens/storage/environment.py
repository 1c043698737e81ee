"""What an artefact was made with: when, on which device, by which versions; stage by stage."""

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from semlens.runtime.version import VERSION, find_commit

PACKAGES = ("torch", "diffusers", "transformers", "pillow", "h5py", "numpy", "scipy", "pandas", "pyarrow")

Environment = dict[str, dict[str, str]]  # by stage: date, device, commit, and versions by package


def describe_environment(stage: str, device: str = "cpu") -> Environment:
    """Return date, device, commit, and the versions of semlens and of the packages that are installed here."""
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {stage: {"date": date, "device": device, "commit": find_commit(), "semlens": VERSION, **_list_versions()}}


def _list_versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
