"""Tiny diffusion transformers of every family, with random weights: whole models as diffusers lays them out.

What tells families apart is as published: pixels per latent, kinds of text encoders and tokenizers, noise, and how
latents are scaled. Widths are few, and patches wide, so that an image of 512 x 512 pixels has a small map. Their
features mean nothing.
"""

import string
from pathlib import Path

import diffusers
import tiny
import torch
import transformers

from semlens.runtime.logs import log

FAMILIES = ("pixart", "sd3", "flux", "sana", "dit")
NARROW = {"num_layers": 3, "num_attention_heads": 2, "attention_head_dim": 12, "sample_size": 64}
TEXT_WIDTH, CLIP_WIDTH, PROJECTED = 80, tiny.TEXT["hidden_size"], 24
TRANSFORMERS = {
    "pixart": {
        **NARROW,
        **{"in_channels": 4, "out_channels": 8, "patch_size": 8, "cross_attention_dim": 24},
        **{"caption_channels": TEXT_WIDTH, "use_additional_conditions": False},
    },
    "sd3": {
        **NARROW,
        **{"in_channels": 16, "out_channels": 16, "patch_size": 8, "pos_embed_max_size": 12},
        **{"caption_projection_dim": 24, "joint_attention_dim": TEXT_WIDTH, "pooled_projection_dim": 2 * PROJECTED},
    },
    "flux": {
        **{"num_layers": 2, "num_single_layers": 2, "num_attention_heads": 2, "attention_head_dim": 16},
        **{"in_channels": 64, "joint_attention_dim": TEXT_WIDTH, "pooled_projection_dim": CLIP_WIDTH},
        **{"axes_dims_rope": [4, 6, 6], "guidance_embeds": True},
    },
    "sana": {
        **NARROW,
        **{"in_channels": 8, "out_channels": 8, "patch_size": 1, "sample_size": 16, "timestep_scale": 0.5},
        **{"num_cross_attention_heads": 2, "cross_attention_head_dim": 12, "cross_attention_dim": 24},
        **{"caption_channels": TEXT_WIDTH, "mlp_ratio": 1.0},
    },
    "dit": {**NARROW, "in_channels": 4, "out_channels": 8, "patch_size": 8},
}
NETWORKS = {
    "pixart": diffusers.PixArtTransformer2DModel,
    "sd3": diffusers.SD3Transformer2DModel,
    "flux": diffusers.FluxTransformer2DModel,
    "sana": diffusers.SanaTransformer2DModel,
    "dit": diffusers.DiTTransformer2DModel,
}
PIPELINES = {
    "pixart": diffusers.PixArtSigmaPipeline,
    "sd3": diffusers.StableDiffusion3Pipeline,
    "flux": diffusers.FluxPipeline,
    "sana": diffusers.SanaPipeline,
    "dit": diffusers.DiTPipeline,
}
SHIFTED_VAE = {**tiny.VAE, "latent_channels": 16, "scaling_factor": 1.5305, "shift_factor": 0.0609}
DEEP_VAE = {
    **{"latent_channels": 8, "attention_head_dim": 4, "scaling_factor": 0.41407},
    **{f"{part}_block_out_channels": (4, *[8] * 5) for part in ("encoder", "decoder")},
    **{f"{part}_layers_per_block": (1,) * 6 for part in ("encoder", "decoder")},
    **{f"{part}_qkv_multiscales": ((),) * 6 for part in ("encoder", "decoder")},
}
BETAS = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}


def write(folder: str | Path, family: str, *, seed: int, **changes) -> None:
    """Write the family's pipeline as diffusers folders; the same weights for the same ``seed``.

    Parameters
    ----------
    changes
        To the transformer's configuration.
    """
    torch.manual_seed(seed)
    network = NETWORKS[family](**{**TRANSFORMERS[family], **changes})
    PIPELINES[family](transformer=network, **_build_parts(family, Path(folder))).save_pretrained(folder)
    log.info("tiny %s with random weights of seed %d in %s", family, seed, folder)


def _build_parts(family: str, folder: Path) -> dict:
    dpm, flow = diffusers.DPMSolverMultistepScheduler, diffusers.FlowMatchEulerDiscreteScheduler
    match family:
        case "pixart":
            texts = {"tokenizer": _build_t5_tokenizer(), "text_encoder": _build_t5()}
            return {**texts, "vae": diffusers.AutoencoderKL(**tiny.VAE), "scheduler": dpm(**BETAS)}
        case "sd3":
            kind, projected = transformers.CLIPTextModelWithProjection, {"projection_dim": PROJECTED}
            return {
                **_build_clip(folder, "", kind, projected),
                **_build_clip(folder, "_2", kind, {**projected, "hidden_act": "gelu"}),
                **{"tokenizer_3": _build_t5_tokenizer(), "text_encoder_3": _build_t5()},
                **{"vae": diffusers.AutoencoderKL(**SHIFTED_VAE), "scheduler": flow(shift=3.0)},
            }
        case "flux":
            return {
                **_build_clip(folder, "", transformers.CLIPTextModel, {}),
                **{"tokenizer_2": _build_t5_tokenizer(), "text_encoder_2": _build_t5()},
                **{"vae": diffusers.AutoencoderKL(**SHIFTED_VAE), "scheduler": flow(use_dynamic_shifting=True)},
            }
        case "sana":
            return {
                **{"tokenizer": _build_gemma_tokenizer(), "text_encoder": _build_gemma()},
                "vae": diffusers.AutoencoderDC(**DEEP_VAE),
                "scheduler": dpm(use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0),
            }
        case "dit":
            return {"vae": diffusers.AutoencoderKL(**tiny.VAE), "scheduler": diffusers.DDIMScheduler(**BETAS)}


def _build_clip(folder: Path, number: str, kind: type, changes: dict) -> dict:
    vocabulary = tiny.write_tokenizer(folder / f"tokenizer{number}")
    specials = {"bos_token_id": vocabulary["<|startoftext|>"], "eos_token_id": vocabulary["<|endoftext|>"]}
    config = {**tiny.TEXT, **specials, "pad_token_id": specials["eos_token_id"], "vocab_size": len(vocabulary)}
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder / f"tokenizer{number}", local_files_only=True)
    encoder = kind(transformers.CLIPTextConfig(**{**config, **changes}))
    return {f"tokenizer{number}": tokenizer, f"text_encoder{number}": encoder}


def _build_t5_tokenizer() -> transformers.T5Tokenizer:
    """Letters and the marks of T5's vocabulary."""
    pieces = ["<pad>", "</s>", "<unk>", "▁", *string.ascii_letters, *string.digits, *string.punctuation]
    return transformers.T5Tokenizer(vocab=[(piece, -float(place)) for place, piece in enumerate(pieces)], extra_ids=0)


def _build_t5() -> transformers.T5EncoderModel:
    size = {"vocab_size": 128, "d_model": TEXT_WIDTH, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    return transformers.T5EncoderModel(transformers.T5Config(**size, feed_forward_proj="gated-gelu"))


def _build_gemma_tokenizer() -> transformers.GemmaTokenizer:
    """Letters and the marks of Gemma's vocabulary."""
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *string.printable]
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    return transformers.GemmaTokenizer(vocab=vocabulary, merges=[], add_bos_token=True)


def _build_gemma() -> transformers.Gemma2Model:
    size = {"vocab_size": 128, "hidden_size": TEXT_WIDTH, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}
    return transformers.Gemma2Model(transformers.Gemma2Config(**size, **heads))
