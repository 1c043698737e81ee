"""Readers of the official layouts of COCO 2017, Pascal VOC 2012 and DAVIS 2017.

A reader yields one row per instance, with the columns of ``tables.INSTANCES`` but ``dataset``. Masks are
COCO run-length encodings (``rle``, the compressed counts as text) of the visible pixels, void excluded.
"""

import json
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from semlens.images.paths import find_image
from semlens.runtime.logs import log, show_progress

# fmt: off
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)
# fmt: on


# fmt: on
COCO_NAMES = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


VOID = 255


_FAR = 10  # image sides


Row = dict[str, Any]


def read_instances(
    format: str,
    folder: str | Path,
    *,
    splits: Collection[str] = (),
    sequences: dict[str, dict[int, str]] | None = None,
) -> Iterator[Row]:
    """Yield the instances of a dataset in its own order, image by image.

    Parameters
    ----------
    format
        ``coco``, ``voc`` or ``davis``.
    folder
        Holds ``annotations/instances_{split}.json`` and ``{split}/``, or ``VOCdevkit/VOC2012``, or ``DAVIS``.
    splits
        COCO: as in the file names. VOC: lists in ``ImageSets/Segmentation``. DAVIS has none.
    sequences
        DAVIS only: the class_name of each object to read, by sequence and object id.

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the file or annotation that is missing or not as its format says.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"dataset folder {folder} does not exist")
    if format == "coco":
        return chain.from_iterable(_read_coco(folder, split) for split in splits)
    if format == "voc":
        return _read_voc(folder / "VOCdevkit" / "VOC2012", splits)
    return _read_davis(folder / "DAVIS", sequences)


def _row(mask_rle: dict[str, Any], **columns: Any) -> Row:
    x, y, w, h = coco_mask.toBbox(mask_rle)
    height, width = mask_rle["size"]
    area = int(coco_mask.area(mask_rle))
    return {
        "identity": None,
        "video": None,
        "frame": None,
        **columns,
        "width": width,
        "height": height,
        "area_fraction": area / (width * height),
        "bbox_x": x,
        "bbox_y": y,
        "bbox_w": w,
        "bbox_h": h,
        "rle": mask_rle["counts"].decode("ascii"),
    }


def _encode(mask: np.ndarray) -> dict[str, Any]:
    return coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))


def _read_coco(folder: Path, split: str) -> Iterator[Row]:
    path = folder / "annotations" / f"instances_{split}.json"
    if not path.is_file():
        raise FileNotFoundError(f"COCO annotations {path} do not exist; is 'split: {split}' right?")
    try:
        content = json.loads(path.read_bytes())
        images = {
            image["id"]: {key: image[key] for key in ("id", "file_name", "height", "width")}
            for image in content.pop("images")
        }
        categories = {class_name["id"]: class_name["name"] for class_name in content["categories"]}
        annotations = sorted(content.pop("annotations"), key=lambda annotation: annotation["image_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a COCO instances file: {type(error).__name__} {error}") from error
    crowds = empty = 0
    for annotation in show_progress(_drained(annotations), total=len(annotations), what=path.name, unit="instance"):
        where = f"{path}: annotation {annotation.get('id')}"
        if annotation.get("iscrowd"):
            crowds += 1
            continue
        if missing := {"id", "category_id", "segmentation"} - annotation.keys():
            raise ValueError(f"{where} has no {', '.join(sorted(missing))}")
        if annotation["image_id"] not in images:
            raise ValueError(f"{where} belongs to image {annotation['image_id']}, which is not in the file")
        if annotation["category_id"] not in categories:
            raise ValueError(f"{where} has class_name {annotation['category_id']}, which is not in the file")
        image = images[annotation["image_id"]]
        rle = _coco_rle(annotation["segmentation"], image["height"], image["width"], where)
        if coco_mask.area(rle) == 0:
            empty += 1
            continue
        yield _row(
            rle,
            image_id=str(image["id"]),
            file=f"{split}/{image['file_name']}",
            instance_id=str(annotation["id"]),
            class_name=categories[annotation["category_id"]],
        )
    if crowds or empty:
        log.info("%s: left out %d crowds and %d empty masks", path.name, crowds, empty)


def _drained(annotations: list[Row]) -> Iterator[Row]:
    """Yield each and forget it: together they take six times the memory that their file has bytes."""
    annotations.reverse()
    while annotations:
        yield annotations.pop()


def _coco_rle(segmentation: Any, height: int, width: int, where: str) -> dict[str, Any]:
    """Polygons, compressed or uncompressed run lengths to compressed run lengths."""
    if isinstance(segmentation, dict) and segmentation.get("size") != [height, width]:
        raise ValueError(f"{where}: mask size {segmentation.get('size')} is not its image's {[height, width]}")
    try:
        if isinstance(segmentation, list):
            # pycocotools rasterises whatever it is given, until memory ends
            if not np.all(np.abs(np.concatenate(segmentation)) <= _FAR * max(height, width)):
                raise ValueError("a polygon lies far outside the image")
            return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
        if isinstance(segmentation["counts"], list):
            rle = coco_mask.frPyObjects(segmentation, height, width)
        else:
            rle = {"size": [height, width], "counts": segmentation["counts"].encode("ascii")}
    except Exception as error:
        raise ValueError(f"{where}: segmentation is neither polygons nor run lengths ({error})") from error
    # pycocotools decodes runs that end early to a mask that is partly uninitialised memory.
    if (pixels := _run_pixels(rle["counts"])) != height * width:
        raise ValueError(f"{where}: run lengths cover {pixels} pixels, its image has {height * width}")
    return rle


def _run_pixels(counts: bytes) -> int:
    """The sum of compressed run lengths: little-endian base-32 numbers, from the third on less the one before last."""
    runs, value, shift = [], 0, 0
    for byte in counts:
        digit = byte - 48
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            if digit & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return sum(runs)


def _read_voc(root: Path, splits: Collection[str]) -> Iterator[Row]:
    names: dict[str, None] = {}
    for split in splits:
        listed = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        if not listed.is_file():
            raise FileNotFoundError(f"VOC image list {listed} does not exist; is 'split: {split}' right?")
        names |= dict.fromkeys(listed.read_text().split())
    for name in show_progress(names, total=len(names), what="VOC masks", unit="image"):
        objects = _read_palette(find_image(root / "SegmentationObject", f"{name}.png"))
        classes = _read_palette(find_image(root / "SegmentationClass", f"{name}.png"))
        if objects.shape != classes.shape:
            raise ValueError(f"VOC image {name}: object mask {objects.shape} and class mask {classes.shape} differ")
        for number in _labels(objects):
            mask = objects == number
            votes = np.bincount(classes[mask], minlength=256)
            votes[[0, VOID]] = 0
            winner = int(votes.argmax())
            if not 1 <= winner <= len(VOC_CLASSES) or votes[winner] == 0:
                raise ValueError(f"VOC image {name}: object {number} has no class in SegmentationClass")
            yield _row(
                _encode(mask),
                image_id=name,
                file=f"VOCdevkit/VOC2012/JPEGImages/{name}.jpg",
                instance_id=f"{name}/{number}",
                class_name=VOC_CLASSES[winner - 1],
            )


def _read_davis(root: Path, sequences: dict[str, dict[int, str]]) -> Iterator[Row]:
    listed = {name for file in sorted((root / "ImageSets" / "2017").glob("*.txt")) for name in file.read_text().split()}
    for sequence, categories in sequences.items():
        if sequence not in listed:
            raise ValueError(f"DAVIS sequence {sequence!r} is in no list of {root / 'ImageSets' / '2017'}")
        frames = sorted((root / "JPEGImages" / "480p" / sequence).glob("*.jpg"))
        if not frames:
            raise FileNotFoundError(f"DAVIS sequence {sequence!r} has no images in {root / 'JPEGImages' / '480p'}")
        seen = set()
        for frame in show_progress(frames, total=len(frames), what=f"DAVIS {sequence}", unit="frame"):
            image_id = f"{sequence}/{frame.stem}"
            objects = _read_palette(root / "Annotations" / "480p" / sequence / f"{frame.stem}.png")
            labels = set(_labels(objects))
            seen |= labels
            for number in sorted(categories.keys() & labels):
                yield _row(
                    _encode(objects == number),
                    image_id=image_id,
                    file=f"DAVIS/JPEGImages/480p/{sequence}/{frame.name}",
                    instance_id=f"{image_id}/{number}",
                    class_name=categories[number],
                    identity=f"{sequence}/{number}",
                    video=sequence,
                    frame=int(frame.stem),
                )
        if missing := categories.keys() - seen:
            raise ValueError(f"DAVIS sequence {sequence!r} has objects {sorted(seen)}, not {sorted(missing)}")


def _read_palette(path: Path) -> np.ndarray:  # (height, width) uint8
    if not path.is_file():
        raise FileNotFoundError(f"mask {path} does not exist")
    try:
        with Image.open(path) as image:
            if image.mode != "P":
                raise ValueError(f"mask {path} has mode {image.mode!r}; a palette PNG (mode 'P') is expected")
            return np.asarray(image)
    except OSError as error:
        raise ValueError(f"mask {path} cannot be read: {error}") from error


def _labels(objects: np.ndarray) -> list[int]:
    return [int(number) for number in np.unique(objects) if number not in (0, VOID)]
