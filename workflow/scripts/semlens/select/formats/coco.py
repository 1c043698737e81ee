"""COCO: ``annotations/instances_{split}.json``, and images in ``{split}/``."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from semlens.select.formats import Format, Row


def list_annotation_files(folder: str, splits: Sequence[str], sequences: None) -> list[str]:
    """Return the annotation file of each split."""
    return [f"{folder}/annotations/instances_{split}.json" for split in splits]


def read_instances(folder: str | Path, splits: Sequence[str], sequences: None, exif: str = "ignore") -> Iterator[Row]:
    """Yield the instances of the splits, one after the other; crowds and empty masks are left out."""
    from semlens.select.formats._coco_annotations import read_splits

    yield from read_splits(Path(folder), splits, exif)


FORMAT = Format(
    needs=("split",),
    has_videos=False,
    list_annotation_files=list_annotation_files,
    read_instances=read_instances,
)
