"""Readers of the official layouts of datasets, one file per format, found by its name.

A format is a module with:

* ``NEEDS``: the keys that a dataset of this format must have, of ``split`` and ``sequences``.
* ``HAS_VIDEOS``: whether its images are frames of videos.
* ``list_annotation_files(folder, splits, sequences)``: files and folders that decide what is annotated.
* ``list_image_folders(folder, splits, sequences)``: folders that hold its images.
* ``read_instances(folder, splits, sequences)``: yields a row per instance, in the dataset's own order, image by image,
  with the columns of ``INSTANCES`` but ``dataset``. Masks are the visible pixels, void excluded, as compressed COCO run
  lengths. Raises FileNotFoundError or ValueError, naming the file or annotation that is missing or not as the format says.

``splits`` is a list of names, ``sequences`` maps a sequence to the class of each object to read. Modules are imported
when the workflow is parsed: they import heavy packages inside their functions.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType


def list_formats() -> list[str]:
    """Return the names of all formats."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def load_format(name: str) -> ModuleType:
    """Return the module of a format.

    Raises
    ------
    ValueError
        If there is no such format, naming those that there are.
    """
    if name not in list_formats():
        raise ValueError(f"unknown format {name!r}; there are {', '.join(list_formats())}")
    return import_module(f"semlens.select.formats.{name}")
