"""Sana's transformers: diffusers' ``SanaTransformer2DModel``."""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._denoisers import Denoiser

if TYPE_CHECKING:
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

    def build_inputs(
        self, network: "torch.nn.Module", latents: "torch.Tensor", timestep: int, conditioning: dict[str, Any]
    ) -> dict[str, Any]:
        """Return all that a forward pass is given, by name; time is 1000 sigma, scaled as the configuration says."""
        inputs = super().build_inputs(network, latents, timestep, conditioning)
        return inputs | {"timestep": inputs["timestep"] * network.config.timestep_scale}


FAMILY = Sana(
    "SanaTransformer2DModel",
    noise="flow",
    text="gemma",
    texts={"encoder_hidden_states": "embedding", "encoder_attention_mask": "mask"},
    reduction=32,
    encoders=("text_encoder", "tokenizer"),
)
