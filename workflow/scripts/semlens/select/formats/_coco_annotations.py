"""Reading COCO's annotation files."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from pycocotools import mask as coco_mask

from semlens.images.paths import find_image
from semlens.images.reading import swaps_sides
from semlens.runtime.logs import log, show_progress
from semlens.select.formats import Row
from semlens.select.formats._coco_masks import encode_segmentation, leaves
from semlens.select.formats._rows import make_row

_MOST_PIXELS = 2**31  # of an image; pycocotools counts no further
_SAME_BOX = 0.5  # intersection over union under which an annotation's box is another one than its mask's


class _Image(NamedTuple):
    file: str
    height: int
    width: int


class _Split(NamedTuple):
    path: Path
    images: dict[str, _Image]
    class_names: dict[str, str]
    annotations: list[dict[str, Any]]


def read_splits(folder: Path, splits: Sequence[str], exif: str) -> Iterator[Row]:
    """Yield the instances of some splits.

    If an id means one thing in one split and another in the next, ids get the name of their split in front.
    """
    apart = len(splits) > 1 and _share_ids(folder, splits)
    for split in splits:
        file = _read_file(folder, split)
        _sort_by_image(file)
        _turn_images(file, folder / split, exif)
        yield from _read_instances(file, split, f"{split}/" if apart else "")


def _share_ids(folder: Path, splits: Sequence[str]) -> bool:
    """Return whether an image or an annotation of one split has the id of one of another split."""
    images: Counter[str] = Counter()
    annotations: Counter[str] = Counter()
    for split in splits:
        file = _read_file(folder, split)
        images.update(list(file.images))
        annotations.update({str(annotation.get("id")) for annotation in file.annotations})
    return max([*images.values(), *annotations.values()], default=0) > 1


def _read_file(folder: Path, split: str) -> _Split:
    path = folder / "annotations" / f"instances_{split}.json"
    if not path.is_file():
        raise FileNotFoundError(f"COCO annotations {path} do not exist; is 'split: {split}' right?")
    try:
        content = json.loads(path.read_bytes())
        parts = [content.pop(key) for key in ("images", "categories", "annotations")]
        if not all(isinstance(part, list) and all(isinstance(entry, dict) for entry in part) for part in parts):
            raise TypeError("images, categories and annotations are not lists of objects")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a COCO instances file: {type(error).__name__} {error}") from error
    images, categories, annotations = parts
    return _Split(path, _read_images(path, images), _read_categories(path, categories), annotations)


def _read_images(path: Path, entries: list[dict[str, Any]]) -> dict[str, _Image]:
    images: dict[str, _Image] = {}
    ids: dict[str, str] = {}
    for entry in entries:
        where = f"{path}: image {entry.get('file_name')!r}"
        name, number = entry.get("file_name"), read_id(entry.get("id"), where)
        if not isinstance(name, str) or not name:
            raise ValueError(f"{path}: image {number} has no file_name")
        height, width = (_read_side(entry.get(key), key, where) for key in ("height", "width"))
        if height * width >= _MOST_PIXELS:
            raise ValueError(f"{where} has {width}x{height} pixels; that is too many")
        image = _Image(name, height, width)
        if images.setdefault(number, image) != image:
            raise ValueError(f"{path}: image id {number} is that of {images[number].file!r} and of {name!r}")
        if ids.setdefault(name, number) != number:
            raise ValueError(f"{where} stands twice, as image {ids[name]} and as {number}")
    return images


def _read_categories(path: Path, entries: list[dict[str, Any]]) -> dict[str, str]:
    names: dict[str, str] = {}
    for entry in entries:
        name, number = entry.get("name"), read_id(entry.get("id"), f"{path}: category {entry.get('name')!r}")
        if not isinstance(name, str) or not name:
            raise ValueError(f"{path}: category {number} has no name")
        if names.setdefault(number, name) != name:
            raise ValueError(f"{path}: category id {number} is that of {names[number]!r} and of {name!r}")
    return names


def _read_instances(file: _Split, split: str, prefix: str) -> Iterator[Row]:
    path, images, class_names, annotations = file
    image_of: dict[str, str] = {}
    left_out, moved = defaultdict(list), []
    n_masks = n_normalised = 0
    shortened: list[str] = []
    for annotation in show_progress(_drain(annotations), total=len(annotations), what=path.name, unit="instance"):
        number = read_id(annotation.get("id"), f"{path}: id of an annotation of image {annotation['image_id']}")
        where, image_id = f"{path}: annotation {number}", annotation["image_id"]
        if number in image_of:
            raise ValueError(f"{where} stands twice, in image {image_of[number]} and in image {image_id}")
        image_of[number] = image_id
        if image_id not in images:
            raise ValueError(f"{where} belongs to image {image_id}, which is not in the file")
        if annotation.get("iscrowd") in (1, "1"):
            left_out["crowds"].append(number)
            continue
        category = read_id(annotation.get("category_id"), f"{where}: category_id")
        if category not in class_names:
            raise ValueError(f"{where} has category_id {category}, which is not in the file")
        image = images[image_id]
        mask = encode_segmentation(annotation.get("segmentation"), image.height, image.width, where)
        n_masks += 1
        n_normalised += mask.normalised
        if mask.rle is None:
            left_out[mask.lacking].append(number)
            continue
        if mask.n_short:
            shortened.append(number)
        if _is_another_box(annotation.get("bbox"), coco_mask.toBbox(mask.rle)):
            moved.append(number)
        yield make_row(
            mask.rle,
            image_id=f"{prefix}{image_id}",
            file=f"{split}/{image.file}",
            instance_id=f"{prefix}{number}",
            class_name=class_names[category],
        )
    if n_masks and n_normalised == n_masks:
        raise ValueError(f"{path}: all coordinates lie between 0 and 1; COCO's are pixels")
    for kind, numbers in left_out.items():
        log.info("%s: left out %d %s, such as annotation %s", path.name, len(numbers), kind, numbers[0])
    if shortened:
        log.info(
            "%s: left out polygons of fewer than three points beside others in %d annotations, such as annotation %s",
            path.name, len(shortened), shortened[0],
        )  # fmt: skip
    if moved:
        log.warning(
            "%s: masks of %d of %d annotations lie elsewhere than their own bbox, such as annotation %s",
            path.name, len(moved), n_masks, moved[0],
        )  # fmt: skip


def _sort_by_image(file: _Split) -> None:
    for place, annotation in enumerate(file.annotations):
        annotation["image_id"] = read_id(annotation.get("image_id"), f"{file.path}: image_id of annotation {place}")
    file.annotations.sort(key=lambda annotation: (len(annotation["image_id"]), annotation["image_id"]))


def _turn_images(file: _Split, folder: Path, exif: str) -> None:
    """Exchange width and height of images that are turned when they are shown, if their polygons fit only so.

    If they fit both ways, ``exif`` decides. Tools that show a photo upright, and write down its stored size, make such
    annotations.
    """
    turned = []
    for image_id, group in groupby(file.annotations, key=lambda annotation: annotation["image_id"]):
        masks, image = [annotation.get("segmentation") for annotation in group], file.images.get(image_id)
        if image is None or any(isinstance(mask, dict) for mask in masks):
            continue
        fits = not any(leaves(mask, image.height, image.width) for mask in masks)
        fits_turned = not any(leaves(mask, image.width, image.height) for mask in masks)
        if fits_turned and (not fits or exif == "apply") and swaps_sides(find_image(folder, image.file)):
            file.images[image_id] = _Image(image.file, image.width, image.height)
            turned.append(image.file)
    if turned:
        log.warning(
            "%s: width and height of %d images are exchanged, since their EXIF orientation turns them, and their "
            "polygons fit only so or 'exif' is apply; such as %s",
            file.path.name, len(turned), turned[0],
        )  # fmt: skip


def _drain(annotations: list[Row]) -> Iterator[Row]:
    """Yield annotations and free each: together they take six times the memory that their file has bytes."""
    annotations.reverse()
    while annotations:
        yield annotations.pop()


def _is_another_box(stated: Any, found: Sequence[float]) -> bool:
    """Return whether an annotation's own box shares less than half of what it and the mask's box cover."""
    if not isinstance(stated, list) or len(stated) != 4 or not all(isinstance(value, int | float) for value in stated):
        return False
    (x, y, w, h), (u, v, k, m) = stated, found
    shared = max(0, min(x + w, u + k) - max(x, u)) * max(0, min(y + h, v + m) - max(y, v))
    return shared < _SAME_BOX * (w * h + k * m - shared)


def read_id(value: Any, where: str) -> str:
    """Return an id as text: 7, 7.0 and "7" are one.

    Raises
    ------
    ValueError
        If it is neither a whole number nor text.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{where} is {value!r}, neither a whole number nor a text")


def _read_side(value: Any, key: str, where: str) -> int:
    number = read_id(value, f"{where}: {key}")
    if not number.isascii() or not number.isdigit() or int(number) == 0:
        raise ValueError(f"{where}: {key} is {value!r}, not a number of pixels")
    return int(number)
