"""Views: how an image is transformed before it goes through the model (section 5.4).

Each kind of view is a file of this folder, found by its name, so that an edit to it reruns only the jobs that name it.
The file's docstring says what the model sees. It holds ``VIEW``, or ``build_view(name, share)`` where the view has a
parameter. Parameters are shares between 0 and 1, in per cent in names: ``{crop_shift: 0.2}`` is ``crop_shift20``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

import numpy as np


class CropBox(NamedTuple):
    """A rectangle of whole pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def keep_pixels(pixels: np.ndarray) -> np.ndarray:
    """Return an image or mask as it is."""
    return pixels


@dataclass(frozen=True)
class View:
    """What happens to an image and its masks, in this order: crop, resize to a square, transform.

    Attributes
    ----------
    name
        As files, tables and configurations name it.
    per_instance
        Each instance is a sample of its own; otherwise each image is.
    seeded
        What the view shows depends on the seed.
    resample
        How the image is resized to the square; None: as the model wants it.
    find_crop_box
        Of a manifest's row (``bbox_x``, ``bbox_y``, ``bbox_w``, ``bbox_h``, ``width``, ``height``, ``instance_id``) and
        the seed: the part of the image that is kept. None keeps all of it.
    cuts_out
        The crop box is cut out and fills the square; otherwise it stays in its place, and black surrounds it.
    transform_image
        Of the image's square, (3, side, side) float32 in [-1, 1]: the square that the model sees.
    transform_mask
        Of masks on a grid, (..., side, side): the same masks in the transformed image.
    """

    name: str
    per_instance: bool = False
    seeded: bool = False
    resample: Literal["bicubic", "bilinear"] | None = None
    find_crop_box: Callable[[Any, int], CropBox] | None = None
    cuts_out: bool = False
    transform_image: Callable[[np.ndarray], np.ndarray] = keep_pixels
    transform_mask: Callable[[np.ndarray], np.ndarray] = keep_pixels


def list_views() -> list[str]:
    """Return the kinds of views, sorted, without importing them."""
    return sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))


def load_view(spec: str | Mapping[str, float]) -> View:
    """Return the view of a name, or of a kind and its share.

    Raises
    ------
    ValueError
        As :func:`name_view`.
    """
    return _load_named(name_view(spec))


def name_view(spec: str | Mapping[str, float]) -> str:
    """Return the one name of a view: ``{crop_shift: 0.125}`` and ``crop_shift12.50`` are ``crop_shift12.5``.

    Raises
    ------
    ValueError
        If there is no such view, or its share is missing, not wanted, or not between 0 and 1.
    """
    if isinstance(spec, str):
        kind, share = parse_view(spec)
    elif isinstance(spec, Mapping) and len(spec) == 1:
        ((kind, share),) = spec.items()
        _check_view(spec, kind, share)
    else:
        raise ValueError(f"view {spec!r} is neither a name nor a kind with its share, such as {{crop_shift: 0.2}}")
    return kind if share is None else f"{kind}{(Decimal(str(float(share))) * 100).normalize():f}"


def parse_view(name: str) -> tuple[str, float | None]:
    """Return the kind of a view, which is its file's name, and its share: ``crop_shift20`` is ("crop_shift", 0.2).

    Raises
    ------
    ValueError
        As :func:`name_view`.
    """
    kind, share = name, None
    number = re.fullmatch(r"(.+?)(\d+(?:\.\d+)?)", name)
    if number and name not in list_views():
        kind, share = number[1], float(Decimal(number[2]) / 100)
    _check_view(name, kind, share)
    return kind, share


def import_kind(kind: str) -> ModuleType:
    """Return the module of a kind of view."""
    return import_module(f"{__name__}.{kind}")


def takes_share(kind: str) -> bool:
    """Return whether a kind of view has a parameter."""
    return hasattr(import_kind(kind), "build_view")


@cache
def _load_named(name: str) -> View:
    kind, share = parse_view(name)
    return import_kind(kind).VIEW if share is None else import_kind(kind).build_view(name, share)


def _check_view(spec: Any, kind: str, share: Any) -> None:
    if kind not in list_views():
        raise ValueError(f"there is no view {spec!r}; there are {', '.join(list_views())}")
    if not takes_share(kind):
        if share is not None:
            raise ValueError(f"view {spec!r}: {kind} takes no number")
    elif not isinstance(share, int | float) or not 0 < share < 1:
        raise ValueError(
            f"view {spec!r}: {kind} takes a share between 0 and 1, such as {{{kind}: 0.25}} or, in per cent, {kind}25"
        )
