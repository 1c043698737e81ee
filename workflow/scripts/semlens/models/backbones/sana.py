"""Sana's transformers: diffusers' ``SanaTransformer2DModel``."""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._conditioning import read_sample_texts
from semlens.models.backbones._denoisers import Denoiser, repeat_timestep

if TYPE_CHECKING:
    import h5py
    import torch


class Sana(Denoiser):
    """The family of Sana."""

    def check_config(self, config: dict[str, Any], size: int | None = None) -> None:
        """Refuse one that reads a guidance, too."""
        super().check_config(config, size)
        if config.get("guidance_embeds"):
            raise ValueError(
                "its transformer reads a guidance (guidance_embeds: true), as that of Sana Sprint does, whose noise is "
                "not that of Sana; take Sana itself"
            )

    def prepare_conditioning(
        self, network: "torch.nn.Module", prompts: "h5py.File", view: str, rows: slice, *, image_size: int
    ) -> dict[str, Any]:
        """Return each sample's text and which of its tokens are read.

        Parameters
        ----------
        prompts, view, rows
            See :func:`semlens.models.backbones._conditioning.read_sample_texts`.
        image_size
            Not minded.
        """
        return {
            "encoder_hidden_states": read_sample_texts(network, prompts, "embedding", view, rows),
            "encoder_attention_mask": read_sample_texts(network, prompts, "mask", view, rows),
        }

    def build_inputs(
        self, network: "torch.nn.Module", latents: "torch.Tensor", timestep: int, conditioning: dict[str, Any]
    ) -> dict[str, Any]:
        """Return all that a forward pass is given, by name; time is 1000 sigma, scaled as the configuration says."""
        time = repeat_timestep(latents, timestep) * network.config.timestep_scale
        return {"hidden_states": latents.to(network.dtype), "timestep": time, **conditioning}


FAMILY = Sana(
    "SanaTransformer2DModel", noise="flow", text="gemma", reduction=32, encoders=("text_encoder", "tokenizer")
)
