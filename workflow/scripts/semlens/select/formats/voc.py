"""Pascal VOC 2012: ``VOCdevkit/VOC2012`` with its lists, images, and masks of objects and classes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from semlens.select.formats import Format, Row

_ROOT = "VOCdevkit/VOC2012"


def list_annotation_files(folder: str, splits: Sequence[str], sequences: None) -> list[str]:
    """Return the list of each split, and the folders of masks."""
    lists = [f"{folder}/{_ROOT}/ImageSets/Segmentation/{split}.txt" for split in splits]
    return [*lists, f"{folder}/{_ROOT}/SegmentationObject", f"{folder}/{_ROOT}/SegmentationClass"]


def list_image_folders(folder: str, splits: Sequence[str], sequences: None) -> list[str]:
    """Return the folder of images."""
    return [f"{folder}/{_ROOT}/JPEGImages"]


def read_instances(folder: str | Path, splits: Sequence[str], sequences: None) -> Iterator[Row]:
    """Yield the instances of the listed images; an object has the class that most of its pixels have."""
    import numpy as np

    from semlens.images.paths import find_image
    from semlens.runtime.logs import show_progress
    from semlens.select.class_names import VOC_CLASSES
    from semlens.select.formats._rows import VOID, encode_mask, list_labels, make_row, read_palette

    root = Path(folder, _ROOT)
    names: dict[str, None] = {}
    for split in splits:
        image_list = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        if not image_list.is_file():
            raise FileNotFoundError(f"VOC image list {image_list} does not exist; is 'split: {split}' right?")
        names |= dict.fromkeys(image_list.read_text().split())
    for name in show_progress(names, total=len(names), what="VOC masks", unit="image"):
        objects = read_palette(find_image(root / "SegmentationObject", f"{name}.png"))
        classes = read_palette(find_image(root / "SegmentationClass", f"{name}.png"))
        if objects.shape != classes.shape:
            raise ValueError(f"VOC image {name}: object mask {objects.shape} and class mask {classes.shape} differ")
        for number in list_labels(objects):
            mask = objects == number
            votes = np.bincount(classes[mask], minlength=256)
            votes[[0, VOID]] = 0
            winner = int(votes.argmax())
            if not 1 <= winner <= len(VOC_CLASSES) or votes[winner] == 0:
                raise ValueError(f"VOC image {name}: object {number} has no class in SegmentationClass")
            yield make_row(
                encode_mask(mask),
                image_id=name,
                file=f"{_ROOT}/JPEGImages/{name}.jpg",
                instance_id=f"{name}/{number}",
                class_name=VOC_CLASSES[winner - 1],
            )


FORMAT = Format(
    needs=("split",),
    has_videos=False,
    list_annotation_files=list_annotation_files,
    list_image_folders=list_image_folders,
    read_instances=read_instances,
)
