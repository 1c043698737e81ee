"""Scenes written as datasets in the official layouts of COCO, Pascal VOC and DAVIS."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from demo.scenes import compose_still, compose_video
from semlens.select.class_names import COCO_NAMES, VOC_CLASSES

# COCO's identifier and supercategory of each of VOC's classes.
COCO_CATEGORIES = {
    "aeroplane": (5, "vehicle"),
    "bicycle": (2, "vehicle"),
    "bird": (16, "animal"),
    "boat": (9, "vehicle"),
    "bottle": (44, "kitchen"),
    "bus": (6, "vehicle"),
    "car": (3, "vehicle"),
    "cat": (17, "animal"),
    "chair": (62, "furniture"),
    "cow": (21, "animal"),
    "diningtable": (67, "furniture"),
    "dog": (18, "animal"),
    "horse": (19, "animal"),
    "motorbike": (4, "vehicle"),
    "person": (1, "person"),
    "pottedplant": (64, "furniture"),
    "sheep": (20, "animal"),
    "sofa": (63, "furniture"),
    "train": (7, "vehicle"),
    "tvmonitor": (72, "electronic"),
}
VOID = 255
# Shared with DAVIS: the index's bits, lowest first, go to red, green and blue in turn, as their highest bits.
VOC_PALETTE = [
    sum((index >> 3 * bit + channel & 1) << 7 - bit for bit in range(3)) for index in range(256) for channel in range(3)
]
# Images of a COCO split that show a crowd, annotated as one region with iscrowd=1.
CROWD_IMAGES = (2, 7)
# Share of an instance's pixels that its holes may take before it is written as RLE: polygons cannot have holes.
HOLE_TOLERANCE = 0.02


def trace_outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Return the corners (n, 2), x and y, of each loop around a boolean mask (height, width).

    Outer loops run clockwise on screen, loops around holes the other way.
    """
    inside = np.pad(mask, 1)
    follow: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # Each pixel edge on the border runs with the mask on its right: top, right, bottom and left edges.
    sides = ((0, 1, (0, 0), (1, 0)), (1, -1, (1, 0), (1, 1)), (0, -1, (1, 1), (0, 1)), (1, 1, (0, 1), (0, 0)))
    for axis, shift, start, end in sides:
        for y, x in (np.argwhere(inside & ~np.roll(inside, shift, axis)) - 1).tolist():
            follow.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))
    loops = []
    for point in list(follow):
        while follow[point]:
            loop = []
            while follow[point]:
                loop.append(point)
                point = follow[point].pop()
            steps = np.diff(loop, axis=0, append=loop[:1])
            loops.append(np.array(loop)[(steps != np.roll(steps, 1, axis=0)).any(axis=1)])
    return loops


def measure_signed_area(loop: np.ndarray) -> float:
    """Return the area in a loop of corners (n, 2): positive where it runs clockwise on screen."""
    x, y = loop.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def encode_segmentation(mask: np.ndarray, crowd: bool) -> list[list[int]] | dict:
    """Return a boolean mask (height, width) as polygons; a crowd, or a mask with large holes, as uncompressed RLE."""
    outer = [loop for loop in trace_outlines(mask) if measure_signed_area(loop) > 0]
    if not crowd and sum(map(measure_signed_area, outer)) <= (1 + HOLE_TOLERANCE) * mask.sum():
        return [loop.ravel().tolist() for loop in outer]
    # Lengths of the runs down the columns; the first run is background.
    changes = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=False))
    return {"counts": np.diff(changes, prepend=0, append=mask.size).tolist(), "size": list(mask.shape)}


def write_coco(folder: Path, *, images: int, seed: int, split: str = "train2017") -> None:
    """Write still images as one split of COCO 2017: ``annotations/instances_{split}.json`` and ``{split}/*.jpg``.

    Parameters
    ----------
    folder
        Folder of the dataset; it is made if it does not exist.
    images
        Number of images; a larger number adds images and changes none.
    seed
        Seed of everything drawn.
    split
        Name of the split.
    """
    (folder / split).mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    entries, annotations = [], []
    for number in range(1, images + 1):
        scene = compose_still(seed, "coco", split, number, crowd=number in CROWD_IMAGES)
        name = f"{number:012d}.jpg"
        scene.image.save(folder / split / name, quality=92)
        height, width = scene.labels.shape
        entries.append({"id": number, "width": width, "height": height, "file_name": name})
        for label, class_name in scene.class_names.items():
            mask = scene.labels == label
            crowd = class_name == "crowd"
            left, top, right, bottom = Image.fromarray(mask).getbbox()
            annotation = {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": COCO_CATEGORIES["person" if crowd else class_name][0],
                "iscrowd": int(crowd),
                "area": int(mask.sum()),
                "bbox": [left, top, right - left, bottom - top],
                "segmentation": encode_segmentation(mask, crowd),
            }
            annotations.append(annotation)
    categories = [
        {"id": number, "name": COCO_NAMES.get(name, name), "supercategory": supercategory}
        for name, (number, supercategory) in COCO_CATEGORIES.items()
    ]
    content = {
        "info": {"description": "Synthetic scenes in the layout of COCO 2017", "year": 2017, "version": "1.0"},
        "licenses": [],
        "images": entries,
        "annotations": annotations,
        "categories": sorted(categories, key=lambda category: category["id"]),
    }
    (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(content), encoding="utf-8")


def save_labels(path: Path, labels: np.ndarray) -> None:
    """Write labels (height, width) uint8 as a palette image in VOC's colours."""
    image = Image.fromarray(labels)
    image.putpalette(VOC_PALETTE)
    image.save(path)


def write_voc(folder: Path, *, images: int, seed: int, split: str = "trainval") -> None:
    """Write still images as the segmentation set of Pascal VOC 2012, below ``VOCdevkit/VOC2012``.

    The indexed PNGs hold classes and instances, with a void border of 255, two pixels wide, around each object.

    Parameters
    ----------
    folder
        Folder of the dataset; it is made if it does not exist; it holds one split.
    images
        Number of images; a larger number adds images and changes none.
    seed
        Seed of everything drawn.
    split
        Name of the split, ``ImageSets/Segmentation/{split}.txt``.
    """
    root = folder / "VOCdevkit" / "VOC2012"
    for part in ("JPEGImages", "SegmentationObject", "SegmentationClass", "ImageSets/Segmentation"):
        (root / part).mkdir(parents=True, exist_ok=True)
    indices = {class_name: index for index, class_name in enumerate(VOC_CLASSES, start=1)}
    names = [f"2012_{number:06d}" for number in range(1, images + 1)]
    for name in names:
        scene = compose_still(seed, "voc", split, name)
        scene.image.save(root / "JPEGImages" / f"{name}.jpg", quality=92)
        labels = Image.fromarray(scene.labels)
        highest, lowest = labels.filter(ImageFilter.MaxFilter(3)), labels.filter(ImageFilter.MinFilter(3))
        border = np.asarray(highest) != np.asarray(lowest)
        classes = np.zeros(256, np.uint8)
        for label, class_name in scene.class_names.items():
            classes[label] = indices[class_name]
        for part, values in (("SegmentationObject", scene.labels), ("SegmentationClass", classes[scene.labels])):
            save_labels(root / part / f"{name}.png", np.where(border, np.uint8(VOID), values))
    (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(
        "".join(f"{name}\n" for name in names), encoding="utf-8"
    )


def write_davis(folder: Path, *, sequences: Mapping[str, Mapping[int, str]], images: int, seed: int) -> None:
    """Write videos of 854 x 480 pixels as the training set of DAVIS 2017 at 480p, below ``DAVIS``.

    Parameters
    ----------
    folder
        Folder of the dataset; it is made if it does not exist.
    sequences
        Objects of each video by its name: the class of each object by its label in the masks.
    images
        Number of images of each video.
    seed
        Seed of everything drawn.
    """
    root = folder / "DAVIS"
    for sequence, objects in sequences.items():
        frames, annotations = (root / part / "480p" / sequence for part in ("JPEGImages", "Annotations"))
        frames.mkdir(parents=True, exist_ok=True)
        annotations.mkdir(parents=True, exist_ok=True)
        for number, scene in enumerate(compose_video(seed, sequence, objects, images)):
            scene.image.save(frames / f"{number:05d}.jpg", quality=92)
            save_labels(annotations / f"{number:05d}.png", scene.labels)
    sets = root / "ImageSets" / "2017"
    sets.mkdir(parents=True, exist_ok=True)
    (sets / "train.txt").write_text("".join(f"{sequence}\n" for sequence in sequences), encoding="utf-8")


# What draws a dataset of each format.
WRITERS = {"coco": write_coco, "voc": write_voc, "davis": write_davis}


def write_dataset(
    format: str,
    folder: Path,
    *,
    images: int,
    seed: int,
    splits: Sequence[str],
    sequences: Mapping[str, Mapping[int, str]] | None,
) -> None:
    """Draw a dataset in its official layout: one split of still images, or videos.

    Parameters
    ----------
    format
        One of :data:`WRITERS`.
    folder
        Folder of the dataset; it is made if it does not exist.
    images
        Number of images, or of images of each video.
    seed
        Seed of everything drawn.
    splits
        The one split of a dataset of still images.
    sequences
        Objects of each video by its name, see :func:`write_davis`.

    Raises
    ------
    ValueError
        If the format is none that the demo draws.
    """
    if format not in WRITERS:
        raise ValueError(f"the demo draws no dataset of format {format!r}; it draws {', '.join(WRITERS)}")
    content = {"sequences": sequences} if sequences else {"split": splits[0]}
    WRITERS[format](folder, images=images, seed=seed, **content)
