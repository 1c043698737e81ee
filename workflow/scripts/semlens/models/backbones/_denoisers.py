"""What diffusion transformers of diffusers share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semlens.models.backbones._tokens import Blocks, divide, list_block_layers
from semlens.models.layers import Layer
from semlens.models.loading import check_kind, load_part
from semlens.runtime.logs import log

if TYPE_CHECKING:
    import torch


def check_latents(config: dict[str, Any], *outputs: int) -> None:
    """Refuse a network that is given more than latents, or that reads parts of them.

    Parameters
    ----------
    outputs
        How many channels it may give out for each that it reads: 2 where it predicts the noise's variance as well.

    Raises
    ------
    ValueError
        Naming both numbers of channels.
    """
    read, given = config["in_channels"], config.get("out_channels") or config["in_channels"]
    if given not in [factor * read for factor in outputs]:
        raise ValueError(
            f"its transformer reads {read} channels and gives {given}: it wants more than latents, as one for "
            f"inpainting, control or editing does; take the text-to-image model that it was made from"
        )


def count_latent_channels(config: dict[str, Any]) -> int:
    """Return how many channels the latents have that a network reads as they are."""
    return config["in_channels"]


def check_size(size: int | None, cell: int) -> None:
    """Refuse images whose latents do not divide into the cells of a map.

    Parameters
    ----------
    size
        Side of the images in pixels; None if there is nothing to check.
    cell
        Pixels per cell along each side.

    Raises
    ------
    ValueError
        Naming the next smaller size that does.
    """
    if size is not None and size % cell:
        raise ValueError(
            f"its transformer reads cells of {cell} x {cell} pixels, into which images of {size} do not divide; set "
            f"'size: {max(size // cell, 1) * cell}'"
        )


def list_denoiser_layers(config: dict[str, Any], side: int | None, attention: str, *, stream: int = 0) -> list[Layer]:
    """Return the layers of every block, in forward order.

    Parameters
    ----------
    side
        Of the latents; the network's own if None.
    attention, stream
        See :class:`semlens.models.backbones._tokens.Blocks`.
    """
    blocks = Blocks("block", "transformer_blocks", config["num_layers"], attention, stream)
    return list_block_layers(
        [blocks],
        grid=(side or config["sample_size"]) // config["patch_size"],
        channels=config["num_attention_heads"] * config["attention_head_dim"],
    )


def divide_latents(network: "torch.nn.Module", inputs: dict[str, Any]) -> tuple[int, int]:
    """Return height and width of the maps that the network makes of its latents."""
    return divide(inputs["hidden_states"], network.config.patch_size)


def load_denoiser(
    kind: str,
    folder: str | Path,
    check_config: Callable[[dict[str, Any]], None],
    *,
    device: "torch.device",
    dtype: "torch.dtype",
) -> "torch.nn.Module":
    """Return the network of a ``transformer`` folder, frozen.

    Parameters
    ----------
    kind
        Its class in diffusers.
    check_config
        The family's.

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the folder, if it is no such network, or one that cannot be read.
    """
    import diffusers

    network = load_part(getattr(diffusers, kind), folder, "transformer", dtype)
    try:
        check_config(network.config)
    except ValueError as error:
        raise ValueError(f"the model in {folder} cannot be read: {error}") from None
    return network.to(device).eval().requires_grad_(False)


def write_untrained_denoiser(kind: str, config_file: str | Path, out: str | Path, *, seed: int) -> None:
    """Write a ``transformer`` folder built as another's ``config.json`` says, with diffusers' random initial weights.

    Those draw the layers of modulation like any other. So blocks of an untrained network change what they are given,
    which they would not if modulation began at 0, as it did where these networks were trained.

    Parameters
    ----------
    kind
        The network's class in diffusers.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is that of another class.
    """
    import diffusers
    import torch

    network, folder = getattr(diffusers, kind), Path(config_file).parent
    check_kind(network, folder, "transformer")
    torch.manual_seed(seed)
    config = network.load_config(folder, local_files_only=True)
    network.from_config(config).save_pretrained(out)
    log.info("%s: a %s with random weights of seed %d, built as %s says", out, kind, seed, config_file)


def repeat_timestep(
    latents: "torch.Tensor", timestep: float, dtype: "torch.dtype | None" = None
) -> "torch.Tensor":  # (batch)
    """Return the time of each sample; float32 unless ``dtype`` says otherwise."""
    import torch

    return torch.full((len(latents),), timestep, device=latents.device, dtype=dtype or torch.float32)
