"""Noise levels of a diffusion model, from its ``scheduler`` folder."""

import inspect
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
