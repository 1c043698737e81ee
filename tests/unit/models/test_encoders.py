"""Image encoders of transformers, tiny and random: what is captured is the image's, cell by cell."""

import pytest
import torch
from transformers import (
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
    ViTModel,
)

import semlens
from semlens.models.layers import ATTENTION_INPUT

SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
WIDE = {**SMALL, "intermediate_size": 32}
ENCODERS = {
    "dinov2": (Dinov2Model, Dinov2Config(**SMALL), {}, 1),
    "dinov2 with registers": (Dinov2WithRegistersModel, Dinov2WithRegistersConfig(**SMALL), {}, 5),
    "dinov3": (DINOv3ViTModel, DINOv3ViTConfig(**WIDE, num_register_tokens=4), {}, 5),
    "vit": (ViTModel, ViTConfig(**WIDE), {"interpolate_pos_encoding": True}, 1),
    "clip": (CLIPVisionModel, CLIPVisionConfig(**WIDE), {"interpolate_pos_encoding": True}, 1),
    "siglip": (SiglipVisionModel, SiglipVisionConfig(**WIDE), {"interpolate_pos_encoding": True}, 0),
}
HEIGHT, WIDTH = 4, 6  # cells


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request):
    """A network, what it is called with, and how many tokens come before the image's."""
    kind, config, options, prefix = ENCODERS[request.param]
    torch.manual_seed(0)
    return kind(config).eval().requires_grad_(False), options, prefix


def draw_images(count=2):
    return torch.randn(count, 3, 8 * HEIGHT, 8 * WIDTH, generator=torch.Generator().manual_seed(0))


def read(encoder, layers, images, *, stop=True, **how):
    network, options, _ = encoder
    with torch.no_grad(), semlens.capture(network, layers, stop=stop) as features:
        network(images, **options, **how)
    return features


def test_layers_have_the_channels_and_the_grid_that_they_say(encoder):
    layers = semlens.list_layers(encoder[0])
    features = read(encoder, "+".join(layer.name for layer in layers), draw_images())
    assert list(features) == [f"block0{n}{tap}" for n in range(3) for tap in (f".{ATTENTION_INPUT}", "")]
    assert {tuple(maps.shape) for maps in features.values()} == {(2, layers[0].channels, HEIGHT, WIDTH)}
    assert {layer.grid for layer in layers} == {4}  # at the size of the configuration


def test_blocks_are_the_hidden_states_of_the_library_without_what_comes_before(encoder):
    network, options, prefix = encoder
    features = read(encoder, "block00-01", draw_images(), stop=False)
    with torch.no_grad():
        states = network(draw_images(), **options, output_hidden_states=True).hidden_states
    assert states[1].shape[1] == prefix + HEIGHT * WIDTH
    for number, maps in enumerate(features.values(), start=1):
        assert torch.equal(maps.flatten(2).transpose(1, 2), states[number][:, prefix:])


def test_an_early_exit_gives_what_a_full_pass_does(encoder):
    whole = read(encoder, f"block00-02+block01.{ATTENTION_INPUT}", draw_images(), stop=False)
    for layer in ("block00", f"block01.{ATTENTION_INPUT}"):
        assert torch.equal(read(encoder, layer, draw_images())[layer], whole[layer])


def test_a_patch_changes_its_own_cell_most(encoder):
    clean = draw_images(1)
    changed = clean.repeat(HEIGHT * WIDTH, 1, 1, 1)
    for cell in range(HEIGHT * WIDTH):
        row, column = 8 * (cell // WIDTH), 8 * (cell % WIDTH)
        changed[cell, :, row : row + 8, column : column + 8] += 1
    moved = read(encoder, "block00", changed)["block00"] - read(encoder, "block00", clean)["block00"]
    assert moved.norm(dim=1).flatten(1).argmax(dim=1).tolist() == list(range(HEIGHT * WIDTH))


def test_what_enters_attention_is_what_the_norm_gives_out(encoder):
    network, _, prefix = encoder
    block = network.get_submodule(semlens.list_layers(network)[-1].module)
    (norm,) = (getattr(block, name) for name in ("norm1", "layernorm_before", "layer_norm1") if hasattr(block, name))
    seen = {}
    handle = norm.register_forward_hook(lambda _, __, output: seen.update(norm=output))
    features = read(encoder, f"block02.{ATTENTION_INPUT}", draw_images())
    handle.remove()
    (maps,) = features.values()
    assert torch.equal(maps.flatten(2).transpose(1, 2), seen["norm"][:, prefix:])


def test_samples_do_not_depend_on_their_batch(encoder):
    both, one = (read(encoder, "block02", images)["block02"] for images in (draw_images(), draw_images()[1:]))
    torch.testing.assert_close(both[1:], one, rtol=1e-4, atol=1e-5)
