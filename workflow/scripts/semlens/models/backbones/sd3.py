"""Stable Diffusion 3 and 3.5: diffusers' ``SD3Transformer2DModel``, whose blocks give out text and image."""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._conditioning import read_sample_texts
from semlens.models.backbones._denoisers import Denoiser, repeat_timestep

if TYPE_CHECKING:
    import h5py
    import torch


class StableDiffusion3(Denoiser):
    """The family of Stable Diffusion 3; without T5, its text is 0."""

    def check_config(self, config: dict[str, Any], size: int | None = None) -> None:
        """Refuse images of more cells than it knows positions, too."""
        super().check_config(config, size)
        cells, cell = config.get("pos_embed_max_size"), self.REDUCTION * config["patch_size"]
        if size and cells and size > cells * cell:
            raise ValueError(f"its transformer knows {cells} x {cells} positions; set 'size: {cells * cell}' or less")

    def prepare_conditioning(
        self, network: "torch.nn.Module", prompts: "h5py.File", view: str, rows: slice, *, image_size: int
    ) -> dict[str, Any]:
        """Return each sample's text, token by token and pooled.

        Parameters
        ----------
        prompts, view, rows
            See :func:`semlens.models.backbones._conditioning.read_sample_texts`.
        image_size
            Not minded.
        """
        return {
            "encoder_hidden_states": read_sample_texts(network, prompts, "embedding", view, rows),
            "pooled_projections": read_sample_texts(network, prompts, "pooled", view, rows),
        }

    def build_inputs(
        self, network: "torch.nn.Module", latents: "torch.Tensor", timestep: int, conditioning: dict[str, Any]
    ) -> dict[str, Any]:
        """Return all that a forward pass is given, by name; time is 1000 sigma."""
        time = repeat_timestep(latents, timestep)
        return {"hidden_states": latents.to(network.dtype), "timestep": time, **conditioning}


FAMILY = StableDiffusion3(
    "SD3Transformer2DModel",
    noise="flow",
    text="sd3",
    encoders=("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"),
    optional=("text_encoder_3", "tokenizer_3"),
    attention="attn",
    stream=1,
)
