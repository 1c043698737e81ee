"""Diffusion transformers of every family, tiny and random: what is captured is the image's, cell by cell."""

import diffusers
import pytest
import torch
from diffusers.hooks._helpers import TransformerBlockRegistry

import semlens
from semlens.models.backbones import find_family
from semlens.models.layers import ATTENTION_INPUT

SMALL = {"num_layers": 3, "num_attention_heads": 2, "attention_head_dim": 8, "in_channels": 4, "sample_size": 8}
NETWORKS = {
    "pixart": (
        diffusers.PixArtTransformer2DModel,
        {**SMALL, "out_channels": 8, "cross_attention_dim": 16, "patch_size": 2, "caption_channels": 16},
    ),
    "sd3": (
        diffusers.SD3Transformer2DModel,
        {
            **SMALL,
            **{"patch_size": 2, "caption_projection_dim": 16, "joint_attention_dim": 16, "pooled_projection_dim": 32},
            **{"out_channels": 4, "pos_embed_max_size": 16},
        },
    ),
    "flux": (
        diffusers.FluxTransformer2DModel,
        {
            **{"num_layers": 2, "num_single_layers": 2, "num_attention_heads": 2, "attention_head_dim": 16},
            **{"patch_size": 1, "in_channels": 16, "joint_attention_dim": 16, "pooled_projection_dim": 32},
            "axes_dims_rope": [4, 4, 8],
        },
    ),
    "sana": (
        diffusers.SanaTransformer2DModel,
        {
            **SMALL,
            **{"patch_size": 1, "out_channels": 4, "num_cross_attention_heads": 2, "cross_attention_head_dim": 8},
            **{"cross_attention_dim": 16, "caption_channels": 16},
        },
    ),
    "dit": (diffusers.DiTTransformer2DModel, {**SMALL, "out_channels": 8, "patch_size": 2}),
}
GRID = {"pixart": (4, 6), "sd3": (4, 6), "flux": (4, 6), "sana": (8, 12), "dit": (4, 6)}
TEXT = torch.randn(1, 5, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module", params=NETWORKS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def network(name):
    torch.manual_seed(0)
    kind, config = NETWORKS[name]
    network = kind(**config).eval().requires_grad_(False)
    for parameter in network.parameters():  # tables of modulation begin at 0, where blocks do nothing
        parameter.add_(0.02 * torch.randn(parameter.shape))
    return network


def draw_latents(name, seed=0):
    height, width = GRID[name]
    patch = 1 if name == "sana" else 2
    return torch.randn(2, 4, patch * height, patch * width, generator=torch.Generator().manual_seed(seed))


def run(network, name, latents, *, text=TEXT):
    """One forward pass, as the family's pipeline makes it."""
    batch = len(latents)
    text, pooled, time = text.expand(batch, -1, -1), torch.ones(batch, 32), torch.full((batch,), 100.0)
    match name:
        case "pixart":
            sizes = {"resolution": None, "aspect_ratio": None}
            return network(latents, encoder_hidden_states=text, timestep=time, added_cond_kwargs=sizes)
        case "sd3":
            return network(latents, encoder_hidden_states=text, pooled_projections=pooled, timestep=time)
        case "sana":
            return network(latents, text, time)
        case "dit":
            return network(latents, timestep=time.long(), class_labels=torch.ones(batch, dtype=torch.long))
    height, width = GRID[name]
    packed = (
        latents.unflatten(2, (height, 2)).unflatten(4, (width, 2)).permute(0, 2, 4, 1, 3, 5).flatten(1, 2).flatten(2)
    )
    ids = torch.zeros(height, width, 3)
    ids[..., 1], ids[..., 2] = torch.arange(height)[:, None], torch.arange(width)
    return network(
        hidden_states=packed,
        encoder_hidden_states=text,
        pooled_projections=pooled,
        timestep=time / 1000,
        img_ids=ids.reshape(-1, 3),
        txt_ids=torch.zeros(text.shape[1], 3),
    )


def read(network, name, layers, latents=None, *, stop=True, **how):
    with torch.no_grad(), semlens.capture(network, layers, stop=stop) as features:
        run(network, name, draw_latents(name) if latents is None else latents, **how)
    return features


def all_layers(network):
    return "+".join(layer.name for layer in semlens.list_layers(network))


def test_layers_have_the_channels_and_the_grid_that_they_say(network, name):
    layers = semlens.list_layers(network)
    features = read(network, name, all_layers(network))
    assert list(features) == [layer.name for layer in layers]  # in forward order
    assert {tuple(maps.shape) for maps in features.values()} == {(2, layers[0].channels, *GRID[name])}
    if name != "flux":  # whose configuration says no size
        patch = network.config.patch_size
        assert {layer.grid for layer in layers} == {network.config.sample_size // patch}


def test_an_early_exit_gives_what_a_full_pass_does(network, name, monkeypatch):
    monkeypatch.setitem(GRID, name, (4, 4))  # some give back squares alone
    whole = read(network, name, all_layers(network), stop=False)
    for layer in ("block00", f"block01.{ATTENTION_INPUT}"):
        assert torch.equal(read(network, name, layer)[layer], whole[layer])


def test_attention_is_that_of_torch(network, name, attention_calls):
    """Diffusers' default. Where text has an attention of its own, there are two; Sana's other is linear."""
    layers = [layer for layer in semlens.list_layers(network) if layer.tap != ATTENTION_INPUT]
    read(network, name, layers[-1].name)
    assert len(attention_calls) == (2 if name == "pixart" else 1) * len(layers)


def test_a_patch_changes_its_own_cell_most(network, name):
    """So tokens are the image's, and row by row. Each sample of the batch has another patch changed."""
    clean, (height, width) = draw_latents(name)[:1], GRID[name]
    patch = clean.shape[-1] // width
    changed = clean.repeat(height * width, 1, 1, 1)
    for cell in range(height * width):
        row, column = patch * (cell // width), patch * (cell % width)
        changed[cell, :, row : row + patch, column : column + patch] += 1
    moved = read(network, name, "block00", changed)["block00"] - read(network, name, "block00", clean)["block00"]
    assert moved.norm(dim=1).flatten(1).argmax(dim=1).tolist() == list(range(height * width))


@pytest.mark.parametrize("place", [1, -1])
def test_what_enters_attention_is_the_norm_s_output_scaled_and_shifted_by_channel(network, name, place):
    """PixArt and Sana scale and shift it between the norm and the attention, the others inside the norm."""
    block = semlens.list_layers(network)[place]
    module = network.get_submodule(block.module)
    norm = module.norm if isinstance(getattr(module, "norm", None), torch.nn.Module) else module.norm1
    seen = {}
    handle = norm.register_forward_hook(
        lambda _, __, output: seen.update(norm=output[0] if isinstance(output, tuple) else output)
    )
    tapped = f"{block.name}.{ATTENTION_INPUT}"
    found = read(network, name, tapped)[tapped]
    handle.remove()
    expected = find_family(network).to_map(seen["norm"], GRID[name])
    if name in ("pixart", "sana"):
        means = [maps.mean((2, 3), keepdim=True) for maps in (found, expected)]
        scales = (found - means[0]) / (expected - means[1])
        torch.testing.assert_close(
            scales, scales.median(2, True)[0].median(3, True)[0].expand_as(scales), rtol=0.01, atol=0
        )
    else:
        assert torch.equal(found, expected)


def test_text_is_no_cell_of_a_map(network, name):
    """Twice the text moves every cell through attention, but adds none and shifts none."""
    last = semlens.list_layers(network)[-1].name
    short, long = (
        read(network, name, last, text=text)[last] for text in (TEXT, torch.cat([TEXT, TEXT.flip(1)], dim=1))
    )
    cells, others = (torch.nn.functional.normalize(maps[0].flatten(1), dim=0) for maps in (short, long))
    assert (cells.T @ others).argmax(dim=1).tolist() == list(range(cells.shape[1]))


def test_samples_do_not_depend_on_their_batch(network, name):
    latents = draw_latents(name)
    both = read(network, name, all_layers(network), latents)
    turned = read(network, name, all_layers(network), latents.flip(0))
    for layer, maps in both.items():
        torch.testing.assert_close(turned[layer].flip(0), maps, rtol=1e-4, atol=1e-5)


def test_streams_are_those_that_diffusers_knows(network, name):
    """Its own table, where it has an entry; private, so that nothing but this test reads it."""
    for layer in semlens.list_layers(network):
        kind = type(network.get_submodule(layer.module))
        if layer.tap != ATTENTION_INPUT and kind in TransformerBlockRegistry._registry:
            known = TransformerBlockRegistry.get(kind).return_hidden_states_index
            assert layer.stream == known


def test_ranges_of_blocks_are_layers(network, name):
    assert list(read(network, name, "block00-01")) == ["block00", "block01"]
    tapped = read(network, name, f"block00-01.{ATTENTION_INPUT}")
    assert list(tapped) == [f"block00.{ATTENTION_INPUT}", f"block01.{ATTENTION_INPUT}"]


@pytest.mark.parametrize("layers", ["block77", "block00-77", "block01-00", "block1"])
def test_blocks_that_are_not_there_are_refused(network, layers):
    with pytest.raises(ValueError, match=f"no layer '{layers}'"), semlens.capture(network, layers):
        pass


def test_the_image_is_told_from_a_reference_beside_it():
    """As Flux Kontext is given one: the last tokens would be those of the reference."""
    kind, config = NETWORKS["flux"]
    network = kind(**config).eval()
    ids = torch.cat([torch.zeros(24, 3), torch.ones(24, 3)])
    ids[:, 1:] = torch.cartesian_prod(torch.arange(4.0), torch.arange(6.0)).repeat(2, 1)
    text = {"encoder_hidden_states": TEXT, "pooled_projections": torch.ones(1, 32), "txt_ids": torch.zeros(5, 3)}
    refused = pytest.raises(ValueError, match="48 tokens are not those of one image of 4 x 6 cells")
    with refused, torch.no_grad(), semlens.capture(network, "block00"):
        network(hidden_states=torch.ones(1, 48, 16), timestep=torch.ones(1), img_ids=ids, **text)
