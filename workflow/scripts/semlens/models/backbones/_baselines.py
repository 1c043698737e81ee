"""What trivial baselines share: no weights, and one layer, whose map needs no rearranging."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from semlens.models.layers import BASELINE, Layer
from semlens.models.preprocessing import Preprocessing

if TYPE_CHECKING:
    import torch

GRID = 64  # of semlens.models.baselines


class ImageBaseline:
    """A family whose network reads images; see :mod:`semlens.models.backbones` for what it has.

    Parameters
    ----------
    network
        A class of :mod:`semlens.models.baselines`.
    channels
        Of its map.
    """

    READS, PART = "images", None
    PARTS = REQUIRED_PARTS = ()

    def __init__(self, network: str, channels: int) -> None:
        self.NETWORKS = (network,)
        self._layers = [Layer(BASELINE, "out", GRID, channels)]

    def list_layers(self, config: Mapping[str, Any], size: int | None = None) -> list[Layer]:
        """Return its one layer."""
        return self._layers

    def check_config(self, config: Mapping[str, Any], size: int | None = None) -> None:
        """Refuse nothing: every size has a map."""

    def find_grid(self, network: "torch.nn.Module", inputs: dict[str, Any]) -> None:
        """Return nothing: its layer gives out a map."""

    def to_map(self, features: "torch.Tensor", grid: None) -> "torch.Tensor":  # (batch, channels, height, width)
        """Return its layer's output as it is."""
        return features

    def load(self, folder: None, *, device: "torch.device", dtype: "torch.dtype") -> "torch.nn.Module":
        """Return the network, which reads float32 whatever the others read."""
        from semlens.models import baselines

        return getattr(baselines, self.NETWORKS[0])().to(device)

    def read_preprocessing(self, folder: None) -> Preprocessing:
        """Return that pixels are read as they are, from 0 to 1."""
        return Preprocessing("bicubic")

    def build_inputs(self, network: "torch.nn.Module", pixels: "torch.Tensor") -> dict[str, Any]:
        """Return all that a forward pass is given, by name."""
        return {"pixel_values": pixels}
