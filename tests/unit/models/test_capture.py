"""Captured features against those of a full pass with plain hooks."""

import pytest
import torch
from diffusers import UNet2DConditionModel

import semlens
from semlens.models.backbones import unet as backbone
from semlens.models.capture import capture
from semlens.models.layers import Layer, expand_layers

CHOICES = ["enc64.1", "enc16.1", "enc16", "8", "mid8", "64+32+16", "dec64.3", "enc64.2+dec8.1"]


@pytest.fixture(scope="module")
def unet(tiny_model):
    return backbone.load(tiny_model / "unet", device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture(scope="module")
def inputs():
    # A quarter of the native side: the network is convolutional, and the capture does not care.
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, 4, 16, 16, generator=rng), 10, torch.randn(2, 77, 32, generator=rng)


@pytest.fixture(scope="module")
def expected(unet, inputs):
    """All features of one whole pass, copied as they come out."""
    seen = {}
    hooks = [
        unet.get_submodule(layer.module).register_forward_hook(
            lambda module, args, output, name=layer.name: seen.__setitem__(
                name, (output[0] if isinstance(output, tuple) else output).clone()
            )
        )
        for layer in backbone.list_layers(unet.config)
    ]
    with torch.inference_mode():
        unet(*inputs)
    for hook in hooks:
        hook.remove()
    return seen


def points(unet, layer_set):
    wanted = expand_layers(layer_set, [layer.name for layer in backbone.list_layers(unet.config)])
    return [layer for layer in backbone.list_layers(unet.config) if layer.name in wanted]


def hooks_left(unet):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in unet.modules())


def test_attention_is_that_of_torch(unet, inputs, attention_calls):
    """Diffusers' default: no map of all tokens by all tokens is made. Of each block, to itself and to text."""
    with torch.inference_mode():
        unet(*inputs)
    blocks = sum(type(module).__name__ == "BasicTransformerBlock" for module in unet.modules())
    assert len(attention_calls) == 2 * blocks == 32


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("layer_set", CHOICES)
def test_features_are_those_of_a_full_pass_bit_for_bit(unet, inputs, expected, layer_set, stop):
    chosen = points(unet, layer_set)
    with torch.inference_mode(), capture(unet, chosen, stop=stop) as features:
        unet(*inputs)
    assert list(features) == [layer.name for layer in chosen]
    for name, values in features.items():
        assert torch.equal(values, expected[name]), name
    assert hooks_left(unet) == 0


def test_a_layer_set_is_captured_by_its_name(unet, inputs, expected):
    """As in a notebook, with the names that the package offers."""
    with torch.inference_mode(), semlens.capture(unet, "mid8+enc16") as features:
        unet(*inputs)
    assert list(features) == ["enc16.1", "enc16.2", "mid8"]
    assert all(torch.equal(values, expected[name]) for name, values in features.items())


def test_layers_of_a_network_are_those_of_its_family(unet):
    assert semlens.list_layers(unet) == backbone.list_layers(unet.config)
    with pytest.raises(ValueError, match=r"layers of a Linear are not known; those of .*UNet2DConditionModel"):
        semlens.list_layers(torch.nn.Linear(1, 1))


def test_a_subclass_is_of_its_family(tiny_model):
    class Ours(UNet2DConditionModel):
        pass

    network = Ours.from_config(Ours.load_config(tiny_model / "unet"))
    assert semlens.list_layers(network) == backbone.list_layers(network.config)


def test_attentions_that_give_out_a_tensor_keep_their_batch():
    sizes = {"sample_size": 16, "block_out_channels": (32, 32), "layers_per_block": 1, "cross_attention_dim": 16}
    blocks = {
        "down_block_types": ("SimpleCrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "SimpleCrossAttnUpBlock2D"),
        "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    }
    network = UNet2DConditionModel(**sizes, **blocks, attention_head_dim=8).eval()
    with torch.no_grad(), semlens.capture(network, "enc16.1") as features:
        network(torch.ones(2, 4, 16, 16), 1, torch.ones(2, 5, 16))
    assert features["enc16.1"].shape == (2, 32, 16, 16)


def test_layers_may_be_asked_for_in_any_order(unet, inputs, expected):
    with torch.inference_mode(), capture(unet, points(unet, "enc64.2+16+mid8")[::-1]) as features:
        unet(*inputs)
    assert set(features) == {"enc64.2", "enc16.1", "enc16.2", "mid8", "dec16.1", "dec16.2", "dec16.3"}
    for name, values in features.items():
        assert torch.equal(values, expected[name]), name


def test_features_have_the_channels_and_grids_of_the_map(unet, expected):
    assert list(expected) == [layer.name for layer in backbone.list_layers(unet.config)]
    for layer in backbone.list_layers(unet.config):
        assert expected[layer.name].shape == (2, layer.channels, layer.grid // 4, layer.grid // 4)


@pytest.mark.parametrize("depths", [1, [1, 2, 1]])
def test_the_map_fits_networks_of_other_shapes(depths):
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16, 32),
        layers_per_block=depths,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=1,
        cross_attention_dim=8,
        norm_num_groups=4,
    )
    with torch.inference_mode(), capture(unet, backbone.list_layers(unet.config), stop=False) as features:
        unet(torch.randn(1, 4, 16, 16), 0, torch.randn(1, 3, 8))
    assert {name: values.shape for name, values in features.items()} == {
        layer.name: (1, layer.channels, layer.grid, layer.grid) for layer in backbone.list_layers(unet.config)
    }
    blocks = [*unet.down_blocks, *unet.up_blocks]
    pairs = sum(len(block.resnets) for block in blocks)
    assert len(features) == pairs + 1  # nothing is left out but what the middle holds


def test_the_code_after_the_pass_runs_only_without_stop(unet, inputs):
    reached = []
    for stop in (True, False):
        with torch.inference_mode(), capture(unet, points(unet, "enc64.1"), stop=stop):
            unet(*inputs)
            reached.append(stop)
    assert reached == [False]


@pytest.mark.parametrize(
    ("layer_set", "stop", "later", "calls"),
    [
        ("enc16.1", True, "down_blocks.2.resnets.1", 0),
        ("enc16.1", True, "mid_block", 0),
        ("enc16.1", True, "conv_out", 0),
        ("enc16.1", True, "down_blocks.2.resnets.0", 1),
        ("enc16.1+dec8.1", True, "mid_block", 1),
        ("enc16.1+dec8.1", True, "up_blocks.0.resnets.1", 0),
        ("enc16.1", False, "conv_out", 1),
    ],
)
def test_the_pass_ends_with_the_last_wanted_layer(unet, inputs, layer_set, stop, later, calls):
    seen = []
    counter = unet.get_submodule(later).register_forward_pre_hook(lambda module, args: seen.append(1))
    try:
        with torch.inference_mode(), capture(unet, points(unet, layer_set), stop=stop):
            unet(*inputs)
    finally:
        counter.remove()
    assert len(seen) == calls


@pytest.mark.parametrize("stop", [True, False])
def test_hooks_are_removed_when_the_block_fails(unet, stop):
    with pytest.raises(ZeroDivisionError), capture(unet, points(unet, "16"), stop=stop):
        raise ZeroDivisionError
    assert hooks_left(unet) == 0


def test_hooks_are_removed_when_the_network_fails(unet, inputs):
    latents, timestep, text = inputs
    with pytest.raises(RuntimeError), torch.inference_mode(), capture(unet, points(unet, "16")):
        unet(latents[:, :3], timestep, text)
    assert hooks_left(unet) == 0


def test_an_unknown_module_leaves_no_hook(unet):
    layers = [*points(unet, "enc16.1"), Layer("enc4.1", "down_blocks.9", 4, 1)]
    with pytest.raises(AttributeError), capture(unet, layers):
        pass
    assert hooks_left(unet) == 0


def test_the_network_works_as_before_afterwards(unet, inputs):
    with torch.inference_mode():
        before = unet(*inputs).sample
        with capture(unet, points(unet, "enc16.1")):
            unet(*inputs)
        assert torch.equal(unet(*inputs).sample, before)
