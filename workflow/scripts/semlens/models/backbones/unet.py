"""TODO."""

from pathlib import Path
from typing import Any

import torch

from semlens.models.layers import Layer
from semlens.models.loading import _diffusers, check_kind, load_part
from semlens.runtime.logs import log


def list_unet_layers(unet: dict[str, Any]) -> list[Layer]:
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


def load_unet(folder: str | Path, *, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    """Return the ``UNet2DConditionModel`` of a ``unet`` folder."""
    return load_part(_diffusers().UNet2DConditionModel, folder, "U-Net", dtype).to(device).eval().requires_grad_(False)


def write_untrained_unet(settings: str | Path, out: str | Path, *, seed: int) -> None:
    """Write a ``unet`` folder built as another's ``config.json`` says, with PyTorch's random initial weights.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is not that of a ``UNet2DConditionModel``.
    """
    kind = _diffusers().UNet2DConditionModel
    check_kind(kind, settings, "U-Net")
    torch.manual_seed(seed)
    kind.from_config(kind.load_config(settings, local_files_only=True)).save_pretrained(out)
    log.info("%s: a U-Net with random weights of seed %d, built as %s says", out, seed, settings)
