"""semlens: where in a pre-trained vision model does the meaning of objects live?

The library behind the workflow, and what a notebook needs of it. Rooms, from the ground up: runtime and images;
storage; models and select; config and extract; compare; statistics; draw; report and results. An import never runs
back up.
"""

from importlib import import_module
from typing import Any

# What a notebook needs. Each is imported when it is first used, so that a job imports only what it runs.
_PUBLIC = {
    "open_run": "semlens.results.run",
    "to_fiftyone": "semlens.results.fiftyone_export",
    "list_layers": "semlens.models.backbones",
    "capture": "semlens.models.capture",
    "pair_distances": "semlens.compare.metrics",
}
__all__ = ["__version__", *_PUBLIC]  # noqa: F822, it comes from __getattr__


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("semlens.runtime.version").VERSION
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'semlens' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
