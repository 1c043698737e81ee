"""Where an object lies and how far it reaches: a baseline without weights that sees no pixel."""

from semlens.models.backbones._baselines import ImageBaseline

FAMILY = ImageBaseline("Place", channels=8)
