"""Reading COCO's annotation files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from semlens.runtime.logs import log, show_progress
from semlens.select.formats import Row
from semlens.select.formats._rows import make_row

_FARTHEST = 10  # image sides by which a polygon may leave its image


def read_split(folder: Path, split: str) -> Iterator[Row]:
    """Yield the instances of one split."""
    path = folder / "annotations" / f"instances_{split}.json"
    if not path.is_file():
        raise FileNotFoundError(f"COCO annotations {path} do not exist; is 'split: {split}' right?")
    try:
        content = json.loads(path.read_bytes())
        images = {
            image["id"]: {key: image[key] for key in ("id", "file_name", "height", "width")}
            for image in content.pop("images")
        }
        class_names = {category["id"]: category["name"] for category in content["categories"]}
        annotations = sorted(content.pop("annotations"), key=lambda annotation: annotation["image_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a COCO instances file: {type(error).__name__} {error}") from error
    n_crowds = n_empty = 0
    for annotation in show_progress(_drain(annotations), total=len(annotations), what=path.name, unit="instance"):
        where = f"{path}: annotation {annotation.get('id')}"
        if annotation.get("iscrowd"):
            n_crowds += 1
            continue
        if missing := {"id", "category_id", "segmentation"} - annotation.keys():
            raise ValueError(f"{where} has no {', '.join(sorted(missing))}")
        if annotation["image_id"] not in images:
            raise ValueError(f"{where} belongs to image {annotation['image_id']}, which is not in the file")
        if annotation["category_id"] not in class_names:
            raise ValueError(f"{where} has category_id {annotation['category_id']}, which is not in the file")
        image = images[annotation["image_id"]]
        rle = _to_run_lengths(annotation["segmentation"], image["height"], image["width"], where)
        if coco_mask.area(rle) == 0:
            n_empty += 1
            continue
        yield make_row(
            rle,
            image_id=str(image["id"]),
            file=f"{split}/{image['file_name']}",
            instance_id=str(annotation["id"]),
            class_name=class_names[annotation["category_id"]],
        )
    if n_crowds or n_empty:
        log.info("%s: left out %d crowds and %d empty masks", path.name, n_crowds, n_empty)


def _drain(annotations: list[Row]) -> Iterator[Row]:
    """Yield annotations and free each: together they take six times the memory that their file has bytes."""
    annotations.reverse()
    while annotations:
        yield annotations.pop()


def _to_run_lengths(segmentation: Any, height: int, width: int, where: str) -> dict[str, Any]:
    """Return polygons, or compressed or uncompressed run lengths, as compressed run lengths."""
    if isinstance(segmentation, dict) and segmentation.get("size") != [height, width]:
        raise ValueError(f"{where}: mask size {segmentation.get('size')} is not its image's {[height, width]}")
    try:
        if isinstance(segmentation, list):
            # pycocotools would rasterise a polygon of any extent and run out of memory
            if not np.all(np.abs(np.concatenate(segmentation)) <= _FARTHEST * max(height, width)):
                raise ValueError("a polygon lies far outside the image")
            return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
        if isinstance(segmentation["counts"], list):
            rle = coco_mask.frPyObjects(segmentation, height, width)
        else:
            rle = {"size": [height, width], "counts": segmentation["counts"].encode("ascii")}
    except Exception as error:
        raise ValueError(f"{where}: segmentation is neither polygons nor run lengths ({error})") from error
    # pycocotools decodes runs that end early to a mask that is partly uninitialised memory.
    if (pixels := _count_pixels(rle["counts"])) != height * width:
        raise ValueError(f"{where}: run lengths cover {pixels} pixels, its image has {height * width}")
    return rle


def _count_pixels(counts: bytes) -> int:
    """Return the sum of compressed run lengths.

    They are little-endian base-32 numbers, each from the third on less the one before last.
    """
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
