"""Flux.1, dev and schnell: diffusers' ``FluxTransformer2DModel``: blocks of two streams, then of one.

Both kinds give out text and image. Inside the blocks of one stream, text comes before the image.
"""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._denoisers import Denoiser, repeat_timestep
from semlens.models.backbones._tokens import Blocks, list_block_layers
from semlens.models.layers import Layer

if TYPE_CHECKING:
    import h5py
    import torch

PACK = 2  # latents per token along each side
GUIDANCE = 3.5  # as dev was distilled with many, and its pipeline asks for this one
GRID = 64  # of images of 1024 pixels, which the model was trained on; its configuration says no size


class Flux(Denoiser):
    """The family of Flux.1."""

    def count_channels(self, config: dict[str, Any]) -> int:
        """Return how many channels a latent has, of which a token packs several."""
        return config["in_channels"] // PACK**2

    def list_layers(self, config: dict[str, Any], size: int | None = None) -> list[Layer]:
        """Return the layers in forward order: ``block00`` to ``block18``, then ``single00`` and so on."""
        blocks = [
            Blocks("block", "transformer_blocks", config["num_layers"], "attn", stream=1),
            Blocks("single", "single_transformer_blocks", config["num_single_layers"], "attn", stream=1),
        ]
        channels = config["num_attention_heads"] * config["attention_head_dim"]
        return list_block_layers(blocks, grid=size // (PACK * self.REDUCTION) if size else GRID, channels=channels)

    def find_grid(self, network: "torch.nn.Module", inputs: dict[str, Any]) -> tuple[int, int]:
        """Return height and width of the maps, from the rows and columns that the tokens are said to have.

        Raises
        ------
        ValueError
            If they are those of several images, as Flux Kontext has them.
        """
        _, rows, columns = inputs["img_ids"].reshape(-1, 3).T
        height, width = int(rows.max()) + 1, int(columns.max()) + 1
        if inputs["hidden_states"].shape[1] != height * width:
            count = inputs["hidden_states"].shape[1]
            raise ValueError(f"{count} tokens are not those of one image of {height} x {width} cells")
        return height, width

    def prepare_conditioning(
        self, network: "torch.nn.Module", prompts: "h5py.File", view: str, rows: slice, *, image_size: int
    ) -> dict[str, Any]:
        """Return each sample's text, token by token and pooled, and the guidance that dev was distilled for."""
        import torch

        conditioning = super().prepare_conditioning(network, prompts, view, rows, image_size=image_size)
        text = conditioning["encoder_hidden_states"]
        conditioning["txt_ids"] = text.new_zeros(text.shape[1], 3)
        if network.config.guidance_embeds:
            conditioning["guidance"] = torch.full((len(text),), GUIDANCE, device=network.device)
        return conditioning

    def build_inputs(
        self, network: "torch.nn.Module", latents: "torch.Tensor", timestep: int, conditioning: dict[str, Any]
    ) -> dict[str, Any]:
        """Return all that a forward pass is given, by name; time is sigma."""
        latents = latents.to(network.dtype)
        return {
            "hidden_states": _pack(latents),
            "timestep": repeat_timestep(latents, timestep, network.dtype) / 1000,
            "img_ids": _number_tokens(latents),
            **conditioning,
        }

    def _count_latents(self, config: dict[str, Any]) -> int:
        return PACK


def _pack(latents: "torch.Tensor") -> "torch.Tensor":  # (batch, tokens, 4 x channels)
    """Return a token for each 2 x 2 latents, row by row."""
    blocks = latents.unflatten(3, (-1, PACK)).unflatten(2, (-1, PACK))  # (batch, channels, rows, 2, columns, 2)
    return blocks.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def _number_tokens(latents: "torch.Tensor") -> "torch.Tensor":  # (tokens, 3)
    """Return 0, row and column of each token."""
    import torch

    height, width = (side // PACK for side in latents.shape[-2:])
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).flatten(0, 1).to(latents)


FAMILY = Flux(
    "FluxTransformer2DModel",
    noise="flow",
    text="flux",
    texts={"encoder_hidden_states": "embedding", "pooled_projections": "pooled"},
    encoders=("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"),
)
