"""Networks that compute faster: the same features, within 1e-5 of their root mean square, by the same captures."""

from copy import deepcopy
from functools import partial

import pytest
import tiny
import tiny_encoders
import torch
from diffusers import UNet2DConditionModel

import semlens
from semlens.models.layers import ATTENTION_INPUT, OUT
from semlens.models.optimizations import optimize_network, set_tf32

TOLERANCE = 1e-5  # of a layer's root mean square
LAYERS = {"unet": "enc64.1", "dinov2": f"block00+block01.{ATTENTION_INPUT}"}
PRECISION = (torch.backends.cuda.matmul, torch.backends.cudnn, torch.backends.cudnn.conv, torch.backends.cudnn.rnn)


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    unet = UNet2DConditionModel(**tiny.UNET).eval().requires_grad_(False)
    return {"unet": unet, "dinov2": tiny_encoders.make("dinov2", seed=0)}


@pytest.fixture(params=LAYERS)
def name(request):
    return request.param


@pytest.fixture
def network(networks, name):
    """One that a test may change."""
    return deepcopy(networks[name])


@pytest.fixture
def compiled(monkeypatch):
    """Every run of compiled code from here on, which is traced as ever, and then run as torch would without."""
    runs = []

    def note(graph, _):
        return lambda *values: runs.append(1) or graph(*values)

    torch._dynamo.reset()  # what other tests compiled of the same classes
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=note))
    yield runs
    torch._dynamo.reset()


def draw_inputs(name, batch=2):
    rng = torch.Generator().manual_seed(0)
    if name == "dinov2":
        return {"pixel_values": torch.randn(batch, 3, 32, 32, generator=rng)}
    text = torch.randn(batch, 77, 32, generator=rng)
    return {"sample": torch.randn(batch, 4, 16, 16, generator=rng), "timestep": 10, "encoder_hidden_states": text}


def read(network, name, layers=None, *, batch=2, **how):
    with torch.inference_mode(), semlens.capture(network, layers or LAYERS[name], **how) as features:
        network(**draw_inputs(name, batch))
    return features


def optimize(network, name, *optimizations):
    layers = semlens.list_layers(network)
    optimize_network(
        network, optimizations, [layer for layer in layers if layer.name in LAYERS[name].split("+")], layers
    )
    return network


@pytest.mark.parametrize("optimizations", [["channels_last"], ["compile"], ["channels_last", "compile"]])
def test_features_are_the_same_within_the_tolerance(network, name, optimizations):
    """Compiled for real, with a compiler of C++."""
    expected = read(network, name)
    found = read(optimize(network, name, *optimizations), name)
    assert found.keys() == expected.keys()
    for layer, maps in expected.items():
        assert (found[layer] - maps).abs().max() <= TOLERANCE * maps.square().mean().sqrt()


def test_channels_come_last_in_memory_where_asked_for(networks):
    how = {"memory_format": torch.channels_last}
    plain, changed = (optimize(deepcopy(networks["unet"]), "unet", *names) for names in ([], ["channels_last"]))
    for network, expected in ((plain, False), (changed, True)):
        (maps,) = read(network, "unet", "enc64.2").values()
        assert network.conv_in.weight.is_contiguous(**how) == expected
        assert maps.is_contiguous(**how) == expected


def test_nothing_is_compiled_unless_asked_for(network, name, compiled):
    read(optimize(network, name, "channels_last", "tf32"), name)
    assert not compiled


def test_layers_are_captured_beside_what_is_compiled_and_all_blocks_are(network, name, compiled):
    """A residual block and an attention; a block, and the norm before the attention of the next."""
    expected = read(network, name)
    found = read(optimize(network, name, "compile"), name)
    assert len(compiled) == {"unet": 2, "dinov2": 1}[name]
    assert all(torch.equal(found[layer], maps) for layer, maps in expected.items())


def test_no_kind_of_block_and_no_batch_is_left_out(network, name, compiled):
    """Torch itself gives up without an error after eight kinds, which a U-Net alone has more of."""
    layers = [layer for layer in semlens.list_layers(network) if layer.tap == OUT]
    everything = "+".join(layer.name for layer in layers)
    optimize_network(network, ["compile"], layers, layers)
    counts = []
    for batch in (2, 1, 2):
        compiled.clear()
        assert read(network, name, everything, batch=batch, stop=False)
        counts.append(len(compiled))
    blocks = {"unet": 20 + 15 + 6 + 1, "dinov2": 3}[name]  # residual, attention, of samplers, in the middle
    assert counts == [blocks] * 3


@pytest.mark.parametrize("optimizations", [[], ["compile"]])
def test_the_pass_ends_after_the_last_layer(network, name, optimizations, compiled):
    after, later = {
        "unet": ("down_blocks.0.resnets.1", "enc64.2"),
        "dinov2": ("encoder.layer.1.layer_scale1", "block01"),
    }[name]
    ran = []
    optimize(network, name, *optimizations)
    network.get_submodule(after).register_forward_pre_hook(lambda *_: ran.append(1))
    read(network, name)
    assert not ran
    read(network, name, later)
    assert ran


def get_precision():
    return [place.fp32_precision for place in PRECISION]


@pytest.fixture(autouse=True)
def _restored_precision():
    before = get_precision()
    yield
    for place, value in zip(PRECISION, before, strict=True):
        place.fp32_precision = value


@pytest.mark.parametrize(("optimizations", "expected"), [([], "ieee"), (["tf32"], "tf32")])
def test_products_and_convolutions_round_as_asked_for(network, name, optimizations, expected):
    """Torch rounds convolutions on GPUs by default."""
    set_tf32(not optimizations)
    optimize(network, name, *optimizations)
    assert get_precision() == [expected] * len(PRECISION)
