"""Manifests, as the selection writes them, for the tests of what reads them."""

import numpy as np
import pandas as pd
from pycocotools import mask as coco_mask

from semlens.storage.instances import INSTANCES
from semlens.storage.tables import write_parquet


def make_instance(instance, mask, *, file=None, class_name="cat", identity=None, dataset="drawn", frame=None):
    """Return a manifest's row of an instance named ``image/instance``. A frame's image is named ``video/...``."""
    image = instance.rsplit("/", 1)[0]
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    box = dict(zip(("bbox_x", "bbox_y", "bbox_w", "bbox_h"), coco_mask.toBbox(rle), strict=True))
    return {
        "dataset": dataset,
        "image_id": image,
        "file": file or f"{image}.jpg",
        "width": mask.shape[1],
        "height": mask.shape[0],
        "instance_id": instance,
        "class_name": class_name,
        "identity": identity,
        "video": None if frame is None else image.split("/")[0],
        "frame": frame,
        "area_fraction": np.mean(mask),
        **box,
        "rle": rle["counts"].decode(),
    }


def write_manifest(rows, path):
    write_parquet(pd.DataFrame(rows), INSTANCES, path)
    return path
