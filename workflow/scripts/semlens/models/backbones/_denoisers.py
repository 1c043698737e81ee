"""What diffusion transformers of diffusers share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from semlens.models.backbones._conditioning import read_sample_texts
from semlens.models.backbones._tokens import Blocks, divide, gather_map, list_block_layers
from semlens.models.layers import Layer
from semlens.models.loading import load_network, write_untrained_network

if TYPE_CHECKING:
    import h5py
    import torch


class Denoiser:
    """A family of transformers that denoise latents; see :mod:`semlens.models.backbones` for what it has.

    Parameters
    ----------
    network
        Its class in diffusers.
    noise, text, reduction
        ``NOISE``, ``TEXT`` and ``REDUCTION``.
    texts
        What is read of texts, by the name that a forward pass gives it: ``embedding``, ``pooled`` or ``mask``.
    encoders, optional
        The parts that read texts; and those without which the family can be read.
    attention, stream
        See :class:`semlens.models.backbones._tokens.Blocks`.
    """

    READS, PART = "latents", "transformer"
    to_map = staticmethod(gather_map)

    def __init__(
        self,
        network: str,
        *,
        noise: str,
        text: str | None,
        texts: Mapping[str, str] = MappingProxyType({}),
        reduction: int = 8,
        encoders: Sequence[str] = (),
        optional: Sequence[str] = (),
        attention: str = "attn1",
        stream: int = 0,
    ) -> None:
        self.NETWORKS, self.NOISE, self.TEXT, self.REDUCTION = (network,), noise, text, reduction
        self.REQUIRED_PARTS = (self.PART, "vae", *encoders, "scheduler")
        self.PARTS = (*self.REQUIRED_PARTS, *optional)
        self._texts, self._attention, self._stream = texts, attention, stream

    def check_config(self, config: dict[str, Any], size: int | None = None) -> None:
        """Refuse a transformer that reads more than latents, or images that do not divide into its cells.

        Raises
        ------
        ValueError
            Saying what it reads, and the way out.
        """
        read, given = config["in_channels"], config.get("out_channels") or config["in_channels"]
        if given not in (read, 2 * read):  # twice as many where it predicts the noise's variance as well
            raise ValueError(
                f"its transformer reads {read} channels and gives {given}: it wants more than latents, as one for "
                f"inpainting, control or editing does; take the text-to-image model that it was made from"
            )
        cell = self.REDUCTION * self._count_latents(config)
        if size is not None and size % cell:
            raise ValueError(
                f"its transformer reads cells of {cell} x {cell} pixels, into which images of {size} do not divide; "
                f"set 'size: {max(size // cell, 1) * cell}'"
            )

    def count_channels(self, config: dict[str, Any]) -> int:
        """Return how many channels a latent has."""
        return config["in_channels"]

    def list_layers(self, config: dict[str, Any], size: int | None = None) -> list[Layer]:
        """Return the layers of every block, in forward order."""
        side = size // self.REDUCTION if size else config["sample_size"]
        return list_block_layers(
            [Blocks("block", "transformer_blocks", config["num_layers"], self._attention, self._stream)],
            grid=side // self._count_latents(config),
            channels=config["num_attention_heads"] * config["attention_head_dim"],
        )

    def find_grid(self, network: "torch.nn.Module", inputs: dict[str, Any]) -> tuple[int, int]:
        """Return height and width of the maps that the network makes of its latents."""
        return divide(inputs["hidden_states"], network.config.patch_size)

    def load(self, folder: str | Path, *, device: "torch.device", dtype: "torch.dtype") -> "torch.nn.Module":
        """Return the network of a ``transformer`` folder, frozen; see :func:`semlens.models.loading.load_network`."""
        import diffusers

        kind = getattr(diffusers, self.NETWORKS[0])
        return load_network(kind, folder, self.PART, self.check_config, device=device, dtype=dtype)

    def write_untrained(self, config_file: str | Path, out: str | Path, *, seed: int) -> None:
        """Write a ``transformer`` folder; see :func:`semlens.models.loading.write_untrained_network`.

        Initial weights draw the layers of modulation like any other. So blocks of an untrained network change what they
        are given, which they would not if modulation began at 0, as it did where these networks were trained.
        """
        import diffusers

        write_untrained_network(getattr(diffusers, self.NETWORKS[0]), config_file, self.PART, out, seed=seed)

    def prepare_conditioning(
        self, network: "torch.nn.Module", prompts: "h5py.File | None", view: str, rows: slice, *, image_size: int
    ) -> dict[str, Any]:
        """Return what is read of each sample's text.

        Parameters
        ----------
        prompts, view, rows
            See :func:`semlens.models.backbones._conditioning.read_sample_texts`.
        image_size
            Side in pixels.
        """
        return {name: read_sample_texts(network, prompts, key, view, rows) for name, key in self._texts.items()}

    def build_inputs(
        self, network: "torch.nn.Module", latents: "torch.Tensor", timestep: int, conditioning: dict[str, Any]
    ) -> dict[str, Any]:
        """Return all that a forward pass is given, by name; time is the timestep, of flows 1000 sigma."""
        import torch

        time = repeat_timestep(latents, timestep, torch.int64 if self.NOISE == "betas" else torch.float32)
        return {"hidden_states": latents.to(network.dtype), "timestep": time, **conditioning}

    def _count_latents(self, config: dict[str, Any]) -> int:
        """Return how many latents a cell has along each side."""
        return config["patch_size"]


def repeat_timestep(latents: "torch.Tensor", timestep: float, dtype: "torch.dtype") -> "torch.Tensor":  # (batch)
    """Return the time of each sample."""
    import torch

    return torch.full((len(latents),), timestep, device=latents.device, dtype=dtype)
