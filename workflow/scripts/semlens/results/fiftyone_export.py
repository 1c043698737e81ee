"""A run's objects and planes in FiftyOne, for those who look at their data there."""

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from semlens.images.masks import decode_mask
from semlens.images.paths import find_image
from semlens.results.run import Run


def to_fiftyone(run: Run, dataset: str, *, name: str | None = None) -> Any:
    """Return a FiftyOne dataset of a run's images, with their objects as detections in the field ``objects``.

    A detection has the class as its label, a box, a mask, and as ``object_id`` the instance's id. Each plane of the
    explorer is a visualization of FiftyOne Brain, such as ``plane_plain_sd15_enc16_1_t0``, which the App shows under
    Embeddings.

    Parameters
    ----------
    name
        Of the FiftyOne dataset, which is kept if its ``persistent`` is set; a new one if left out.

    Raises
    ------
    ImportError
        If FiftyOne is not installed: ``pip install 'semlens[fiftyone]'``.
    """
    try:
        import fiftyone
        from fiftyone import brain
    except ImportError as error:
        raise ImportError("FiftyOne is not installed: pip install 'semlens[fiftyone]'") from error

    exported = fiftyone.Dataset(name)
    try:
        _fill(exported, run, dataset, fiftyone, brain)
    except Exception:
        exported.delete()
        raise
    return exported


def _fill(exported: Any, run: Run, dataset: str, fiftyone: ModuleType, brain: ModuleType) -> None:
    samples = []
    for image in describe_images(run, dataset):
        detections = [fiftyone.Detection(**detection) for detection in image.pop("objects")]
        samples.append(fiftyone.Sample(**image, objects=fiftyone.Detections(detections=detections)))
    exported.add_samples(samples)
    names, labels = exported.values(["objects.detections.object_id", "objects.detections.id"], unwind=True)
    label_of = dict(zip(names, labels, strict=True))
    for plane, table in run.planes(dataset):
        points = {label_of[row.instance_id]: np.array([row.x, row.y]) for row in table.itertuples()}
        key = re.sub(r"\W", "_", "plane_{extraction}_{model}_{layers}_t{timestep}".format_map(plane))
        brain.compute_visualization(exported, patches_field="objects", points=points, brain_key=key)


def describe_images(run: Run, dataset: str) -> Iterator[dict[str, Any]]:
    """Yield what FiftyOne is told of each image that a run studies.

    Yields
    ------
    dict
        ``filepath``, ``image_id``, and ``video`` and ``frame`` of a frame; ``objects``, records of ``label``,
        ``bounding_box`` (left, top, width and height as shares of the image's), ``mask`` (bool, of the box) and
        ``object_id``, the instance's id.
    """
    folder = run.find_images(dataset)
    for (image_id, file), instances in run.instances(dataset).groupby(["image_id", "file"], sort=False):
        first = instances.iloc[0]
        frame = {} if pd.isna(first["video"]) else {"video": first["video"], "frame": int(first["frame"])}
        objects = [_describe_object(instance) for instance in instances.to_dict("records")]
        yield {"filepath": str(find_image(folder, file).absolute()), "image_id": image_id, **frame, "objects": objects}


def _describe_object(instance: dict[str, Any]) -> dict[str, Any]:
    width, height = instance["width"], instance["height"]
    x, y, w, h = (round(instance[f"bbox_{key}"]) for key in "xywh")
    mask = decode_mask(instance["rle"], width=width, height=height).astype(bool)
    return {
        "label": instance["class_name"],
        "bounding_box": [x / width, y / height, w / width, h / height],
        "mask": mask[y : y + h, x : x + w],
        "object_id": instance["instance_id"],
    }
