"""From diffusers layout to the original (CompVis) one: the inverse of what ``semlens.checkpoints`` does."""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPEN_CLIP = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def original(model):
    """Return the weights of a model in diffusers layout, by their names in the original layout."""
    model = Path(model)
    texts = [load_file(path) for path in sorted(model.glob("text_encoder*/model.safetensors"))]
    first = {name.removeprefix("text_model."): value for name, value in texts[0].items()}
    settings = json.loads((model / "text_encoder" / "config.json").read_text())
    if len(texts) == 2:
        text = clip(first, "conditioner.embedders.0.transformer.text_model.")
        text |= open_clip(texts[1], "conditioner.embedders.1.model.")
    elif settings["hidden_act"] == "gelu":
        text = open_clip(first, "cond_stage_model.model.")
        text |= unread_layer(text, settings["num_hidden_layers"])
    else:
        text = clip(first, "cond_stage_model.transformer.text_model.")
    return {**unet(model / "unet"), **vae(model / "vae"), **text, "betas": torch.zeros(1000)}


def unet(folder):
    settings = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "diffusion_pytorch_model.safetensors")
    layers = settings["layers_per_block"]

    def place(block, kind, layer):
        start = int(block) * (layers + 1)
        return {
            ("down", "resnets"): f"input_blocks.{start + layer + 1}.0",
            ("down", "attentions"): f"input_blocks.{start + layer + 1}.1",
            ("down", "downsamplers"): f"input_blocks.{start + layers + 1}.0.op",
            ("up", "resnets"): f"output_blocks.{start + layer}.0",
            ("up", "attentions"): f"output_blocks.{start + layer}.1",
            ("up", "upsamplers"): f"output_blocks.{start + layers}."
            + ("2" if "CrossAttn" in settings["up_block_types"][int(block)] else "1"),
        }[kind]

    def named(name):
        found = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", name)
        if found:
            way, block, kind, layer, rest = found.groups()
            rest = rest.removeprefix("conv.") if kind == "downsamplers" else rest
            name = f"{place(block, (way, kind), int(layer))}.{rest}"
        else:
            kind = "resnets" if "resnets" in name else ""
            name = next(name.replace(new, old, 1) for new, old in UNET.items() if name.startswith(f"{new}."))
        if kind == "resnets":
            name = re.sub(rf"\.({'|'.join(RESNET)})\.", lambda part: f".{RESNET[part[1]]}.", name)
        return f"model.diffusion_model.{name}"

    return {named(name): value for name, value in weights.items()}


def vae(folder):
    weights = load_file(folder / "diffusion_pytorch_model.safetensors")
    top = len(json.loads((folder / "config.json").read_text())["block_out_channels"]) - 1

    def named(name, value):
        name = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
        name = re.sub(r"up_blocks\.(\d+)\.resnets", lambda part: f"up.{top - int(part[1])}.block", name)
        name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
        name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda part: f"up.{top - int(part[1])}.upsample", name)
        name = re.sub(r"mid_block\.resnets\.(\d)", lambda part: f"mid.block_{int(part[1]) + 1}", name)
        name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
        attention = re.fullmatch(r"(.*)mid_block\.attentions\.0\.(.+)\.(weight|bias)", name)
        if attention:
            name = f"{attention[1]}mid.attn_1.{VAE_ATTENTION[attention[2]]}.{attention[3]}"
            value = value[:, :, None, None] if value.ndim == 2 else value  # linear, once a 1 x 1 convolution
        return f"first_stage_model.{name}", value

    return dict(named(name, value) for name, value in weights.items())


def clip(weights, prefix):
    tokens = len(weights["embeddings.position_embedding.weight"])
    where = {f"{prefix}embeddings.position_ids": torch.arange(tokens)[None]}
    return where | {prefix + name: value for name, value in weights.items()}


def open_clip(weights, prefix):
    weights = {name.removeprefix("text_model."): value for name, value in weights.items()}
    named = {f"{prefix}logit_scale": torch.tensor(4.6)}
    for name, value in weights.items():
        layer = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
        if name == "text_projection.weight":
            named[f"{prefix}text_projection"] = value.T.contiguous()
        elif not layer:
            named[prefix + OPEN_CLIP[name]] = value
        elif "q_proj" in name:
            joined = torch.cat([weights[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")])
            named[f"{prefix}transformer.resblocks.{layer[1]}.attn.in_proj_{layer[3]}"] = joined
        elif "k_proj" not in name and "v_proj" not in name:
            named[f"{prefix}transformer.resblocks.{layer[1]}.{OPEN_CLIP_LAYER[layer[2]]}.{layer[3]}"] = value
    return named


def unread_layer(weights, count):
    """The last layer of Stable Diffusion 2's text encoder: the one before it is read."""
    last = f".resblocks.{count - 1}."
    return {name.replace(last, f".resblocks.{count}."): value + 1 for name, value in weights.items() if last in name}
