"""Capture points of a diffusion U-Net, derived from its own configuration, and names for sets of them.

``enc16.1`` is the first encoder layer whose map is 16 cells wide at the model's native size; ``enc16`` is all
encoder layers at 16, ``16`` all layers at 16, and ``+`` joins sets.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NAME = re.compile(r"(enc|mid|dec)?(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class Layer:
    """One capture point: its canonical name, its module in diffusers, its grid side and its channels."""

    name: str
    module: str
    grid: int
    channels: int


def layers(unet: dict[str, Any]) -> list[Layer]:
    """Return the capture points in forward order.

    A point is the output of a residual + attention pair, or of the residual block where there is no attention,
    before any down- or upsampler.

    Parameters
    ----------
    unet
        Configuration of a diffusers ``UNet2DConditionModel``.
    """
    channels = unet["block_out_channels"]
    grids = [unet["sample_size"] >> level for level in range(len(channels))]
    depth = unet["layers_per_block"]
    depths = [depth] * len(channels) if isinstance(depth, int) else list(depth)

    def block(part: str, place: str, kind: str, level: int, count: int) -> list[Layer]:
        inside = "attentions" if "CrossAttn" in kind else "resnets"
        return [
            Layer(f"{part}{grids[level]}.{k + 1}", f"{place}.{inside}.{k}", grids[level], channels[level])
            for k in range(count)
        ]

    down = [
        layer
        for level, kind in enumerate(unet["down_block_types"])
        for layer in block("enc", f"down_blocks.{level}", kind, level, depths[level])
    ]
    middle = (
        [Layer(f"mid{grids[-1]}", "mid_block", grids[-1], channels[-1])]
        if unet.get("mid_block_type", "UNetMidBlock2DCrossAttn")
        else []
    )
    up = [
        layer
        for place, kind in enumerate(unet["up_block_types"])
        for level in [len(channels) - 1 - place]
        for layer in block("dec", f"up_blocks.{place}", kind, level, depths[level] + 1)
    ]
    return down + middle + up


def members(feature_set: str, available: Iterable[str]) -> list[str]:
    """Return the layer names of ``available`` that make up a feature set such as ``64+32+16``, in their order.

    Raises
    ------
    ValueError
        If a term of the set names no available layer.
    """
    available = list(available)
    found = set()
    for term in feature_set.split("+"):
        matching = {name for name in available if _belongs(name, term)}
        if not matching:
            raise ValueError(f"no layer {term!r} (of feature set {feature_set!r}); there are {', '.join(available)}")
        found |= matching
    return [name for name in available if name in found]


def grid(layer: str) -> int:
    """Return the grid side in a layer's name."""
    return int(NAME.fullmatch(layer)[2])


def depth(feature_set: str) -> tuple[int, int, int] | None:
    """Return a key that sorts layers by their place in the U-Net, from its input to its output; None for a sum."""
    found = NAME.fullmatch(feature_set)
    if found is None or found[1] is None or (found[3] is None) != (found[1] == "mid"):
        return None
    part, side = ("enc", "mid", "dec").index(found[1]), int(found[2])
    return part, side if part == 2 else -side, int(found[3] or 0)


def _belongs(layer: str, term: str) -> bool:
    wanted = NAME.fullmatch(term)
    return wanted is not None and all(
        want is None or want == have for want, have in zip(wanted.groups(), NAME.fullmatch(layer).groups(), strict=True)
    )
