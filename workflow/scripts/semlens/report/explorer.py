"""One page to look around among the objects: where each lies in the plane, what it shows, what lies nearest to it."""

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from PIL import Image

from semlens.images.crops import Crop, crop_instance, shrink_crop
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log, show_progress
from semlens.storage.planes import MAX_OBJECTS, NEIGHBOURS
from semlens.storage.table_reader import read_table

_SIDE = 96  # pixels of a crop
_OUTLINE = (255, 176, 0)
_NOBODY = 65535  # in place of a position


def write_explorer(
    *,
    template: str | Path,
    planes: Iterable[Mapping[str, Any]],
    datasets: Mapping[str, Mapping[str, Any]],
    out: str | Path,
) -> None:
    """Write the page, which needs no other file.

    Parameters
    ----------
    planes
        Records of ``extraction``, ``model``, ``dataset`` and the ``path`` of a table of
        :data:`semlens.storage.planes.PLANES`.
    datasets
        By name: the ``manifests``, the folder of the ``images``, and ``exif``.
    """
    from bokeh.resources import Resources  # changes warnings' filters, which a notebook would not expect of semlens

    records = [{**plane, "table": read_table(plane["path"])} for plane in planes]
    shown = {}
    for name, source in datasets.items():
        instances = pd.concat(map(read_table, source["manifests"]), ignore_index=True)
        tables = [record["table"] for record in records if record["dataset"] == name]
        wanted = set(pd.concat(tables)["instance_id"]) if tables else set()
        shown[name] = instances[instances["instance_id"].isin(wanted)]
        log.info("%s: %d of %d objects", name, len(shown[name]), len(instances))
    content = {
        "datasets": {
            name: _describe_objects(instances, datasets[name]) for name, instances in shown.items() if len(instances)
        },
        "planes": [
            pack_plane(table, shown[record["dataset"]]["instance_id"])
            | {key: record[key] for key in ("extraction", "model", "dataset")}
            for record in records
            for _, table in record["table"].groupby(["layers", "timestep"], sort=False)
        ],
    }
    library = Resources(mode="inline", components=["bokeh", "bokeh-api"]).js_raw
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(Path(template).read_text(encoding="utf-8")).render(
        content=Markup(json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")),
        library=Markup("\n".join(library)),
        most=f"{MAX_OBJECTS:,}",
    )
    with write_atomically(out) as file:
        file.write_text(page, encoding="utf-8")
    log.info("explorer: %s (%.1f MB)", out, Path(out).stat().st_size / 1e6)


def pack_plane(table: pd.DataFrame, instances: pd.Series) -> dict[str, Any]:
    """Return a plane as the page reads it.

    Parameters
    ----------
    table
        Rows of one layer set and timestep.
    instances
        The ids of all objects of the dataset; the page knows them by their position.

    Returns
    -------
    dict
        ``layers``, ``timestep``, ``metric`` and ``explained``; ``objects``, positions; ``x`` and ``y``, whose span is
        65,535; ``neighbours``, as many positions per object, or 65535. These are uint16, little-endian, as base64.
    """
    if len(instances) >= _NOBODY:
        raise ValueError(f"{len(instances):,} objects of a dataset are more than the explorer can number")
    position = pd.Series(np.arange(len(instances)), index=instances.to_numpy())
    x, y = table["x"].to_numpy(), table["y"].to_numpy()
    span = max(np.ptp(x), np.ptp(y)) or 1.0
    neighbours = [table[name].map(position).fillna(_NOBODY) for name in NEIGHBOURS]
    first = table.iloc[0]
    return {
        "layers": first["layers"],
        "timestep": int(first["timestep"]),
        "metric": first["metric"].replace("_", " "),
        "explained": round(float(first["explained"]), 3),
        "objects": _pack(position[table["instance_id"]]),
        "x": _pack(np.round((x - x.min()) / span * 65535)),
        "y": _pack(np.round((y - y.min()) / span * 65535)),
        "neighbours": _pack(np.stack(neighbours, axis=1)),
    }


def _pack(values: Any) -> str:
    return base64.b64encode(np.asarray(values).astype("<u2").tobytes()).decode()


def _describe_objects(instances: pd.DataFrame, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the classes of a dataset, and of every object its id, image, class and picture."""
    classes: Sequence[str] = sorted(instances["class_name"].unique())
    objects = []
    rows = show_progress(instances.to_dict("records"), total=len(instances), what="crops", unit="object")
    for instance in rows:
        crop = crop_instance(instance, source["images"], exif=source["exif"], margin=0.2)
        where = instance["image_id"], classes.index(instance["class_name"])
        objects.append([instance["instance_id"], *where, embed_crop(crop)])
    return {"classes": classes, "objects": objects}


def embed_crop(crop: Crop) -> str:
    """Return a small WebP of an object, outlined, as base64."""
    small = shrink_crop(crop, _SIDE)
    mask = np.pad(small.mask, 1)
    inside = mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    pixels = np.array(small.image)
    pixels[small.mask & ~inside] = _OUTLINE
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "WEBP", quality=70)
    return base64.b64encode(content.getvalue()).decode()
