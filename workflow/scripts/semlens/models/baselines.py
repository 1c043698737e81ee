"""Trivial networks, which say what colour and place do by themselves.

Each value stands beside its complement (x and 1 - x). So vectors have one mean, and metrics that set the mean aside, as
correlation does, still see all of them; Euclidean distances are those of the plain values times the square root of 2.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch

GRID = 64  # cells along each side of their maps


class Baseline(torch.nn.Module):
    """A network without weights, with an empty configuration as those of diffusers have one."""

    config: ClassVar[Mapping] = MappingProxyType({})
    dtype = torch.float32


class Colour(Baseline):
    """The mean colour of each cell: red, green and blue from 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = torch.nn.AdaptiveAvgPool2d(GRID)
        self.out = torch.nn.Identity()

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:  # (batch, 6, GRID, GRID)
        colours = self.pool(pixel_values)
        return self.out(torch.cat([colours, 1 - colours], dim=1))


class Place(Baseline):
    """Where each cell lies, whatever it shows: row and column from 0 to 1, and their squares.

    Means over an object's cells are its centroid, and the second moments that say how far it reaches.
    """

    def __init__(self) -> None:
        super().__init__()
        self.out = torch.nn.Identity()

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:  # (batch, 8, GRID, GRID)
        centres = (torch.arange(GRID, device=pixel_values.device, dtype=pixel_values.dtype) + 0.5) / GRID
        rows, columns = torch.meshgrid(centres, centres, indexing="ij")
        places = torch.stack([rows, columns, rows**2, columns**2])
        return self.out(torch.cat([places, 1 - places]).expand(len(pixel_values), -1, -1, -1))


class Latent(Baseline):
    """A latent as it is; its configuration is that of the VAE."""

    def __init__(self, config: Mapping) -> None:
        super().__init__()
        self.config = config
        self.out = torch.nn.Identity()

    def forward(self, sample: torch.Tensor) -> torch.Tensor:  # (batch, channels, height, width)
        return self.out(sample)
