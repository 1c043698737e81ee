"""Shards of prototypes, as pooling writes them, for the tests of what reads them."""

import json

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from semlens.storage.prototype_keys import LAYER_SETS

COLUMNS = {"enc16.1": ["enc16.1@16"], "64+16": ["enc64.1@64", "enc16.1@64"]}
DIMENSIONS = {"enc16.1@16": 6, "enc64.1@64": 3, "enc16.1@64": 6}


def write_manifest(path, images, *, box=None, seed=0):
    """Sizes and places of the same images' objects, in images of 100 x 50; all have the box, if there is one."""
    ids = [f"{image}/{number}" for image, *_, objects in images for number in range(1, len(objects) + 1)]
    rng = np.random.default_rng(seed)
    boxes = [box or (*rng.uniform(0, [60, 30]), *rng.uniform(1, [40, 20])) for _ in ids]
    frame = pd.DataFrame(boxes, columns=["bbox_x", "bbox_y", "bbox_w", "bbox_h"], dtype=float)
    frame = frame.assign(instance_id=ids, width=100, height=50)
    frame["area_fraction"] = frame["bbox_w"] * frame["bbox_h"] / 5000 * 0.625
    parquet.write_table(arrow.Table.from_pandas(frame, preserve_index=False), path)
    return path


def write_shard(path, images, *, seed, passes=(("identity", 0),), columns=None):
    """Prototypes of images (name, video, frame, [(class_name, identity)]), as pooling writes them."""
    columns = COLUMNS if columns is None else columns
    rng = np.random.default_rng(seed)
    rows = [
        {
            "image_id": image,
            "instance_id": f"{image}/{number}",
            "class_name": class_name,
            "identity": identity,
            "video": video,
            "frame": frame,
            "view": view,
            "timestep": timestep,
        }
        for view, timestep in passes
        for image, video, frame, objects in images
        for number, (class_name, identity) in enumerate(objects, start=1)
    ]
    frame = pd.DataFrame(rows).astype({"frame": "Int32", "timestep": "int32", "identity": str, "video": str})
    frame[["identity", "video"]] = pd.DataFrame(rows)[["identity", "video"]].astype("string")
    table = arrow.Table.from_pandas(frame, preserve_index=False)
    for column in dict.fromkeys(name for names in columns.values() for name in names):
        values = rng.standard_normal((len(rows), DIMENSIONS[column])).astype(np.float32)
        flat = arrow.FixedSizeListArray.from_arrays(arrow.array(values.ravel()), values.shape[1])
        table = table.append_column(column, flat)
    parquet.write_table(table.replace_schema_metadata({LAYER_SETS: json.dumps(columns).encode()}), path)
    return path
