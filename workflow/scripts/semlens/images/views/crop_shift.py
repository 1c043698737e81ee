"""As crop_pad, with the box moved by this share of its size, in a direction of the object's own."""

import hashlib
from typing import Any

import numpy as np

from semlens.images.views import CropBox, View
from semlens.images.views._boxes import move_box


def build_view(name: str, share: float) -> View:
    """Return the view that moves boxes by (share x width x cos a, share x height x sin a).

    The angle a follows from (seed, name, instance); what of the moved box lies within the image is shown.
    """

    def find_box(instance: Any, seed: int) -> CropBox:
        digest = hashlib.sha256(f"{seed}/{name}/{instance.instance_id}".encode()).digest()
        angle = 2 * np.pi * int.from_bytes(digest[:4], "big") / 2**32
        return move_box(
            instance, right=share * instance.bbox_w * np.cos(angle), down=share * instance.bbox_h * np.sin(angle)
        )

    return View(name, per_instance=True, seeded=True, find_crop_box=find_box)
