"""Pascal VOC: ``VOCdevkit/VOC2012`` or another year, with its lists, images, and masks of objects and classes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from semlens.select.formats import Format, Row

_YEARS = ("VOCdevkit/VOC2012", "VOCdevkit/VOC2007")
_LISTS = "ImageSets/Segmentation"
_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")


def list_annotation_files(folder: str, splits: Sequence[str], sequences: None) -> list[str]:
    """Return the list of each split, the folders of masks, and the lists of classes that there may be."""
    from semlens.select.class_names import LABEL_LISTS

    root = f"{folder}/{_find_root(folder)}"
    lists = [f"{root}/{_LISTS}/{split}.txt" for split in splits]
    return [
        *lists,
        f"{root}/SegmentationObject",
        f"{root}/SegmentationClass",
        *(f"{root}/{name}" for name in LABEL_LISTS),
    ]


def read_instances(folder: str | Path, splits: Sequence[str], sequences: None, exif: str = "ignore") -> Iterator[Row]:
    """Yield the instances of the listed images; an object has the class that most of its pixels have."""
    import numpy as np

    from semlens.images.paths import find_image
    from semlens.runtime.logs import log, show_progress
    from semlens.select.formats._label_lists import read_label_list
    from semlens.select.formats._palettes import VOID, read_labels
    from semlens.select.formats._rows import encode_mask, list_labels, make_row

    place = _find_root(folder)
    root = Path(folder, place)
    names: dict[str, None] = {}
    for split in splits:
        image_list = root / _LISTS / f"{split}.txt"
        if not image_list.is_file():
            raise FileNotFoundError(f"VOC image list {image_list} does not exist; is 'split: {split}' right?")
        lines = image_list.read_text(encoding="utf-8-sig").splitlines()
        names |= dict.fromkeys(line.strip() for line in lines if line.strip())
    labels, listed = read_label_list(root)
    log.info("%s: %d classes as in %s", root, len(labels.classes), listed or "VOC, because there is no list of classes")
    for name in show_progress(names, total=len(names), what="VOC masks", unit="image"):
        objects = read_labels(find_image(root / "SegmentationObject", f"{name}.png"))
        classes = read_labels(find_image(root / "SegmentationClass", f"{name}.png"), labels.colours)
        if objects.shape != classes.shape:
            raise ValueError(f"VOC image {name}: object mask {objects.shape} and class mask {classes.shape} differ")
        file = next((path for path in _list_files(name) if (root / path).is_file()), f"JPEGImages/{name}.jpg")
        for number in list_labels(objects):
            mask = objects == number
            votes = np.bincount(classes[mask], minlength=256)
            votes[[0, VOID]] = 0
            winner = int(votes.argmax())
            if votes[winner] == 0:
                raise ValueError(f"VOC image {name}: object {number} has no class in SegmentationClass")
            if winner not in labels.classes:
                raise ValueError(
                    f"VOC image {name}: object {number} has class {winner}, but {listed or 'VOC'} has no more than "
                    f"{len(labels.classes)} classes; name those of the masks in {root / 'class_names.txt'}, a line each"
                )
            yield make_row(
                encode_mask(mask),
                image_id=name,
                file=f"{place}/{file}" if place else file,
                instance_id=f"{name}/{number}",
                class_name=labels.classes[winner],
            )


def _find_root(folder: str | Path) -> str:
    """Return where a year of VOC lies in a folder: in the official place, or in the folder itself."""
    years = [*_YEARS, *sorted(f"VOCdevkit/{path.name}" for path in Path(folder).glob("VOCdevkit/VOC*"))]
    found = (place for place in (*years, "") if Path(folder, place, _LISTS).is_dir())
    return next(found, _YEARS[0])


def _list_files(name: str) -> Iterator[str]:
    return (f"JPEGImages/{name}{suffix}" for suffix in _SUFFIXES)


FORMAT = Format(
    needs=("split",),
    has_videos=False,
    list_annotation_files=list_annotation_files,
    read_instances=read_instances,
)
