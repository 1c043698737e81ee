"""Tiny image encoders with random weights, a folder each in transformers' layout. Their features mean nothing."""

import json
from pathlib import Path

import torch
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    SiglipVisionConfig,
    SiglipVisionModel,
    ViTConfig,
    ViTMAEConfig,
    ViTMAEForPreTraining,
    ViTModel,
)

PATCH, SIDE = 8, 32  # pixels, and of the images that positions are made for
SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": SIDE, "patch_size": PATCH}
WIDE = {**SMALL, "intermediate_size": 32}
TEXT = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
ENCODERS = {  # by name: family, class, configuration
    "dinov2": ("dinov2", Dinov2Model, Dinov2Config(**SMALL)),
    "dinov2 with registers": ("dinov2", Dinov2WithRegistersModel, Dinov2WithRegistersConfig(**SMALL)),
    "dinov3": ("dinov3", DINOv3ViTModel, DINOv3ViTConfig(**WIDE, num_register_tokens=4)),
    "vit": ("vit", ViTModel, ViTConfig(**WIDE)),
    "mae": ("vit", ViTMAEForPreTraining, ViTMAEConfig(**WIDE, decoder_hidden_size=16, decoder_num_attention_heads=2)),
    "clip": ("clip", CLIPVisionModel, CLIPVisionConfig(**WIDE)),
    "clip with text": ("clip", CLIPModel, CLIPConfig(vision_config=WIDE, text_config=TEXT)),
    "siglip": ("siglip", SiglipVisionModel, SiglipVisionConfig(**WIDE)),
}
PREPROCESSING = {
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
}


def make(name: str, *, seed: int) -> torch.nn.Module:
    """Return an encoder; the same weights for the same ``seed``."""
    _, kind, config = ENCODERS[name]
    torch.manual_seed(seed)
    return kind(config).eval().requires_grad_(False)


def write(folder: str | Path, name: str, *, seed: int) -> None:
    """Write an encoder's folder."""
    make(name, seed=seed).save_pretrained(folder)
    Path(folder, "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))
