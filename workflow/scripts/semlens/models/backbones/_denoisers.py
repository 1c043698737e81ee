"""What diffusion transformers of diffusers share."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semlens.models.backbones._tokens import Blocks, divide, gather_map, list_block_layers
from semlens.models.layers import Layer
from semlens.models.loading import check_kind, load_part
from semlens.runtime.logs import log

if TYPE_CHECKING:
    import torch


class Denoiser:
    """A family of transformers that denoise latents; see :mod:`semlens.models.backbones` for what it has.

    A family adds ``prepare_conditioning`` and ``build_inputs``.

    Parameters
    ----------
    network
        Its class in diffusers.
    noise, text, reduction
        ``NOISE``, ``TEXT`` and ``REDUCTION``.
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
        reduction: int = 8,
        encoders: Sequence[str] = (),
        optional: Sequence[str] = (),
        attention: str = "attn1",
        stream: int = 0,
    ) -> None:
        self.NETWORKS, self.NOISE, self.TEXT, self.REDUCTION = (network,), noise, text, reduction
        self.REQUIRED_PARTS = (self.PART, "vae", *encoders, "scheduler")
        self.PARTS = (*self.REQUIRED_PARTS, *optional)
        self._attention, self._stream = attention, stream

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
        """Return the network of a ``transformer`` folder, frozen.

        Raises
        ------
        FileNotFoundError, ValueError
            Naming the folder, if it is no such network, or one that cannot be read.
        """
        import diffusers

        network = load_part(getattr(diffusers, self.NETWORKS[0]), folder, self.PART, dtype)
        try:
            self.check_config(network.config)
        except ValueError as error:
            raise ValueError(f"the model in {folder} cannot be read: {error}") from None
        return network.to(device).eval().requires_grad_(False)

    def write_untrained(self, config_file: str | Path, out: str | Path, *, seed: int) -> None:
        """Write a ``transformer`` folder built as another's ``config.json`` says, with diffusers' initial weights.

        Those draw the layers of modulation like any other. So blocks of an untrained network change what they are
        given, which they would not if modulation began at 0, as it did where these networks were trained.

        Raises
        ------
        FileNotFoundError, ValueError
            If there is no such file, or it is that of another class.
        """
        import diffusers
        import torch

        network, folder = getattr(diffusers, self.NETWORKS[0]), Path(config_file).parent
        check_kind(network, folder, self.PART)
        torch.manual_seed(seed)
        network.from_config(network.load_config(folder, local_files_only=True)).save_pretrained(out)
        log.info("%s: a transformer with random weights of seed %d, built as %s says", out, seed, config_file)

    def _count_latents(self, config: dict[str, Any]) -> int:
        """Return how many latents a cell has along each side."""
        return config["patch_size"]


def repeat_timestep(
    latents: "torch.Tensor", timestep: float, dtype: "torch.dtype | None" = None
) -> "torch.Tensor":  # (batch)
    """Return the time of each sample; float32 unless ``dtype`` says otherwise."""
    import torch

    return torch.full((len(latents),), timestep, device=latents.device, dtype=dtype or torch.float32)
