"""What several tests of the library need."""

import json
import shutil

import pytest
import tiny


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A tiny model: Stable Diffusion's folders and grids (64 to 8) for 512 x 512 images."""
    import torch

    torch.set_num_threads(1)  # networks this small gain nothing from threads, and lose where other tests compete
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny.write(folder, seed=0)
    return folder


@pytest.fixture
def attention_calls(monkeypatch):
    """Every call of torch's scaled dot-product attention from here on."""
    from torch.nn import functional

    calls, attend = [], functional.scaled_dot_product_attention
    monkeypatch.setattr(
        functional, "scaled_dot_product_attention", lambda *given, **named: calls.append(1) or attend(*given, **named)
    )
    return calls


@pytest.fixture(scope="session")
def small_model(tiny_model):
    """The same weights for 128 x 128 images: grids 16 to 2, and passes of milliseconds."""
    folder = tiny_model.with_name("small")
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps({**config, "sample_size": 16}))
    return folder


@pytest.fixture(scope="session")
def architectures(tiny_model):
    """Narrow models of each architecture with random weights, in diffusers layout, for 128 x 128 images.

    What tells them apart is as published: SD 2's linear projections and heads of one width; SDXL's three levels, two
    text encoders, pooled text and sizes.
    """
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    vocabulary = json.loads((tiny_model / "tokenizer" / "vocab.json").read_text())
    ends = {"bos_token_id": vocabulary["<|startoftext|>"], "eos_token_id": vocabulary["<|endoftext|>"]}
    narrow = {**tiny.TEXT, **ends, "pad_token_id": ends["eos_token_id"], "vocab_size": len(vocabulary)}

    def made(name, unet, texts):
        folder = tiny_model.with_name(name)
        shutil.copytree(tiny_model, folder, ignore=lambda parent, names: [n for n in names if n in ("unet", *texts)])
        torch.manual_seed(0)
        UNet2DConditionModel(**{**tiny.UNET, "sample_size": 16, **unet}).save_pretrained(folder / "unet")
        for part, (kind, config) in texts.items():
            kind(CLIPTextConfig(**{**narrow, **config})).save_pretrained(folder / part)
            if part.endswith("_2"):
                shutil.copytree(folder / "tokenizer", folder / "tokenizer_2")
        return folder

    return {
        "sd2": made(
            "sd2",
            {"attention_head_dim": [1, 2, 4, 4], "use_linear_projection": True, "cross_attention_dim": 48},
            {"text_encoder": (CLIPTextModel, {"hidden_size": 48, "num_hidden_layers": 3, "hidden_act": "gelu"})},
        ),
        "sdxl": made(
            "sdxl",
            {
                "block_out_channels": [16, 32, 64],
                "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
                "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
                "transformer_layers_per_block": [1, 2, 3],
                "attention_head_dim": [1, 2, 4],
                "use_linear_projection": True,
                "cross_attention_dim": 32 + 48,
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 8,
                "projection_class_embeddings_input_dim": 40 + 6 * 8,
            },
            {
                "text_encoder": (CLIPTextModel, {"num_hidden_layers": 3}),
                "text_encoder_2": (
                    CLIPTextModelWithProjection,
                    {"hidden_size": 48, "num_hidden_layers": 3, "hidden_act": "gelu", "projection_dim": 40},
                ),
            },
        ),
    }
