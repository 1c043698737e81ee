"""Lists of classes that labelling tools write beside masks in VOC's layout."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from semlens.select.class_names import LABEL_LISTS, VOC_CLASSES

_BACKGROUND = ("background", "_background_", "__background__")
_IGNORED = ("__ignore__", "_ignore_")


class LabelList(NamedTuple):
    """The class of each label, and (labels, 3) colours if the list names them."""

    classes: dict[int, str]
    colours: np.ndarray | None


def read_label_list(folder: Path) -> tuple[LabelList, Path | None]:
    """Return the first list that a folder has, and its path; VOC's own classes if it has none.

    ``labelmap.txt`` has lines ``name:red,green,blue::``, as CVAT writes them, the others a name in each line, with or
    without the background.

    Raises
    ------
    ValueError
        Naming the file and the line that is wrong.
    """
    path = next((folder / name for name in LABEL_LISTS if (folder / name).is_file()), None)
    if path is None:
        return LabelList(dict(enumerate(VOC_CLASSES, start=1)), None), None
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#") and line not in _IGNORED]
    if path.name != "labelmap.txt":
        names = [line for line in lines if line.lower() not in _BACKGROUND]
        return LabelList(dict(enumerate(names, start=1)), None), path
    classes, colours = {}, [[0, 0, 0]]
    for line in lines:
        name, _, rest = line.partition(":")
        try:
            colour = [int(level) for level in rest.split(":")[0].split(",")]
            if not name or len(colour) != 3 or not all(0 <= level <= 255 for level in colour):
                raise ValueError
        except ValueError:
            raise ValueError(f"{path}: line {line!r} is not name:red,green,blue:parts:actions") from None
        if name.lower() not in _BACKGROUND:
            classes[len(colours)] = name
            colours.append(colour)
    return LabelList(classes, np.array(colours, np.uint8)), path
