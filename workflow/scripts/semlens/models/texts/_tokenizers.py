"""Tokenizers from local files, and what is missing where they cannot be read."""

from pathlib import Path
from typing import Any

from semlens.models.loading import require_file

PIECES = "spiece.model"  # which transformers reads with sentencepiece and protobuf


def load_tokenizer(kind: type, folder: str | Path, *files: str) -> Any:
    """Return a tokenizer of transformers, from ``tokenizer.json`` alone or from other files.

    Parameters
    ----------
    kind
        Its class.
    files
        What is read where there is no ``tokenizer.json``.

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the folder, if a file is missing or cannot be read.
    """
    folder = Path(folder)
    if not (folder / "tokenizer.json").is_file():
        for name in files or ["tokenizer.json"]:
            require_file(folder / name, "tokenizer")
    try:
        return kind.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the tokenizer in {folder} cannot be loaded: {error}") from error
