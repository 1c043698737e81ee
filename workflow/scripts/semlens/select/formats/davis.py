"""DAVIS 2017: ``DAVIS`` with its lists, frames and masks at 480p. Its objects have no classes: sequences give them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from semlens.select.formats import Format, Row, Sequences


def list_annotation_files(folder: str, splits: Sequence[str], sequences: Sequences) -> list[str]:
    """Return the folder of lists, and the folder of masks of each sequence."""
    masks = [f"{folder}/DAVIS/Annotations/480p/{sequence}" for sequence in sequences]
    return [f"{folder}/DAVIS/ImageSets/2017", *masks]


def list_image_folders(folder: str, splits: Sequence[str], sequences: Sequences) -> list[str]:
    """Return the folder of frames of each sequence."""
    return [f"{folder}/DAVIS/JPEGImages/480p/{sequence}" for sequence in sequences]


def read_instances(folder: str | Path, splits: Sequence[str], sequences: Sequences) -> Iterator[Row]:
    """Yield the instances of the given objects, frame by frame."""
    from semlens.runtime.logs import show_progress
    from semlens.select.formats._rows import encode_mask, list_labels, make_row, read_palette

    root = Path(folder, "DAVIS")
    known = {name for file in sorted((root / "ImageSets" / "2017").glob("*.txt")) for name in file.read_text().split()}
    for sequence, classes in sequences.items():
        if sequence not in known:
            raise ValueError(f"DAVIS sequence {sequence!r} is in no list of {root / 'ImageSets' / '2017'}")
        frames = sorted((root / "JPEGImages" / "480p" / sequence).glob("*.jpg"))
        if not frames:
            raise FileNotFoundError(f"DAVIS sequence {sequence!r} has no images in {root / 'JPEGImages' / '480p'}")
        present = set()
        for frame in show_progress(frames, total=len(frames), what=f"DAVIS {sequence}", unit="frame"):
            image_id = f"{sequence}/{frame.stem}"
            objects = read_palette(root / "Annotations" / "480p" / sequence / f"{frame.stem}.png")
            labels = set(list_labels(objects))
            present |= labels
            for number in sorted(classes.keys() & labels):
                yield make_row(
                    encode_mask(objects == number),
                    image_id=image_id,
                    file=f"DAVIS/JPEGImages/480p/{sequence}/{frame.name}",
                    instance_id=f"{image_id}/{number}",
                    class_name=classes[number],
                    identity=f"{sequence}/{number}",
                    video=sequence,
                    frame=int(frame.stem),
                )
        if missing := classes.keys() - present:
            raise ValueError(f"DAVIS sequence {sequence!r} has objects {sorted(present)}, not {sorted(missing)}")


FORMAT = Format(
    needs=("sequences",),
    has_videos=True,
    list_annotation_files=list_annotation_files,
    list_image_folders=list_image_folders,
    read_instances=read_instances,
)
