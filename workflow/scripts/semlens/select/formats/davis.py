"""DAVIS: ``DAVIS`` with its lists, frames and masks at 480p. Its objects have no classes: sequences give them.

Both years are read. In DAVIS 2016 a video has one object, which masks mark by 255; it counts as object 1.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from semlens.select.formats import Format, Row, Sequences

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
    from semlens.select.formats._palettes import VOID, read_labels
    from semlens.select.formats._rows import encode_mask, list_labels, make_row

    root = Path(folder, "DAVIS")
    known = _list_sequences(root / "ImageSets")
    for sequence, classes in sequences.items():
        if sequence not in known:
            raise ValueError(f"DAVIS sequence {sequence!r} is in no list of {root / 'ImageSets'}")
        frames = _list_frames(root / "JPEGImages" / "480p" / sequence)
        if not frames:
            raise FileNotFoundError(f"DAVIS sequence {sequence!r} has no images in {root / 'JPEGImages' / '480p'}")
        masks = [root / "Annotations" / "480p" / sequence / f"{frame.stem}.png" for frame in frames.values()]
        present = set().union(*(set(read_labels(mask).ravel().tolist()) for mask in masks)) - {0}
        binary = present == {VOID}
        for number, mask in show_progress(
            zip(frames, masks, strict=True), total=len(frames), what=f"DAVIS {sequence}", unit="frame"
        ):
            frame, objects = frames[number], read_labels(mask)
            image_id = f"{sequence}/{frame.stem}"
            if binary:
                objects = objects // VOID
            for label in sorted(classes.keys() & set(list_labels(objects))):
                yield make_row(
                    encode_mask(objects == label),
                    image_id=image_id,
                    file=f"DAVIS/JPEGImages/480p/{sequence}/{frame.name}",
                    instance_id=f"{image_id}/{label}",
                    class_name=classes[label],
                    identity=f"{sequence}/{label}",
                    video=sequence,
                    frame=number,
                )
        there = {1} if binary else present - {VOID}
        if missing := classes.keys() - there:
            raise ValueError(f"DAVIS sequence {sequence!r} has objects {sorted(there)}, not {sorted(missing)}")


def _list_sequences(folder: Path) -> set[str]:
    """Return the sequences in all lists of all years: names, or paths of frames and masks in folders of that name."""
    lines = [line for file in folder.rglob("*.txt") for line in file.read_text(encoding="utf-8").splitlines()]
    return {line.strip() for line in lines} | {Path(word).parent.name for line in lines for word in line.split()}


def _list_frames(folder: Path) -> dict[int, Path]:
    """Return the frames of a sequence by their numbers, the last digits in their names, in this order."""
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
)
