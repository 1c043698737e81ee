"""How tests make a feature extractor: settings and all else by name."""

from dataclasses import fields

from semlens.extract.features import FeatureExtractor
from semlens.extract.settings import ExtractionSettings


def make_extractor(**options):
    names = {field.name for field in fields(ExtractionSettings)}
    settings = ExtractionSettings(**{name: options.pop(name) for name in names})
    return FeatureExtractor(settings, backbone="unet", **options)
