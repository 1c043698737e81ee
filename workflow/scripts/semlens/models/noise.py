"""Noise levels of a diffusion model, from its ``scheduler`` folder."""

import inspect
import math
from pathlib import Path
from typing import Any

import torch

from semlens.models.loading import require_file
from semlens.models.part_files import read_config
from semlens.models.requirements import check_scheduler


def read_alphas_cumprod(folder: str | Path) -> torch.Tensor:  # (1000,) float32
    """Return the signal's share of variance at each timestep."""
    from diffusers import DDPMScheduler

    return _load_scheduler(DDPMScheduler, folder).alphas_cumprod


N_TIMESTEPS = 1000


class BetaNoise:
    """Noise whose level at a timestep follows from a scheduler's betas (VP: DDPM)."""

    def __init__(self, scheduler: str | Path) -> None:
        self._signal = read_alphas_cumprod(scheduler)

    def mix(self, clean: torch.Tensor, noise: torch.Tensor, timestep: int) -> torch.Tensor:
        """Return latents with the noise of a timestep."""
        share = self._signal[timestep]
        return share.sqrt() * clean + (1 - share).sqrt() * noise

    def compute_snr(self, timestep: int) -> float:
        """Return the variance of the signal over that of the noise."""
        share = self._signal[timestep].double()
        return float(share / (1 - share))


class FlowNoise:
    """Noise of flow matching: at timestep t of 1000, latents move t / 1000 of the way to the noise.

    That is the model's own time before any shift: a sampler's shifted schedule says where it samples, not how noise is
    mixed.
    """

    def mix(self, clean: torch.Tensor, noise: torch.Tensor, timestep: int) -> torch.Tensor:
        """Return latents with the noise of a timestep."""
        sigma = timestep / N_TIMESTEPS
        return (1 - sigma) * clean + sigma * noise

    def compute_snr(self, timestep: int) -> float:
        """Return the variance of the signal over that of the noise."""
        return ((N_TIMESTEPS - timestep) / timestep) ** 2 if timestep else math.inf


def load_noise(kind: str, scheduler: str | Path) -> BetaNoise | FlowNoise:
    """Return how noise is mixed.

    Parameters
    ----------
    kind
        ``betas``: as a scheduler's folder says. ``flow``: whatever the scheduler.
    """
    return BetaNoise(scheduler) if kind == "betas" else FlowNoise()


def build_ddim(folder: str | Path, inference_steps: int) -> Any:
    """Return diffusers' ``DDIMScheduler``, whose last step ends at the noise of t = 0."""
    from diffusers import DDIMScheduler

    sampler = _load_scheduler(DDIMScheduler, folder, set_alpha_to_one=False, clip_sample=False)
    sampler.set_timesteps(inference_steps)
    return sampler


def _load_scheduler(kind: type, folder: str | Path, **fixed: Any) -> Any:
    """Return a scheduler of this kind with the folder's noise.

    diffusers' own ``from_config`` would import every scheduler there is.
    """
    require_file(Path(folder) / "scheduler_config.json", "scheduler")
    config = read_config(Path(folder, "scheduler_config.json"))
    try:
        check_scheduler(config)
    except ValueError as error:
        raise ValueError(f"the model in {folder} cannot be read: {error}") from None
    known = inspect.signature(kind).parameters
    return kind(**{key: value for key, value in config.items() if key in known} | fixed)
