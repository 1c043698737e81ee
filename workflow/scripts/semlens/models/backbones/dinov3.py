"""DINOv3: transformers' ``DINOv3ViTModel``, whose class token and registers come before the image."""

from semlens.models.backbones._encoders import Encoder

FAMILY = Encoder({"dinov3_vit": "DINOv3ViTModel"}, "model.layer", "attention")
