"""What figures of neighbours and of pairs share: objects cut out of their images."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from semlens.draw.style import Statistics
from semlens.images.crops import Crop, crop_instance, shrink_crop
from semlens.storage.table_reader import read_table

_SIDE = 240  # pixels: more than a panel has


def load_crops(
    tables: Statistics, datasets: Mapping[str, str], sources: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str], Crop]:
    """Return a small crop of every object that tables name, by dataset and instance.

    Parameters
    ----------
    datasets
        The dataset of each table.
    sources
        By dataset: its ``manifests``, the folder of its ``images``, and ``exif``.
    """
    crops = {}
    for dataset in dict.fromkeys(datasets.values()):
        shown = pd.concat([table for name, table in tables.items() if datasets[name] == dataset])
        wanted = {*shown["instance_a"], *shown["instance_b"]}
        source = sources[dataset]
        instances = pd.concat(map(read_table, source["manifests"]))
        for instance in instances[instances["instance_id"].isin(wanted)].to_dict("records"):
            crop = crop_instance(instance, source["images"], exif=source["exif"], margin=0.2)
            crops[dataset, instance["instance_id"]] = shrink_crop(crop, _SIDE)
    return crops


def show_crop(panel: plt.Axes, crop: Crop, caption: str, frame: dict[str, str] | None = None) -> None:
    """Fill a square panel with an object, outlined, above its caption, in a frame if it gets one."""
    image = np.asarray(crop.image)
    panel.imshow(image)
    if crop.mask.any() and not crop.mask.all():
        for colour, width in (("black", 1.6), ("white", 0.8)):
            panel.contour(crop.mask, levels=[0.5], colors=colour, linewidths=width)
    height, width = image.shape[:2]
    if frame:
        panel.add_patch(
            plt.Rectangle((0, 0), 1, 1, transform=panel.transAxes, fill=False, linewidth=2, clip_on=False, **frame)
        )
    side = max(height, width) / 2
    panel.set_xlim(width / 2 - side, width / 2 + side)
    panel.set_ylim(height / 2 + side, height / 2 - side)
    panel.set_xlabel(caption, fontsize="x-small", labelpad=2, color=frame["color"] if frame else "black")


def spread(names: Sequence[str], most: int) -> list[str]:
    """Return some names, the first and the last among them."""
    places: Iterable[int] = np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int)
    return [names[place] for place in dict.fromkeys(places)]
