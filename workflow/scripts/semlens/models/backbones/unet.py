"""U-Nets of Stable Diffusion 1, 2 and XL: diffusers' ``UNet2DConditionModel``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from semlens.models.backbones._conditioning import read_sample_texts
from semlens.models.layers import Layer
from semlens.models.loading import load_network, write_untrained_network

if TYPE_CHECKING:
    import h5py
    import torch

NETWORKS = ("UNet2DConditionModel",)
READS, NOISE, TEXT, REDUCTION = "latents", "betas", "clip", 8
PART = "unet"
REQUIRED_PARTS = (PART, "vae", "text_encoder", "tokenizer", "scheduler")
PARTS = (*REQUIRED_PARTS, "tokenizer_2", "text_encoder_2")  # SDXL has the last two
_NOT_READ = ("class_embed_type", "num_class_embeds", "time_cond_proj_dim", "encoder_hid_dim_type")


def check_config(config: dict[str, Any], size: int | None = None) -> None:
    """Refuse a U-Net that reads more than latents, a timestep, text and sizes, or images of another size.

    Raises
    ------
    ValueError
        Naming the key of its configuration.
    """
    foreign = {key: config[key] for key in _NOT_READ if config.get(key) is not None}
    if config.get("addition_embed_type") not in (None, "text_time"):
        foreign["addition_embed_type"] = config["addition_embed_type"]
    if foreign:
        wants = ", ".join(f"{key}: {value}" for key, value in foreign.items())
        raise ValueError(
            f"its U-Net wants more than a timestep, prompts and sizes ({wants}); Stable Diffusion 1, 2 and XL are known"
        )
    if config.get("in_channels", 4) != config.get("out_channels", 4):
        raise ValueError(
            f"its U-Net reads {config['in_channels']} channels and gives {config.get('out_channels', 4)}: it wants "
            f"more than latents, as one for inpainting does"
        )
    side = config.get("sample_size")
    if not isinstance(side, int) or side < 1:
        raise ValueError(f"its U-Net has sample_size {side}; it must be one number, the side of its latents")
    if size is not None and size != REDUCTION * side:
        raise ValueError(f"its U-Net reads images of {REDUCTION * side}; set 'size: {REDUCTION * side}'")


def count_channels(config: dict[str, Any]) -> int:
    """Return how many channels the latents have that the U-Net reads."""
    return config.get("in_channels", 4)


def list_layers(config: dict[str, Any], size: int | None = None) -> list[Layer]:
    """Return the capture points in forward order.

    A point is the output of a residual + attention pair, or of the residual block where there is no attention,
    before any down- or upsampler.

    Parameters
    ----------
    config
        Configuration of a diffusers ``UNet2DConditionModel``.
    size
        Not minded: a U-Net reads one size.
    """
    channels = config["block_out_channels"]
    grids = [config["sample_size"] >> level for level in range(len(channels))]
    depth = config["layers_per_block"]
    depths = [depth] * len(channels) if isinstance(depth, int) else list(depth)

    def block(part: str, place: str, kind: str, level: int, count: int) -> list[Layer]:
        inside = "attentions" if "CrossAttn" in kind else "resnets"
        return [
            Layer(f"{part}{grids[level]}.{k + 1}", f"{place}.{inside}.{k}", grids[level], channels[level])
            for k in range(count)
        ]

    down = [
        layer
        for level, kind in enumerate(config["down_block_types"])
        for layer in block("enc", f"down_blocks.{level}", kind, level, depths[level])
    ]
    middle = (
        [Layer(f"mid{grids[-1]}", "mid_block", grids[-1], channels[-1])]
        if config.get("mid_block_type", "UNetMidBlock2DCrossAttn")
        else []
    )
    up = [
        layer
        for place, kind in enumerate(config["up_block_types"])
        for level in [len(channels) - 1 - place]
        for layer in block("dec", f"up_blocks.{place}", kind, level, depths[level] + 1)
    ]
    return down + middle + up


def find_grid(network: "torch.nn.Module", inputs: dict[str, Any]) -> None:
    """Return nothing: a U-Net's layers give out maps."""


def to_map(features: "torch.Tensor", grid: None) -> "torch.Tensor":  # (batch, channels, height, width)
    """Return a layer's output as it is."""
    return features


def load(folder: str | Path, *, device: "torch.device", dtype: "torch.dtype") -> "torch.nn.Module":
    """Return the ``UNet2DConditionModel`` of a ``unet`` folder; see :func:`semlens.models.loading.load_network`."""
    from diffusers import UNet2DConditionModel

    return load_network(UNet2DConditionModel, folder, "U-Net", check_config, device=device, dtype=dtype)


def write_untrained(config_file: str | Path, out: str | Path, *, seed: int) -> None:
    """Write a ``unet`` folder; see :func:`semlens.models.loading.write_untrained_network`."""
    from diffusers import UNet2DConditionModel

    write_untrained_network(UNet2DConditionModel, config_file, "U-Net", out, seed=seed)


def prepare_conditioning(
    network: "torch.nn.Module", prompts: "h5py.File", view: str, rows: slice, *, image_size: int
) -> dict[str, Any]:
    """Return what a forward pass is given beside latents and timestep.

    That is the text of each sample; for SDXL, also its pooled embedding and the size of an uncropped image.

    Parameters
    ----------
    prompts
        A shard of :mod:`semlens.extract.prompts`.
    view, rows
        The samples of the batch.
    """
    import torch

    conditioning: dict[str, Any] = {
        "encoder_hidden_states": read_sample_texts(network, prompts, "embedding", view, rows)
    }
    if network.config.addition_embed_type == "text_time":
        size = [[image_size, image_size, 0, 0, image_size, image_size]]
        sizes = torch.tensor(size * (rows.stop - rows.start), device=network.device, dtype=network.dtype)
        pooled = read_sample_texts(network, prompts, "pooled", view, rows)
        conditioning["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": sizes}
    return conditioning


def build_inputs(
    network: "torch.nn.Module", latents: "torch.Tensor", timestep: int, conditioning: dict[str, Any]
) -> dict[str, Any]:
    """Return all that a forward pass is given, by name.

    Raises
    ------
    ValueError
        If the latents have another size than the U-Net's own.
    """
    side = network.config.sample_size
    if latents.shape[-2:] != (side, side):
        raise ValueError(
            f"the U-Net reads {side}x{side} latents, its VAE made {latents.shape[-2]}x{latents.shape[-1]}; "
            f"set the model's 'size' to {side} times the VAE's reduction (8 for Stable Diffusion)"
        )
    return {"sample": latents.to(network.dtype), "timestep": timestep, **conditioning}


def denoise(
    network: "torch.nn.Module", sampler: Any, latents: "torch.Tensor", timestep: int, conditioning: dict[str, Any]
) -> "torch.Tensor":  # (batch, channels, height, width) float32
    """Return noisy latents of a timestep, brought to the noise of timestep 0 without new noise (DDIM)."""
    stride = sampler.config.num_train_timesteps // sampler.num_inference_steps
    for step in range(timestep, 0, -stride):
        predicted = network(latents.to(network.dtype), step, **conditioning).sample
        latents = sampler.step(predicted.float(), step, latents).prev_sample
    return latents
