"""The registry of what the network has: its files by the path that they are kept under, and what needs which."""

from pathlib import PurePosixPath
from typing import Any

Registry = dict[str, Any]


def list_files(registry: Registry) -> dict[str, dict[str, Any]]:
    """Return ``urls``, ``bytes`` and ``sha256`` of every file that is downloaded, by its path below the downloads."""
    single = {
        entry["file"]: {key: entry[key] for key in ("urls", "bytes", "sha256")} for entry in registry["files"].values()
    }
    of_models = {
        f"{name}/{path}": {
            "urls": [
                url.format(repository=model["repository"], revision=model["revision"], path=path)
                for url in model["urls"]
            ],
            **facts,
        }
        for name, model in registry["models"].items()
        for path, facts in model["files"].items()
    }
    return single | of_models


def list_model_files(registry: Registry, model: str, folder: str) -> list[str]:
    """Return the paths of the files that make up one part of a model, by the part's folder (unet, vae, ..., or .)."""
    place = PurePosixPath(folder)
    inside = [path for path in registry["models"][model]["files"] if PurePosixPath(path).parent == place]
    return [f"{model}/{path}" for path in inside]


def list_archives(registry: Registry, dataset: str) -> list[str]:
    """Return the paths of the archives that a dataset is unpacked from."""
    return [registry["files"][name]["file"] for name in registry["datasets"][dataset]["archives"]]
