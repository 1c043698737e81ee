"""PixArt's diffusion transformers, alpha and Sigma: diffusers' ``PixArtTransformer2DModel``."""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._denoisers import Denoiser

if TYPE_CHECKING:
    import h5py
    import torch


class PixArt(Denoiser):
    """The family of PixArt."""

    def prepare_conditioning(
        self, network: "torch.nn.Module", prompts: "h5py.File", view: str, rows: slice, *, image_size: int
    ) -> dict[str, Any]:
        """Return each sample's text and which of its tokens are read; for alpha, size and form of the image too."""
        import torch

        sizes: dict[str, Any] = {"resolution": None, "aspect_ratio": None}
        if network.use_additional_conditions:
            count = rows.stop - rows.start
            where = {"device": network.device, "dtype": network.dtype}
            sizes = {
                "resolution": torch.full((count, 2), float(image_size), **where),
                "aspect_ratio": torch.ones(count, 1, **where),
            }
        texts = super().prepare_conditioning(network, prompts, view, rows, image_size=image_size)
        return texts | {"added_cond_kwargs": sizes}


FAMILY = PixArt(
    "PixArtTransformer2DModel",
    noise="betas",
    text="t5",
    texts={"encoder_hidden_states": "embedding", "encoder_attention_mask": "mask"},
    encoders=("text_encoder", "tokenizer"),
)
