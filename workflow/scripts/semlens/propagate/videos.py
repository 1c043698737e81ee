"""Videos of a dataset: all frames, and the objects of each."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from semlens.select.formats import load_format

MIN_FRAMES = 3  # the first and the last are not judged


def list_frames(format: str, folder: str | Path, sequence: str) -> tuple[pd.DataFrame, Iterator[np.ndarray]]:
    """Return the frames of a video, as readers take them, and the objects of each as they are asked for.

    Raises
    ------
    FileNotFoundError, ValueError
        If the video is not there, has fewer than ``MIN_FRAMES`` frames, or its first frame shows no object.
    """
    reader = load_format(format)
    frames = reader.list_frames(folder, sequence)
    if len(frames) < MIN_FRAMES:
        raise ValueError(f"sequence {sequence!r} has {len(frames)} frames; {MIN_FRAMES} are needed to judge one")
    masks = reader.read_masks(frames)
    first = next(masks)
    if not first.any():
        raise ValueError(f"the first frame of sequence {sequence!r} shows no object, so there is no mask to propagate")
    height, width = first.shape
    table = pd.DataFrame([{"image_id": one.image_id, "file": one.file, "frame": one.frame} for one in frames])
    return table.assign(width=width, height=height), chain([first], masks)
