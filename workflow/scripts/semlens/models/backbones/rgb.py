"""The mean colour of an object: a baseline without weights."""

from semlens.models.backbones._baselines import ImageBaseline

FAMILY = ImageBaseline("Colour", channels=6)
