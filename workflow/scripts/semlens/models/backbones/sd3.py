"""Stable Diffusion 3 and 3.5: diffusers' ``SD3Transformer2DModel``, whose blocks give out text and image."""

from typing import Any

from semlens.models.backbones._denoisers import Denoiser


class StableDiffusion3(Denoiser):
    """The family of Stable Diffusion 3; without T5, its text is 0."""

    def check_config(self, config: dict[str, Any], size: int | None = None) -> None:
        """Refuse images of more cells than it knows positions, too."""
        super().check_config(config, size)
        cells, cell = config.get("pos_embed_max_size"), self.REDUCTION * config["patch_size"]
        if size and cells and size > cells * cell:
            raise ValueError(f"its transformer knows {cells} x {cells} positions; set 'size: {cells * cell}' or less")


FAMILY = StableDiffusion3(
    "SD3Transformer2DModel",
    noise="flow",
    text="sd3",
    texts={"encoder_hidden_states": "embedding", "pooled_projections": "pooled"},
    encoders=("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"),
    optional=("text_encoder_3", "tokenizer_3"),
    attention="attn",
    stream=1,
)
