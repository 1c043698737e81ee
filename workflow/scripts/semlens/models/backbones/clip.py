"""CLIP's image encoder: transformers' ``CLIPVisionModel``, also of a whole ``CLIPModel``."""

from semlens.models.backbones._encoders import INTERPOLATE, Encoder

FAMILY = Encoder(
    {"clip": "CLIPVisionModel", "clip_vision_model": "CLIPVisionModel"},
    "encoder.layers",
    "self_attn",
    options=INTERPOLATE,
)
