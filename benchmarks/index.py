"""Measure the index of annotations like those of COCO's training images, and the selection of one shard from it.

    python benchmarks/index.py
    python benchmarks/index.py --toy

The annotations are drawn in COCO's format: polygons whose number, length and area spread as in a sample of 80 of COCO's
images (43 numbers an object on average), 1 % crowds as uncompressed run lengths; 440 MB at COCO's size.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import measure
import numpy as np

SIZES = np.array([(640, 480), (480, 640), (500, 375), (640, 427)])
CROWDS, CATEGORIES = 0.01, 80
AT_ONCE = 10_000
SHARD = 1000  # images


def write_annotations(path: Path, images: int, instances: int, seed: int = 0) -> None:
    """Write annotations of ``images`` images, in no order, as COCO's are."""
    rng = np.random.default_rng(seed)
    ids = rng.choice(5 * images, images, replace=False)
    sizes = SIZES[rng.integers(len(SIZES), size=images)]
    pictures = [
        {
            "license": 3,
            "file_name": f"{number:012d}.jpg",
            "coco_url": f"http://images.cocodataset.org/train2017/{number:012d}.jpg",
            "height": height,
            "width": width,
            "date_captured": "2013-11-14 11:18:45",
            "flickr_url": f"http://farm9.staticflickr.com/8186/{number:010d}_4e622c8349_z.jpg",
            "id": number,
        }
        for number, (width, height) in zip(ids.tolist(), sizes.tolist(), strict=True)
    ]
    categories = [{"id": number, "name": f"thing {number}"} for number in range(CATEGORIES)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        file.write(f'{{"images": {json.dumps(pictures)}, "annotations": [')
        for first in range(0, instances, AT_ONCE):
            shown = rng.integers(images, size=min(AT_ONCE, instances - first))
            drawn = zip(ids[shown].tolist(), _segmentations(rng, sizes[shown]), strict=True)
            entries = [
                {
                    "segmentation": segmentation,
                    "area": 2765.1486500000005,
                    "iscrowd": int(isinstance(segmentation, dict)),
                    "image_id": image,
                    "bbox": [199.84, 200.46, 77.71, 70.88],
                    "category_id": number % CATEGORIES,
                    "id": number,
                }
                for number, (image, segmentation) in enumerate(drawn, start=first)
            ]
            file.write("," * (first > 0) + json.dumps(entries, separators=(",", ":"))[1:-1])
        file.write(f'], "categories": {json.dumps(categories)}}}')


def _segmentations(rng: np.random.Generator, sizes: np.ndarray) -> Iterator[list | dict]:
    """A segmentation in each of some images, whose ``sizes`` (images, 2) are width and height."""
    parts = rng.choice([1, 2, 3], p=[0.93, 0.05, 0.02], size=len(sizes))
    of = np.repeat(np.arange(len(sizes)), parts)
    points = np.clip(rng.lognormal(np.log(16), 0.75, len(of)), 4, 200).astype(int)
    radius = np.minimum(np.sqrt(rng.lognormal(np.log(1500), 2.1, len(of)) / np.pi), 240)
    centre = rng.uniform(0, sizes[of])  # (parts, 2)
    part, ends = np.repeat(np.arange(len(of)), points), np.cumsum(points)
    angle = 2 * np.pi * (np.arange(ends[-1]) - (ends - points)[part]) / points[part]
    ray = radius[part, None] * rng.uniform(0.6, 1.4, (len(part), 1)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    numbers = np.clip(centre[part] + ray, 0, sizes[of][part]).round(2).ravel().tolist()
    outlines = [numbers[start:end] for start, end in pairwise([0, *(2 * ends).tolist()])]
    for (start, end), (width, height) in zip(pairwise([0, *np.cumsum(parts)]), sizes.tolist(), strict=True):
        if rng.random() < CROWDS:
            turns = np.sort(rng.choice(width * height, 1000, replace=False))
            counts = np.diff(turns, prepend=0, append=width * height).tolist()
            yield {"counts": counts, "size": [height, width]}
        else:
            yield outlines[start:end]


def run(runs: int, name: str, **arguments: object) -> dict[str, str]:
    """Run a function of semlens.select.selection in processes of their own; return what it took."""
    work = f"import sys; sys.path = {sys.path}; from semlens.select import selection; selection.{name}(**{arguments})"
    seconds, peaks = measure.in_processes([sys.executable, "-c", work], runs)
    return {"job": name, "seconds": measure.spread(seconds), "peak memory, GB": measure.spread(peaks)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=118_287)
    parser.add_argument("--instances", type=int, default=860_001)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--toy", action="store_true", help="300 images, 2,000 instances")
    arguments = parser.parse_args()
    images, instances = (300, 2000) if arguments.toy else (arguments.images, arguments.instances)
    with tempfile.TemporaryDirectory() as folder:
        annotations = Path(folder, "annotations", "instances_train2017.json")
        write_annotations(annotations, images, instances)
        index = f"{folder}/index.parquet"
        rows = [
            run(
                arguments.runs,
                "index_dataset",
                dataset="coco",
                format="coco",
                folder=folder,
                options={"splits": ["train2017"], "sequences": None},
                out=index,
            ),
            run(
                arguments.runs,
                "select_images",
                dataset="coco",
                index=index,
                criteria={"classes": None, "min_area": 0, "min_area_of": "instance", "seed": 0},
                image_list=None,
                images=(0, min(SHARD, images // 2)),
                out=f"{folder}/manifest.parquet",
            ),
        ]
        print(f"{instances} instances in {images} images, {annotations.stat().st_size / 1e6:.0f} MB of annotations\n")
    measure.report(rows, "pandas", "pyarrow", "pycocotools")


if __name__ == "__main__":
    main()
