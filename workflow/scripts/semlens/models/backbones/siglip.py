"""SigLIP's image encoders, 1 and 2 of one size: ``SiglipVisionModel``, also of a whole ``SiglipModel``."""

from semlens.models.backbones._encoders import INTERPOLATE, Encoder

FAMILY = Encoder(
    {"siglip": "SiglipVisionModel", "siglip_vision_model": "SiglipVisionModel"},
    "encoder.layers",
    "self_attn",
    options=INTERPOLATE,
)
