"""DAVIS: ``DAVIS`` with its lists, frames and masks at 480p. Its objects have no classes: sequences give them.

Both years are read. In DAVIS 2016 a video has one object, which masks mark by 255; it counts as object 1.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semlens.select.formats import Format, Frame, Row, Sequences

if TYPE_CHECKING:
    import numpy as np

_SUFFIXES = (".jpg", ".jpeg", ".png")
_LATEST = 2**31 - 1  # frame


def list_annotation_files(folder: str, splits: Sequence[str], sequences: Sequences) -> list[str]:
    """Return the folder of lists, and the folder of masks of each sequence."""
    masks = [f"{folder}/DAVIS/Annotations/480p/{sequence}" for sequence in sequences]
    return [f"{folder}/DAVIS/ImageSets", *masks]


def read_instances(
    folder: str | Path, splits: Sequence[str], sequences: Sequences, exif: str = "ignore"
) -> Iterator[Row]:
    """Yield the instances of the given objects, frame by frame."""
    from semlens.runtime.logs import show_progress
    from semlens.select.formats._palettes import read_labels
    from semlens.select.formats._rows import encode_mask, list_labels, make_row

    for sequence, classes in sequences.items():
        frames = list_frames(folder, sequence)
        binary, labels = _have_one_object(frames), set()
        for frame in show_progress(frames, total=len(frames), what=f"DAVIS {sequence}", unit="frame"):
            objects = _number_objects(read_labels(frame.mask), binary)
            present = set(list_labels(objects))
            labels |= present
            for label in sorted(classes.keys() & present):
                yield make_row(
                    encode_mask(objects == label),
                    image_id=frame.image_id,
                    file=frame.file,
                    instance_id=f"{frame.image_id}/{label}",
                    class_name=classes[label],
                    identity=f"{sequence}/{label}",
                    video=sequence,
                    frame=frame.frame,
                )
        if missing := classes.keys() - labels:
            raise ValueError(f"DAVIS sequence {sequence!r} has objects {sorted(labels)}, not {sorted(missing)}")


def list_frames(folder: str | Path, sequence: str) -> list[Frame]:
    """Return all frames of a sequence, in order."""
    root = Path(folder, "DAVIS")
    if sequence not in _list_sequences(root / "ImageSets"):
        raise ValueError(f"DAVIS sequence {sequence!r} is in no list of {root / 'ImageSets'}")
    images = _list_images(root / "JPEGImages" / "480p" / sequence)
    if not images:
        raise FileNotFoundError(f"DAVIS sequence {sequence!r} has no images in {root / 'JPEGImages' / '480p'}")
    return [
        Frame(
            image_id=f"{sequence}/{image.stem}",
            file=f"DAVIS/JPEGImages/480p/{sequence}/{image.name}",
            frame=number,
            mask=root / "Annotations" / "480p" / sequence / f"{image.stem}.png",
        )
        for number, image in images.items()
    ]


def read_masks(frames: Sequence[Frame]) -> Iterator["np.ndarray"]:
    """Yield the objects of each of all frames of a sequence, read as they are asked for; void is no object."""
    from semlens.select.formats._palettes import VOID, read_labels

    binary = _have_one_object(frames)
    for frame in frames:
        objects = _number_objects(read_labels(frame.mask), binary)
        objects[objects == VOID] = 0
        yield objects


def _have_one_object(frames: Sequence[Frame]) -> bool:
    """Return whether masks are those of DAVIS 2016: some have 255 and none another object.

    The first mask with another object tells, which in DAVIS 2017 is mostly the first.
    """
    from semlens.select.formats._palettes import VOID, read_labels
    from semlens.select.formats._rows import list_labels

    binary = False
    for frame in frames:
        labels = read_labels(frame.mask)
        if list_labels(labels):
            return False
        binary = binary or bool((labels == VOID).any())
    return binary


def _number_objects(labels: "np.ndarray", binary: bool) -> "np.ndarray":
    from semlens.select.formats._palettes import VOID

    return labels // VOID if binary else labels.copy()


def _list_sequences(folder: Path) -> set[str]:
    """Return the sequences in all lists of all years: names, or paths of frames and masks in folders of that name."""
    lines = [line for file in folder.rglob("*.txt") for line in file.read_text(encoding="utf-8").splitlines()]
    return {line.strip() for line in lines} | {Path(word).parent.name for line in lines for word in line.split()}


def _list_images(folder: Path) -> dict[int, Path]:
    """Return the images of a sequence by their numbers, the last digits in their names, in this order."""
    frames: dict[int, Path] = {}
    for path in sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES):
        found = re.search(r"(\d+)\D*$", path.stem)
        if found is None or int(found[1]) > _LATEST:
            raise ValueError(f"frame {path} has no number up to {_LATEST} in its name; frames are ordered by it")
        if frames.setdefault(int(found[1]), path) != path:
            raise ValueError(f"frames {frames[int(found[1])]} and {path} have one number")
    return dict(sorted(frames.items()))


FORMAT = Format(
    needs=("sequences",),
    has_videos=True,
    list_annotation_files=list_annotation_files,
    read_instances=read_instances,
    list_frames=list_frames,
    read_masks=read_masks,
)
