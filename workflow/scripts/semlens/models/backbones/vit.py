"""Vision transformers: transformers' ``ViTModel``, also with MAE's weights.

``ViTMAEModel`` leaves out most of an image and changes the order of the rest, so it is no family.
"""

from semlens.models.backbones._encoders import INTERPOLATE, Encoder

FAMILY = Encoder(
    {"vit": "ViTModel", "vit_mae": "ViTModel"},
    "layers",
    "attention",
    options=INTERPOLATE,
    building={"add_pooling_layer": False},
)
