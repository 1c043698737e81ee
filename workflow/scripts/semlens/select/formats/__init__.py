"""Official layouts of datasets, one file per format, found by its name.

A format's file is a code input only of the datasets that name it: nothing imports it but :func:`load_format`. A file
whose name begins with an underscore holds what readers share, or a reader that its format imports late. The workflow
loads formats when it is parsed: a format's file imports numpy, Pillow and pycocotools inside its reader.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Row = dict[str, Any]  # an instance: the columns of INSTANCES but "dataset"
Sequences = Mapping[
    str, Mapping[int, str]
]  # the class of each object to read, by the video's name and the object's label


@dataclass(frozen=True)
class Frame:
    """One frame of a video, whether it shows an object or not.

    Attributes
    ----------
    image_id, file, frame
        As of an instance: the image's id, its file below the dataset's folder, and its number.
    mask
        The file of its mask.
    """

    image_id: str
    file: str
    frame: int
    mask: Path


@dataclass(frozen=True)
class Format:
    """One format; its file defines it as ``FORMAT``, and the file's name is the format's.

    The functions take the dataset's folder, its splits (empty if the format has none) and its sequences (None if the
    format has none). A reader is also told what to do about EXIF orientations, "apply" or "ignore", for masks that do
    not say which way they lie.

    Attributes
    ----------
    needs
        Keys of the configuration that a dataset of this format must have: ``split``, ``sequences``.
    has_videos
        Whether images are frames of videos.
    list_annotation_files
        Returns the files and folders whose content decides which instances there are.
    read_instances
        Yields a row per instance, image by image in the dataset's own order. A mask has the visible pixels of an
        instance, without void, as compressed COCO run lengths. Raises FileNotFoundError or ValueError, naming the file
        or annotation that is missing or breaks the format.
    list_frames
        Of a format with videos: returns all frames of a video of the dataset's folder, in order. Raises as above.
    read_masks
        Of a format with videos: yields the objects of each of some frames of one video, (height, width) uint8: labels
        as of instances, 0 for all else.
    """

    needs: tuple[str, ...]
    has_videos: bool
    list_annotation_files: Callable[[str, Sequence[str], Sequences | None], list[str]]
    read_instances: Callable[..., Iterator[Row]]
    list_frames: "Callable[[str | Path, str], list[Frame]] | None" = None
    read_masks: "Callable[[Sequence[Frame]], Iterator[np.ndarray]] | None" = None


def list_formats() -> list[str]:
    """Return the names of all formats, without importing them."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


@cache
def load_format(name: str) -> Format:
    """Return a format.

    Raises
    ------
    ValueError
        If there is no such format, naming those that there are.
    """
    if name not in list_formats():
        raise ValueError(f"unknown format {name!r}; there are {', '.join(list_formats())}")
    return import_module(f"{__name__}.{name}").FORMAT
