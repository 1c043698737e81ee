"""An instance cut out of its image."""

from collections.abc import Mapping, Sequence
from math import ceil, floor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from semlens.images.masks import decode_mask
from semlens.images.paths import find_image
from semlens.images.reading import find_image_folder, read_image
from semlens.images.views import CropBox


class Crop(NamedTuple):
    """An instance cut out of its image."""

    image: Image.Image
    mask: np.ndarray  # (height, width) bool, the instance's visible pixels
    box: CropBox  # its place in the whole image, in pixels


def crop_instance(instance: Any, folder: str | Path, *, exif: str, margin: float = 0.1) -> Crop:
    """Return an instance cut out of its image.

    Parameters
    ----------
    instance
        A row of a manifest.
    folder
        The dataset's images.
    exif
        See :func:`semlens.images.reading.read_image`.
    margin
        How much of the surroundings is kept on each side, as a share of the instance's width and height.
    """
    width, height = int(instance["width"]), int(instance["height"])
    image = read_image(find_image(folder, instance["file"]), width=width, height=height, exif=exif)
    mask = decode_mask(instance["rle"], width=width, height=height).astype(bool)
    x, y, w, h = (instance[f"bbox_{key}"] for key in "xywh")
    box = CropBox(
        left=max(0, floor(x - margin * w)),
        top=max(0, floor(y - margin * h)),
        right=min(width, ceil(x + (1 + margin) * w)),
        bottom=min(height, ceil(y + (1 + margin) * h)),
    )
    return Crop(image.crop(box), mask[box.top : box.bottom, box.left : box.right], box)


def shrink_crop(crop: Crop, side: int) -> Crop:
    """Return a crop whose image and mask are no wider and no higher than ``side`` pixels; its box stays."""
    image = crop.image.copy()
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    mask = Image.fromarray(crop.mask).resize(image.size, Image.Resampling.NEAREST)
    return Crop(image, np.asarray(mask), crop.box)


def list_sources(
    manifests: Sequence[str | Path], images: Sequence[str | Path], exif: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return what the crops of each dataset are cut from: its ``manifests``, the folder of its ``images``, ``exif``.

    Parameters
    ----------
    manifests
        Of all datasets, each in a folder of the dataset's name.
    images
        The folder, or a list of downloaded images, of each dataset in the order of ``exif``.
    """
    return {
        dataset: {
            "manifests": [path for path in manifests if Path(path).parent.name == dataset],
            "images": find_image_folder(folder),
            "exif": what,
        }
        for (dataset, what), folder in zip(exif.items(), images, strict=True)
    }
