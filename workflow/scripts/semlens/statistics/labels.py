"""Who is whose neighbour: the class, image or video, and object of every row of prototypes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from semlens.compare.pairs import get_units


@dataclass(frozen=True)
class Labels:
    """What is known of each of n rows, as codes from 0 on.

    Attributes
    ----------
    class_names, unit_names
        What the codes of ``classes`` and ``units`` stand for.
    units
        Images, or videos where images are frames, see :func:`semlens.compare.pairs.get_units`.
    images, objects
        An object of a video has a row per frame; in still images every row is an object.
    """

    class_names: np.ndarray
    unit_names: np.ndarray
    classes: np.ndarray
    units: np.ndarray
    images: np.ndarray
    objects: np.ndarray

    @classmethod
    def from_rows(cls, rows: pd.DataFrame) -> Self:
        """Take rows with columns ``instance_id``, ``image_id``, ``video``, ``class_name`` and ``identity``."""
        classes, class_names = pd.factorize(rows["class_name"], sort=True)
        unit_of_row = get_units(rows)
        units, unit_names = pd.factorize(unit_of_row)
        objects = unit_of_row + "/" + rows["identity"].fillna(rows["instance_id"]).astype(str)
        images, object_codes = (pd.factorize(values)[0] for values in (rows["image_id"], objects))
        return cls(np.asarray(class_names), np.asarray(unit_names), classes, units, images, object_codes)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.classes)
