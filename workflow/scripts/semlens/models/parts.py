"""TODO."""

from collections.abc import Sequence
from pathlib import Path


def find_part(given: str | Path | Sequence[str | Path], name: str) -> Path:
    """Return the folder of a model's part (unet, vae, ...), given itself, by its files, or by the model's folder."""
    first = Path(given if isinstance(given, str | Path) else given[0])
    if first.is_file():
        return first.parent
    return first / name if (first / name).is_dir() else first
