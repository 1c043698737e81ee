"""What the VAE and the scheduler of a model must be, by their own configurations; asked before anything runs."""

from typing import Any

_REDUCTION = 8  # image pixels per latent
_NOT_BY_BETAS = ("FlowMatch", "EDM", "VQ")  # beginnings of schedulers whose noise is not defined by betas
_BETAS = ("beta_start", "beta_end", "beta_schedule", "trained_betas")


def check_vae(config: dict[str, Any], latent_channels: int | None = None) -> None:
    """Refuse a VAE whose latents the network cannot read.

    Parameters
    ----------
    latent_channels
        Channels that the network reads, if they are known.

    Raises
    ------
    ValueError
        Saying what it has and what is needed.
    """
    reduction = 2 ** (len(config["block_out_channels"]) - 1)
    if reduction != _REDUCTION:
        raise ValueError(f"its VAE makes one latent of {reduction} pixels; those of {_REDUCTION} are known")
    made = config.get("latent_channels", 4)
    if latent_channels not in (None, made):
        raise ValueError(f"its network reads latents of {latent_channels} channels, its VAE makes {made}")


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
