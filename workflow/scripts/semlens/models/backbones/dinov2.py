"""DINOv2, with and without registers: transformers' ``Dinov2Model`` and ``Dinov2WithRegistersModel``."""

from semlens.models.backbones._encoders import Encoder

FAMILY = Encoder(
    {"dinov2": "Dinov2Model", "dinov2_with_registers": "Dinov2WithRegistersModel"}, "encoder.layer", "attention"
)
