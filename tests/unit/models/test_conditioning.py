"""Diffusion transformers are given what their pipelines in diffusers give them, at the same noise."""

import json
import shutil
from inspect import signature

import pytest
import tiny_transformers
import torch
from diffusers import (
    DDPMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    PixArtAlphaPipeline,
)

import semlens
from semlens.extract.prompts import encode_prompt
from semlens.models.backbones import load_backbone
from semlens.models.backbones._conditioning import read_sample_texts
from semlens.models.loading import load_vae
from semlens.models.noise import load_noise
from semlens.storage.shard_reader import open_shard
from semlens.storage.shard_writer import create_shard, write_array

CPU = torch.device("cpu")
PROMPT = "A photo of a Cat"
TIMESTEP = 261
ROWS = slice(0, 2)
SIZE = 512
FLOWS = ("sd3", "flux", "sana")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders by family."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")
    for family in tiny_transformers.FAMILIES:
        tiny_transformers.write(folder / family, family, seed=0)
    return {family: folder / family for family in tiny_transformers.FAMILIES}


@pytest.fixture(scope="module", params=tiny_transformers.FAMILIES)
def family(request):
    return request.param


def list_text_parts(folder):
    return {part.name: part for part in folder.glob("*") if part.name.startswith(("tokenizer", "text_encoder"))}


def build_inputs(family, folder, latents, out, timestep=TIMESTEP, size=SIZE):
    """What the library gives a forward pass of two samples, from the prompt on."""
    backbone = load_backbone(family)
    network = backbone.load(folder / "transformer", device=CPU, dtype=torch.float32)
    if backbone.TEXT is None:
        conditioning = backbone.prepare_conditioning(network, None, "identity", ROWS, image_size=size)
    else:
        encode_prompt(prompt=PROMPT, kind=backbone.TEXT, parts=list_text_parts(folder), out=out)
        with open_shard(out) as prompts:
            conditioning = backbone.prepare_conditioning(network, prompts, "identity", ROWS, image_size=size)
    return network, backbone.build_inputs(network, latents, timestep, conditioning)


def draw_latents(family, size=SIZE, count=2):
    config = tiny_transformers.TRANSFORMERS[family]
    channels = config["in_channels"] // (4 if family == "flux" else 1)
    side = size // load_backbone(family).REDUCTION
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(1))


def spy(pipeline):
    """The arguments of the transformer's calls, by name, as they come."""
    calls = []

    def note(module, given, named):
        bound = signature(module.forward).bind(*given, **named).arguments
        calls.append({key: value for key, value in bound.items() if value is not None and key != "return_dict"})

    pipeline.transformer.register_forward_pre_hook(note, with_kwargs=True)
    pipeline.set_progress_bar_config(disable=True)
    return calls


def run_pipeline(family, folder, latents, kind=None, size=SIZE, **parts):
    """What the pipeline gives its transformer in its first step, at the noise of ``TIMESTEP``."""
    pipeline = (kind or tiny_transformers.PIPELINES[family]).from_pretrained(folder, local_files_only=True, **parts)
    calls = spy(pipeline)
    asked = {"guidance_scale": 1.0, "num_inference_steps": 1}
    if family == "dit":  # takes neither latents nor a timestep, and has 1000 classes
        pipeline.scheduler.register_to_config(steps_offset=TIMESTEP)
        pipeline(class_labels=[1000, 1000], **asked)
        return calls[0]
    if family in FLOWS:  # a schedule that is not shifted, to choose the noise
        pipeline.scheduler = FlowMatchEulerDiscreteScheduler()
        asked |= {"sigmas": [TIMESTEP / 1000]}
    else:
        asked |= {"timesteps": [TIMESTEP, 0], "use_resolution_binning": False, "clean_caption": False}
        asked["num_inference_steps"] = 2  # alpha's single step is that of another scheduler
    if family == "flux":
        asked["guidance_scale"] = 3.5
        latents = FluxPipeline._pack_latents(latents, *latents.shape)
    if family == "sana":
        asked |= {"complex_human_instruction": None, "use_resolution_binning": False, "clean_caption": False}
    asked |= {"height": size, "width": size, "num_images_per_prompt": 2}
    pipeline(PROMPT, latents=latents, output_type="latent", **asked)
    return {key: value for key, value in calls[0].items() if not key.endswith("attention_kwargs")}


def compare(given, expected):
    """Equal by name; masks are bool here and whole numbers there."""
    assert given.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, dict):
            compare(given[key], value)
        elif value is None:
            assert given[key] is None
        else:
            same = given[key].to(value.dtype) if given[key].dtype == torch.bool else given[key]
            torch.testing.assert_close(same, value, rtol=1e-6, atol=1e-6, msg=lambda text, key=key: f"{key}: {text}")


def test_a_network_is_given_what_its_pipeline_gives_it(models, family, tmp_path):
    latents = draw_latents(family)
    expected = run_pipeline(family, models[family], latents)
    if family == "dit":
        latents = expected["hidden_states"]
    _, given = build_inputs(family, models[family], latents, tmp_path / "prompt.h5")
    compare(given, expected)


@pytest.fixture(scope="module")
def alpha(tmp_path_factory):
    """PixArt-alpha for images of 1024 pixels, which reads their size as well."""
    folder = tmp_path_factory.mktemp("models") / "alpha"
    tiny_transformers.write(folder, "pixart", seed=0, sample_size=128, use_additional_conditions=None)
    return folder


def test_pixart_alpha_is_given_its_pipeline_s_sizes_and_text(alpha, tmp_path):
    latents = draw_latents("pixart", size=1024)
    expected = run_pipeline("pixart", alpha, latents, PixArtAlphaPipeline, size=1024)
    _, given = build_inputs("pixart", alpha, latents, tmp_path / "prompt.h5", size=1024)
    mask = given["encoder_attention_mask"]
    assert not mask[:, 120:].any()
    for key in ("encoder_hidden_states", "encoder_attention_mask"):  # alpha's pipeline ends at 120 tokens
        given[key] = given[key][:, :120]
    used = mask[:, :120, None]
    given["encoder_hidden_states"], expected["encoder_hidden_states"] = (
        inputs["encoder_hidden_states"] * used for inputs in (given, expected)
    )
    compare(given, expected)


def test_nothing_of_pixart_changes_with_padding(alpha, tmp_path):
    """So that 300 tokens are as good for alpha as its pipeline's 120."""
    network, given = build_inputs("pixart", alpha, draw_latents("pixart", size=1024), tmp_path / "prompt.h5", size=1024)
    short = given | {key: given[key][:, :120] for key in ("encoder_hidden_states", "encoder_attention_mask")}
    with torch.inference_mode():
        torch.testing.assert_close(network(**short).sample, network(**given).sample, rtol=1e-5, atol=1e-6)


def test_schnell_is_given_no_guidance(tmp_path):
    tiny_transformers.write(tmp_path / "schnell", "flux", seed=0, guidance_embeds=False)
    latents = draw_latents("flux")
    expected = run_pipeline("flux", tmp_path / "schnell", latents)
    _, given = build_inputs("flux", tmp_path / "schnell", latents, tmp_path / "prompt.h5")
    compare(given, expected)


def test_stable_diffusion_3_without_t5_is_given_zeros(tmp_path):
    tiny_transformers.write(tmp_path / "sd3", "sd3", seed=0, joint_attention_dim=4096)
    latents = draw_latents("sd3")
    expected = run_pipeline("sd3", tmp_path / "sd3", latents, text_encoder_3=None, tokenizer_3=None)
    for part in ("text_encoder_3", "tokenizer_3"):
        (tmp_path / "sd3" / part).rename(tmp_path / part)
    _, given = build_inputs("sd3", tmp_path / "sd3", latents, tmp_path / "prompt.h5")
    compare(given, expected)


def test_time_and_text_change_what_a_network_gives(models, family, tmp_path):
    latents = draw_latents(family)
    network, given = build_inputs(family, models[family], latents, tmp_path / "prompt.h5")
    _, later = build_inputs(family, models[family], latents, tmp_path / "prompt.h5", timestep=600)
    other = "class_labels" if family == "dit" else "encoder_hidden_states"
    with torch.inference_mode():
        base, moved, told = (
            network(**inputs).sample for inputs in (given, later, given | {other: given[other].flip(-1) // 2})
        )
    assert not torch.allclose(base, moved) and not torch.allclose(base, told)


def test_a_sample_does_not_depend_on_its_batch(models, family, tmp_path):
    latents = draw_latents(family)
    network, given = build_inputs(family, models[family], latents, tmp_path / "prompt.h5")
    layers = "+".join(layer.name for layer in semlens.list_layers(network))
    _, turned = build_inputs(family, models[family], latents.flip(0), tmp_path / "prompt.h5")
    with torch.inference_mode():
        with semlens.capture(network, layers) as features:
            network(**given)
        with semlens.capture(network, layers) as others:
            network(**turned)
    for layer, maps in features.items():
        torch.testing.assert_close(others[layer].flip(0), maps, rtol=1e-4, atol=1e-5)


def test_maps_have_the_grid_that_layers_say_at_a_size(models, family, tmp_path):
    size, backbone = 256, load_backbone(family)
    network, given = build_inputs(family, models[family], draw_latents(family, size), tmp_path / "prompt.h5", size=size)
    layer = backbone.list_layers(network.config, size)[-1]
    with torch.inference_mode(), semlens.capture(network, [layer]) as features:
        network(**given)
    assert features[layer.name].shape == (2, layer.channels, layer.grid, layer.grid)


def test_a_latent_stands_for_as_many_pixels_as_the_family_says(models, family):
    vae = load_vae(models[family] / "vae", device=CPU, dtype=torch.float32)
    with torch.inference_mode():
        encoded = vae.encode(torch.zeros(1, 3, 128, 128))
    latents = encoded.latent if family == "sana" else encoded.latent_dist.mean
    assert latents.shape[-2:] == (128 // load_backbone(family).REDUCTION,) * 2


@pytest.mark.parametrize("place", [0, 300, 999])
def test_flows_mix_noise_as_diffusers_does(place):
    scheduler = FlowMatchEulerDiscreteScheduler()  # its table, not shifted, begins at the most noise
    clean, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    timestep = scheduler.timesteps[place]
    mixed = load_noise("flow", "unread").mix(clean, noise, round(timestep.item()))
    torch.testing.assert_close(mixed, scheduler.scale_noise(clean, timestep[None], noise))


@pytest.mark.parametrize("timestep", [0, 261, 999])
@pytest.mark.parametrize("name", ["pixart", "dit"])
def test_betas_mix_noise_as_diffusers_does(models, name, timestep):
    scheduler = DDPMScheduler(**tiny_transformers.BETAS)
    clean, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    mixed = load_noise(load_backbone(name).NOISE, models[name] / "scheduler").mix(clean, noise, timestep)
    torch.testing.assert_close(mixed, scheduler.add_noise(clean, noise, torch.tensor([timestep])))


def test_every_sample_is_given_its_own_text(models, tmp_path):
    values = torch.arange(24.0).reshape(3, 2, 4)
    with create_shard(tmp_path / "prompts.h5", {}, {}) as shard:
        write_array(shard, "embedding", values.numpy())
        write_array(shard, "identity/text", [2, 0, 0, 1, 2])
    network = load_backbone("dit").load(models["dit"] / "transformer", device=CPU, dtype=torch.bfloat16)
    with open_shard(tmp_path / "prompts.h5") as prompts:
        texts = read_sample_texts(network, prompts, "embedding", "identity", slice(1, 5))
    assert torch.equal(texts, values[[0, 0, 1, 2]].bfloat16())


def read_weights(backbone, folder):
    return backbone.load(folder, device=CPU, dtype=torch.float32).state_dict()


def test_an_untrained_network_is_its_seed_s(models, family, tmp_path):
    backbone, config = load_backbone(family), models[family] / "transformer" / "config.json"
    for name, seed in {"one": 1, "again": 1, "two": 2}.items():
        backbone.write_untrained(config, tmp_path / name, seed=seed)
    one, again, two = (read_weights(backbone, tmp_path / name) for name in ("one", "again", "two"))
    assert all(torch.equal(again[key], value) for key, value in one.items())
    drawn = [key for key, value in one.items() if value.ndim > 1 and not torch.equal(two[key], value)]
    assert len(drawn) > len(one) // 3


def test_blocks_of_an_untrained_network_change_what_they_are_given(models, family, tmp_path):
    """Modulation that began at 0 would make each of them the identity, and all layers one."""
    load_backbone(family).write_untrained(
        models[family] / "transformer" / "config.json", tmp_path / "transformer", seed=1
    )
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "transformer").rename(folder / "transformer")
    for part in list_text_parts(models[family]).values():
        (folder / part.name).symlink_to(part)
    network, given = build_inputs(family, folder, draw_latents(family), tmp_path / "prompt.h5")
    with torch.inference_mode(), semlens.capture(network, "block00+block01") as features:
        network(**given)
    first, second = features.values()
    assert (second - first).norm() > 0.01 * first.norm()


@pytest.mark.parametrize("name", ["pixart", "dit"])
def test_networks_of_the_class_that_they_were_published_as_are_read(models, name, tmp_path):
    """``Transformer2DModel``, which diffusers has split since."""
    folder = tmp_path / "transformer"
    shutil.copytree(models[name] / "transformer", folder)
    config = json.loads((folder / "config.json").read_text())
    old = {"_class_name": "Transformer2DModel", "num_vector_embeds": None, "only_cross_attention": False}
    (folder / "config.json").write_text(json.dumps(config | old))
    backbone = load_backbone(name)
    read = read_weights(backbone, folder)
    assert all(
        torch.equal(read[key], value) for key, value in read_weights(backbone, models[name] / "transformer").items()
    )
    backbone.write_untrained(folder / "config.json", tmp_path / "untrained", seed=0)
    assert read_weights(backbone, tmp_path / "untrained").keys() == read.keys()


@pytest.mark.parametrize(
    ("name", "changes", "size", "message"),
    [
        ("pixart", {}, 500, "cells of 64 x 64 pixels, into which images of 500 do not divide; set 'size: 448'"),
        ("dit", {}, 40, "set 'size: 64'"),
        ("sd3", {}, 500, "set 'size: 448'"),
        ("sd3", {}, 832, "knows 12 x 12 positions; set 'size: 768' or less"),
        ("flux", {}, 520, "set 'size: 512'"),
        ("sana", {}, 520, "set 'size: 512'"),
        ("pixart", {"in_channels": 9}, 512, "reads 9 channels and gives 8: it wants more than latents"),
        ("dit", {"in_channels": 9}, 512, "reads 9 channels and gives 8"),
        ("sd3", {"in_channels": 33}, 512, "reads 33 channels and gives 16"),
        ("flux", {"in_channels": 384, "out_channels": 64}, 512, "reads 384 channels and gives 64"),
        ("sana", {"in_channels": 16}, 512, "reads 16 channels and gives 8"),
        ("sana", {"guidance_embeds": True}, 512, "guidance_embeds: true.* Sprint"),
    ],
)
def test_networks_and_sizes_that_cannot_be_read_are_refused(name, changes, size, message):
    with pytest.raises(ValueError, match=message):
        load_backbone(name).check_config({**tiny_transformers.TRANSFORMERS[name], **changes}, size)


def test_known_networks_and_sizes_are_not(family):
    for size in (None, 256, 512):
        load_backbone(family).check_config(tiny_transformers.TRANSFORMERS[family], size)


def test_a_folder_that_cannot_be_read_is_named(models, tmp_path):
    tiny_transformers.write(tmp_path / "sana", "sana", seed=0, guidance_embeds=True)
    with pytest.raises(ValueError, match=rf"{tmp_path}/sana/transformer cannot be read: .*guidance"):
        load_backbone("sana").load(tmp_path / "sana" / "transformer", device=CPU, dtype=torch.float32)
    with pytest.raises(ValueError, match="it is a SD3Transformer2DModel, not a FluxTransformer2DModel"):
        load_backbone("flux").load(models["sd3"] / "transformer", device=CPU, dtype=torch.float32)
