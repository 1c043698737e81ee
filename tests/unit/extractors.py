"""How tests make a feature extractor: settings and all else by name."""

from dataclasses import fields

from semlens.extract.features import FeatureExtractor
from semlens.extract.settings import ExtractionSettings

INPUTS = ("latents", "prompt", "manifest", "images", "network", "scheduler")


def make_extractor(*, family="unet", size=512, how=None, **options):
    """An extractor of a family; ``how`` is how images are read, where it reads images."""
    names = {field.name for field in fields(ExtractionSettings)}
    settings = ExtractionSettings(**{name: options.pop(name) for name in names & options.keys()})
    inputs = {name: options.pop(name, []) for name in INPUTS}
    return FeatureExtractor(settings, family=family, inputs=inputs, images={"size": size, **(how or {})}, **options)
