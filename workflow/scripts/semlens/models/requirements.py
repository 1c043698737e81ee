"""What the parts of a model must be, by their own configurations; asked before anything runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semlens.models.backbones import load_backbone, recognize_family
from semlens.models.part_files import read_config
from semlens.models.parts import NETWORKS

_VAES = {"AutoencoderKL": "block_out_channels", "AutoencoderDC": "encoder_block_out_channels"}  # an entry per level
_NOT_BY_BETAS = ("FlowMatch", "EDM", "VQ")  # beginnings of schedulers whose noise is not defined by betas
_BETAS = ("beta_start", "beta_end", "beta_schedule", "trained_betas")


def check_part(part: str, files: Mapping[str, Path], *, family: str, size: int) -> dict[str, Any]:
    """Return the configuration of a part; refuse a part whose features would not mean what they say.

    Parameters
    ----------
    files
        Of the part, by name.
    family
        That is to read the model, see :mod:`semlens.models.backbones`.
    size
        Side in pixels of the images that the model is to be shown.

    Raises
    ------
    ValueError
        Saying what it has and what is needed.
    """
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    if name not in files:
        return {}
    config, backbone = read_config(files[name]), load_backbone(family)
    try:
        if part in NETWORKS and (found := recognize_family(config)) not in (None, family):
            raise ValueError(f"its network is of the family {found}, not {family}; set 'family: {found}'")
        if part == backbone.PART:
            backbone.check_config(config, size)
            backbone.list_layers(config, size)
            if backbone.READS == "images":
                backbone.read_preprocessing(files[name].parent)
        elif part == "vae":
            check_vae(config, backbone.REDUCTION)
        elif part == "scheduler" and backbone.NOISE == "betas":
            check_scheduler(config)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{files[name]} is no configuration of a {part}: {type(error).__name__} {error}") from None
    return config


def find_reduction(vae: Mapping[str, Any]) -> int:
    """Return for how many image pixels along each side a VAE makes one latent.

    Parameters
    ----------
    vae
        Configuration of diffusers' ``AutoencoderKL`` or ``AutoencoderDC``.

    Raises
    ------
    ValueError
        If it is of another kind, naming it.
    """
    kind = vae.get("_class_name", "AutoencoderKL")
    if kind not in _VAES:
        raise ValueError(f"its VAE is a {kind}; those known are {', '.join(_VAES)}")
    return 2 ** (len(vae[_VAES[kind]]) - 1)


def check_vae(config: Mapping[str, Any], reduction: int) -> None:
    """Refuse a VAE that does not make one latent of so many pixels along each side.

    Parameters
    ----------
    config
        See :func:`find_reduction`.
    reduction
        ``REDUCTION`` of the family that reads its latents.

    Raises
    ------
    ValueError
        Saying what it makes.
    """
    made = find_reduction(config)
    if made != reduction:
        raise ValueError(f"its VAE makes one latent of {made} pixels; its network reads those of {reduction}")


def check_channels(read: int, vae: Mapping[str, Any]) -> None:
    """Refuse a VAE whose latents have other channels than those that the network reads.

    Parameters
    ----------
    read
        By the network, as its family's ``count_channels`` says.
    vae
        Configuration of the VAE.

    Raises
    ------
    ValueError
        Naming both numbers.
    """
    made = vae.get("latent_channels", 4)
    if read != made:
        raise ValueError(f"its network reads latents of {read} channels, its VAE makes {made}")


def check_scheduler(config: dict[str, Any]) -> None:
    """Refuse a scheduler that does not define the noise of a timestep by betas.

    Raises
    ------
    ValueError
        Naming it.
    """
    name = str(config.get("_class_name"))
    if name.startswith(_NOT_BY_BETAS) or not any(key in config for key in _BETAS):
        raise ValueError(f"its scheduler {name} does not define noise by betas, as those of Stable Diffusion do")
