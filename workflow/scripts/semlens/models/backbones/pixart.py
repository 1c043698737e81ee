"""PixArt's diffusion transformers, alpha and Sigma: diffusers' ``PixArtTransformer2DModel``."""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._conditioning import read_sample_texts
from semlens.models.backbones._denoisers import Denoiser, repeat_timestep

if TYPE_CHECKING:
    import h5py
    import torch


class PixArt(Denoiser):
    """The family of PixArt."""

    def prepare_conditioning(
        self, network: "torch.nn.Module", prompts: "h5py.File", view: str, rows: slice, *, image_size: int
    ) -> dict[str, Any]:
        """Return each sample's text and which of its tokens are read; where alpha wants it, size and form of the image.

        Parameters
        ----------
        prompts, view, rows
            See :func:`semlens.models.backbones._conditioning.read_sample_texts`.
        image_size
            Side in pixels.
        """
        import torch

        sizes: dict[str, Any] = {"resolution": None, "aspect_ratio": None}
        if network.use_additional_conditions:
            count = rows.stop - rows.start
            where = {"device": network.device, "dtype": network.dtype}
            sizes = {
                "resolution": torch.full((count, 2), float(image_size), **where),
                "aspect_ratio": torch.ones(count, 1, **where),
            }
        return {
            "encoder_hidden_states": read_sample_texts(network, prompts, "embedding", view, rows),
            "encoder_attention_mask": read_sample_texts(network, prompts, "mask", view, rows),
            "added_cond_kwargs": sizes,
        }

    def build_inputs(
        self, network: "torch.nn.Module", latents: "torch.Tensor", timestep: int, conditioning: dict[str, Any]
    ) -> dict[str, Any]:
        """Return all that a forward pass is given, by name; time is the timestep."""
        import torch

        time = repeat_timestep(latents, timestep, torch.int64)
        return {"hidden_states": latents.to(network.dtype), "timestep": time, **conditioning}


FAMILY = PixArt("PixArtTransformer2DModel", noise="betas", text="t5", encoders=("text_encoder", "tokenizer"))
