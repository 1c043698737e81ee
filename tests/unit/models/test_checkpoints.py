"""A model from one file in the original layout: every weight as it was, or a refusal that says what is wrong."""

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from original_layout import original
from safetensors.torch import load_file, save_file

from semlens.models.backbones import unet as backbone
from semlens.models.capture import capture
from semlens.models.checkpoints import convert_checkpoint
from semlens.models.loading import load_vae
from semlens.models.noise import read_alphas_cumprod
from semlens.models.texts.clip import embed_texts

CPU = torch.device("cpu")
TEXT = {**tiny.TEXT, "bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513, "vocab_size": 514}
SD2 = {**tiny.UNET, "attention_head_dim": (1, 2, 2, 2), "use_linear_projection": True}
SDXL = {
    **SD2,
    "block_out_channels": (16, 32, 32),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": (1, 2, 2),
    "transformer_layers_per_block": (1, 2, 3),
    "cross_attention_dim": 64,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 80,
}


def varied(tiny_model, folder, unet, text):
    """The tiny model with another U-Net and other text encoders."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    for part in ("vae", "tokenizer", "scheduler"):
        shutil.copytree(tiny_model / part, folder / part)
    UNet2DConditionModel(**unet).save_pretrained(folder / "unet")
    for part, settings in text.items():
        kind = CLIPTextModel if part == "text_encoder" else CLIPTextModelWithProjection
        kind(CLIPTextConfig(**TEXT, **settings)).save_pretrained(folder / part)
    if "text_encoder_2" in text:
        shutil.copytree(tiny_model / "tokenizer", folder / "tokenizer_2")
    return folder


@pytest.fixture(scope="module")
def model(request, tiny_model, tmp_path_factory):
    """A model in diffusers layout: Stable Diffusion 1, 2 or XL in small."""
    folder = tmp_path_factory.mktemp("models") / request.param
    if request.param == "sd2":
        return varied(tiny_model, folder, SD2, {"text_encoder": {"hidden_act": "gelu"}})
    if request.param == "sdxl":
        second = {"hidden_act": "gelu", "projection_dim": 32}
        return varied(tiny_model, folder, SDXL, {"text_encoder": {}, "text_encoder_2": second})
    return tiny_model


every = pytest.mark.parametrize("model", ["sd1", "sd2", "sdxl"], indirect=True)


@pytest.fixture(scope="module")
def weights(tiny_model):
    """Those of the tiny model, by their original names."""
    return original(tiny_model)


@pytest.fixture(scope="module")
def config(tiny_model, tmp_path_factory):
    """The tiny model's folder without weights."""
    return bare(tiny_model, tmp_path_factory.mktemp("config") / "tiny")


def bare(model, folder):
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("*.safetensors", "model_index.json"))
    return folder


def stored(weights, path):
    if path.suffix == ".ckpt":
        torch.save({"global_step": 470000, "state_dict": weights}, path)
    else:
        save_file(weights, path)
    return path


def contents(folder, pattern="*"):
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob(pattern)) if path.is_file()}


def digests(folder):
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in contents(folder).items()}


def convert(file, config, folder, allow_pickle=False):
    convert_checkpoint(file, config=config, folder=folder, allow_pickle=allow_pickle)


def refused(file, config, folder, error=ValueError, allow_pickle=False):
    """The message, after a look that nothing was left behind."""
    with pytest.raises(error) as raised:
        convert(file, config, folder, allow_pickle)
    assert not folder.exists()
    assert not list(folder.parent.glob(f".{folder.name}*"))
    assert str(file) in str(raised.value)
    return str(raised.value)


def test_the_original_layout_of_these_tests_is_that_of_stable_diffusion(weights):
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    for name in (
        "model.diffusion_model.input_blocks.3.0.op.weight",
        "model.diffusion_model.input_blocks.4.0.skip_connection.weight",
        "model.diffusion_model.input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight",
        "model.diffusion_model.output_blocks.2.1.conv.weight",
        "model.diffusion_model.output_blocks.5.2.conv.weight",
        "model.diffusion_model.output_blocks.11.1.proj_out.bias",
        "first_stage_model.encoder.down.1.block.0.nin_shortcut.weight",
        "first_stage_model.decoder.up.1.upsample.conv.weight",
        "first_stage_model.quant_conv.weight",
        "cond_stage_model.transformer.text_model.embeddings.position_ids",
        "cond_stage_model.transformer.text_model.encoder.layers.1.self_attn.q_proj.weight",
    ):
        assert name in shapes
    assert shapes["first_stage_model.encoder.mid.attn_1.q.weight"] == (16, 16, 1, 1)
    assert sum(name.startswith("model.diffusion_model.") for name in shapes) == 684


@every
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_every_weight_comes_back_bit_for_bit(model, suffix, tmp_path):
    file = stored(original(model), tmp_path / f"model{suffix}")
    convert(file, bare(model, tmp_path / "config"), tmp_path / "out", allow_pickle=suffix == ".ckpt")
    made, source = contents(tmp_path / "out"), contents(model)
    assert made.keys() == source.keys() - {"model_index.json"}
    for name, path in made.items():
        if path.suffix == ".safetensors":
            given, got = load_file(source[name]), load_file(path)
            assert got.keys() == given.keys()
            assert all(torch.equal(got[key], given[key]) for key in given)
        else:
            assert path.read_bytes() == source[name].read_bytes()


def test_features_moments_and_embeddings_are_the_same(tiny_model, config, weights, tmp_path):
    convert(stored(weights, tmp_path / "tiny.safetensors"), config, tmp_path / "out")
    rng = torch.Generator().manual_seed(0)
    latents, image = torch.randn(1, 4, 16, 16, generator=rng), torch.rand(1, 3, 128, 128, generator=rng)
    found = []
    for model in (tiny_model, tmp_path / "out"):
        text = embed_texts(["a dog"], {part: model / part for part in ("tokenizer", "text_encoder")})["embedding"]
        unet = backbone.load(model / "unet", device=CPU, dtype=torch.float32)
        vae = load_vae(model / "vae", device=CPU, dtype=torch.float32)
        with torch.inference_mode():
            moments = vae.encode(image).latent_dist.parameters
            with capture(unet, backbone.list_layers(unet.config)) as features:
                unet(latents, 50, text)
        found.append([text, moments, read_alphas_cumprod(model / "scheduler"), *features.values()])
    assert len(found[0]) == 3 + len(backbone.list_layers(unet.config))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_half_precision_stays_half(config, weights, suffix, tmp_path):
    half = {name: value.half() for name, value in weights.items()}
    convert(stored(half, tmp_path / f"half{suffix}"), config, tmp_path / "out", allow_pickle=True)
    for path in contents(tmp_path / "out", "*.safetensors").values():
        assert {value.dtype for value in load_file(path).values()} == {torch.float16}


def test_the_same_file_gives_the_same_bytes(config, weights, tmp_path):
    file = stored(weights, tmp_path / "tiny.safetensors")
    shuffled = stored(dict(reversed(weights.items())), tmp_path / "shuffled.ckpt")
    convert(file, config, tmp_path / "one")
    convert(file, config, tmp_path / "two")
    convert(shuffled, config, tmp_path / "three", allow_pickle=True)
    assert digests(tmp_path / "one") == digests(tmp_path / "two") == digests(tmp_path / "three")


def test_a_read_only_configuration_gives_a_folder_that_can_be_removed(tiny_model, weights, tmp_path):
    config = bare(tiny_model, tmp_path / "config")
    for path in config.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    convert(stored(weights, tmp_path / "tiny.safetensors"), config, tmp_path / "out")
    assert all(path.stat().st_mode & 0o200 for path in (tmp_path / "out").rglob("*"))


def test_of_trained_and_averaged_weights_the_average_is_taken(tiny_model, config, weights, tmp_path):
    unet = "model.diffusion_model."
    training = {name: value + 1 if name.startswith(unet) else value for name, value in weights.items()}
    training |= {
        f"model_ema.diffusion_model{name.removeprefix(unet).replace('.', '')}": value
        for name, value in weights.items()
        if name.startswith(unet)
    }
    training["model_ema.decay"] = torch.tensor(0.9999)
    convert(stored(training, tmp_path / "pruned.safetensors"), config, tmp_path / "out")
    weights_file = "unet/diffusion_pytorch_model.safetensors"
    given, got = load_file(tiny_model / weights_file), load_file(tmp_path / "out" / weights_file)
    assert all(torch.equal(got[name], given[name]) for name in given)


@pytest.mark.parametrize(
    ("lost", "part"),
    [
        ("model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight", "unet"),
        ("model.diffusion_model.input_blocks.3.0.op.bias", "unet"),
        ("model.diffusion_model.output_blocks.2.1.conv.bias", "unet"),
        ("first_stage_model.decoder.up.1.upsample.conv.bias", "vae"),
        ("first_stage_model.quant_conv.weight", "vae"),
        ("cond_stage_model.transformer.text_model.final_layer_norm.bias", "text_encoder"),
    ],
)
def test_a_weight_that_is_missing_is_never_made_up(config, weights, lost, part, tmp_path):
    file = stored({name: value for name, value in weights.items() if name != lost}, tmp_path / "m.safetensors")
    message = refused(file, config, tmp_path / "out")
    assert str(config) in message
    assert f"of its {part}" in message
    assert "missing" in message


@pytest.mark.parametrize(
    ("prefix", "part", "count"),
    [
        ("model.diffusion_model.", "unet", "684 of 684"),
        ("first_stage_model.", "vae", "184 of 184"),
        ("cond_stage_model.", "text_encoder", "36 of 36"),
    ],
)
def test_a_part_that_is_missing_is_counted(config, weights, prefix, part, count, tmp_path):
    rest = {name: value for name, value in weights.items() if not name.startswith(prefix)}
    message = refused(stored(rest, tmp_path / "m.safetensors"), config, tmp_path / "out")
    assert f"of its {part}, {count} weights are missing, such as " in message


def test_the_missing_are_counted_and_named(config, weights, tmp_path):
    rest = {name: value for name, value in weights.items() if "time_embed" not in name}
    message = refused(stored(rest, tmp_path / "m.safetensors"), config, tmp_path / "out")
    assert message.endswith("of its unet, 4 of 684 weights are missing, such as time_embedding.linear_1.bias")


def test_another_shape_is_named_with_both(config, weights, tmp_path):
    inpainting = {**weights, "model.diffusion_model.input_blocks.0.0.weight": torch.zeros(16, 9, 3, 3)}
    message = refused(stored(inpainting, tmp_path / "m.safetensors"), config, tmp_path / "out")
    assert message.endswith("such as conv_in.weight: (16, 9, 3, 3), not (16, 4, 3, 3)")
    assert "1 of 684 weights have another shape" in message


@pytest.mark.parametrize(
    "more",
    [
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.1.norm1.weight",
        "model.diffusion_model.label_emb.0.0.weight",
        "first_stage_model.encoder.down.0.block.1.norm1.weight",
    ],
)
def test_a_weight_that_the_architecture_has_no_use_for_is_refused(config, weights, more, tmp_path):
    file = stored({**weights, more: torch.zeros(16)}, tmp_path / "m.safetensors")
    assert "1 weights have no place in that architecture, such as" in refused(file, config, tmp_path / "out")


@pytest.mark.parametrize("model", ["sd2", "sdxl"], indirect=True)
def test_the_wrong_architecture_is_refused_either_way(model, config, weights, tmp_path):
    refused(stored(weights, tmp_path / "one.safetensors"), bare(model, tmp_path / "other"), tmp_path / "out")
    refused(stored(original(model), tmp_path / "two.safetensors"), config, tmp_path / "out")


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("kept", [0, 5, 5000, -1, -100])
def test_a_truncated_file_is_named(config, weights, suffix, kept, tmp_path):
    file = stored(weights, tmp_path / f"cut{suffix}")
    file.write_bytes(file.read_bytes()[:kept])
    assert "truncated" in refused(file, config, tmp_path / "out", allow_pickle=True)


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("content", [b"<html>Not found</html>", b"PK\x03\x04 and no more", bytes(10000)])
def test_a_file_that_is_no_checkpoint_is_named(config, suffix, content, tmp_path):
    file = tmp_path / f"page{suffix}"
    file.write_bytes(content)
    assert "truncated or no" in refused(file, config, tmp_path / "out", allow_pickle=True)


def test_a_checkpoint_without_names_is_refused(config, tmp_path):
    torch.save([torch.zeros(3)], tmp_path / "list.ckpt")
    assert "holds a list" in refused(tmp_path / "list.ckpt", config, tmp_path / "out", allow_pickle=True)


def test_a_pickle_is_refused_with_the_reason_and_the_ways_out(config, weights, tmp_path):
    message = refused(stored(weights, tmp_path / "tiny.ckpt"), config, tmp_path / "out")
    assert "can run whatever program" in message
    assert ".safetensors" in message
    assert "allow_pickle" in message


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("allow_pickle", [False, True])
@pytest.mark.parametrize("bare_pickle", [False, True])
def test_a_malicious_pickle_is_never_run(config, weights, allow_pickle, bare_pickle, tmp_path):
    marker = tmp_path / "ran"
    content = {"state_dict": weights, "callbacks": Bomb(marker)}
    if bare_pickle:
        (tmp_path / "evil.ckpt").write_bytes(pickle.dumps({"callbacks": Bomb(marker)}, protocol=2))
    else:
        torch.save(content, tmp_path / "evil.ckpt")
    message = refused(tmp_path / "evil.ckpt", config, tmp_path / "out", allow_pickle=allow_pickle)
    assert "refused" in message
    assert not allow_pickle or "posix.mkdir" in message
    assert not marker.exists()


class ModelCheckpoint:
    """As pytorch-lightning's, whose name lies in the published files."""


def test_what_a_training_run_leaves_beside_the_weights_is_not_read(config, weights, tmp_path):
    file = tmp_path / "sd-v1-4.ckpt"
    score = {"best_model_score": np.float64(0.5), "monitor": "val/loss"}
    content = {"epoch": 19, "callbacks": {ModelCheckpoint: score}, "state_dict": weights}
    torch.save(content, file, _use_new_zipfile_serialization=False)
    then = file.read_bytes()
    for now, before in (
        (f"c{__name__}\n", "cpytorch_lightning.callbacks.model_checkpoint\n"),
        ("cnumpy._core.multiarray\n", "cnumpy.core.multiarray\n"),
    ):
        assert now.encode() in then
        then = then.replace(now.encode(), before.encode())
    file.write_bytes(then)
    convert(file, config, tmp_path / "out", allow_pickle=True)
    assert (tmp_path / "out" / "unet").is_dir()


@pytest.mark.parametrize("name", ["model.bin", "model"])
def test_another_kind_of_file_is_refused(config, name, tmp_path):
    (tmp_path / name).write_bytes(b"x")
    assert "neither" in refused(tmp_path / name, config, tmp_path / "out", allow_pickle=True)


def test_a_missing_file_is_named(config, tmp_path):
    refused(tmp_path / "nowhere.safetensors", config, tmp_path / "out", FileNotFoundError)


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("unet/config.json", "config.json"),
        ("text_encoder/config.json", "config.json"),
        ("tokenizer/vocab.json", "tokenizer.json or merges.txt and vocab.json"),
        ("scheduler/scheduler_config.json", "scheduler_config.json"),
    ],
)
def test_a_configuration_that_lacks_something_is_named(tiny_model, weights, lost, named, tmp_path):
    config = bare(tiny_model, tmp_path / "config")
    (config / lost).unlink()
    message = refused(stored(weights, tmp_path / "m.safetensors"), config, tmp_path / "out")
    assert f"{config / Path(lost).parent}: it has no {named}" in message


def test_a_folder_that_is_there_is_left_alone(config, weights, tmp_path):
    file = stored(weights, tmp_path / "m.safetensors")
    (tmp_path / "out").mkdir()
    convert(file, config, tmp_path / "out")
    before = digests(tmp_path / "out")
    with pytest.raises(FileExistsError, match="remove it"):
        convert(file, config, tmp_path / "out")
    assert digests(tmp_path / "out") == before
    assert json.loads((tmp_path / "out" / "unet" / "config.json").read_text())["_class_name"] == "UNet2DConditionModel"
