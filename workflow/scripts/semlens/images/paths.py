"""Where an annotated image lies: apart from reading it, because the readers of annotations need only this."""

from pathlib import Path, PurePosixPath


def find_image(folder: str | Path, file: str) -> Path:
    """Return the place of an annotated image.

    Raises
    ------
    ValueError
        If ``file`` (it comes from the annotations) points out of ``folder``.
    """
    parts = PurePosixPath(file)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"image file name {file!r} points out of the dataset folder {folder}")
    return Path(folder) / parts
