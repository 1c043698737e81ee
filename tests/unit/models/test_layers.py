"""Capture points as the U-Net's configuration gives them, and the names of sets of them."""

import pytest

from semlens.models.backbones import unet as backbone
from semlens.models.layers import expand_layers, find_forward_position

SD15 = {
    "sample_size": 64,
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
}
SDXL = {
    "sample_size": 128,
    "block_out_channels": [320, 640, 1280],
    "layers_per_block": 2,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
}
SD15_LAYERS = [
    ("enc64.1", "down_blocks.0.attentions.0", 64, 320),
    ("enc64.2", "down_blocks.0.attentions.1", 64, 320),
    ("enc32.1", "down_blocks.1.attentions.0", 32, 640),
    ("enc32.2", "down_blocks.1.attentions.1", 32, 640),
    ("enc16.1", "down_blocks.2.attentions.0", 16, 1280),
    ("enc16.2", "down_blocks.2.attentions.1", 16, 1280),
    ("enc8.1", "down_blocks.3.resnets.0", 8, 1280),
    ("enc8.2", "down_blocks.3.resnets.1", 8, 1280),
    ("mid8", "mid_block", 8, 1280),
    ("dec8.1", "up_blocks.0.resnets.0", 8, 1280),
    ("dec8.2", "up_blocks.0.resnets.1", 8, 1280),
    ("dec8.3", "up_blocks.0.resnets.2", 8, 1280),
    ("dec16.1", "up_blocks.1.attentions.0", 16, 1280),
    ("dec16.2", "up_blocks.1.attentions.1", 16, 1280),
    ("dec16.3", "up_blocks.1.attentions.2", 16, 1280),
    ("dec32.1", "up_blocks.2.attentions.0", 32, 640),
    ("dec32.2", "up_blocks.2.attentions.1", 32, 640),
    ("dec32.3", "up_blocks.2.attentions.2", 32, 640),
    ("dec64.1", "up_blocks.3.attentions.0", 64, 320),
    ("dec64.2", "up_blocks.3.attentions.1", 64, 320),
    ("dec64.3", "up_blocks.3.attentions.2", 64, 320),
]
SD15_NAMES = [name for name, *_ in SD15_LAYERS]


def as_tuples(unet):
    return [(layer.name, layer.module, layer.grid, layer.channels) for layer in backbone.list_layers(unet)]


def test_the_map_of_stable_diffusion_1_5():
    assert as_tuples(SD15) == SD15_LAYERS


def test_the_map_of_a_three_level_network_whose_first_block_has_no_attention():
    found = as_tuples(SDXL)
    assert " ".join(name for name, *_ in found) == (
        "enc128.1 enc128.2 enc64.1 enc64.2 enc32.1 enc32.2 mid32 "
        "dec32.1 dec32.2 dec32.3 dec64.1 dec64.2 dec64.3 dec128.1 dec128.2 dec128.3"
    )
    assert ("enc128.1", "down_blocks.0.resnets.0", 128, 320) in found
    assert ("enc32.2", "down_blocks.2.attentions.1", 32, 1280) in found
    assert ("mid32", "mid_block", 32, 1280) in found
    assert ("dec32.3", "up_blocks.0.attentions.2", 32, 1280) in found
    assert ("dec64.1", "up_blocks.1.attentions.0", 64, 640) in found
    assert ("dec128.3", "up_blocks.2.resnets.2", 128, 320) in found


def test_layers_per_block_may_differ_by_level():
    found = [name for name, *_ in as_tuples({**SDXL, "layers_per_block": [1, 2, 3]})]
    assert " ".join(found) == (
        "enc128.1 enc64.1 enc64.2 enc32.1 enc32.2 enc32.3 mid32 "
        "dec32.1 dec32.2 dec32.3 dec32.4 dec64.1 dec64.2 dec64.3 dec128.1 dec128.2"
    )


def test_a_network_without_a_middle_has_no_mid():
    names = [name for name, *_ in as_tuples({**SD15, "mid_block_type": None})]
    assert names == [name for name in SD15_NAMES if name != "mid8"]


def test_a_middle_that_the_file_leaves_out_is_there_as_diffusers_fills_it_in():
    unet = {key: value for key, value in SD15.items() if key != "mid_block_type"}
    assert "mid8" in [name for name, *_ in as_tuples(unet)]


@pytest.mark.parametrize(
    ("layer_set", "expected"),
    [
        ("enc16.1", ["enc16.1"]),
        ("mid8", ["mid8"]),
        ("enc16", ["enc16.1", "enc16.2"]),
        ("dec16", ["dec16.1", "dec16.2", "dec16.3"]),
        ("16", ["enc16.1", "enc16.2", "dec16.1", "dec16.2", "dec16.3"]),
        ("8", ["enc8.1", "enc8.2", "mid8", "dec8.1", "dec8.2", "dec8.3"]),
        ("64+32+16", [name for name in SD15_NAMES if "8" not in name]),
        ("16+64+32", [name for name in SD15_NAMES if "8" not in name]),
        ("dec16.3+enc16.1", ["enc16.1", "dec16.3"]),
        ("enc16+enc16.1+enc16", ["enc16.1", "enc16.2"]),
    ],
)
def test_feature_sets_name_layers_once_and_in_forward_order(layer_set, expected):
    assert expand_layers(layer_set, SD15_NAMES) == expected


def test_the_papers_concatenation_has_11200_channels():
    channels = {layer.name: layer.channels for layer in backbone.list_layers(SD15)}
    assert sum(channels[name] for name in expand_layers("64+32+16", channels)) == 11200


@pytest.mark.parametrize(
    ("layer_set", "offender"),
    [
        ("enc17.1", "enc17.1"),
        ("enc16.3", "enc16.3"),
        ("64+128", "128"),
        ("1", "1"),
        ("6", "6"),
        ("mid16", "mid16"),
        ("mid8.1", "mid8.1"),
        ("enc", "enc"),
        ("enc16.", "enc16."),
        ("enc16.1 ", "enc16.1 "),
        ("enc16+", ""),
        ("", ""),
    ],
)
def test_an_unknown_layer_is_named_with_what_there_is(layer_set, offender):
    with pytest.raises(ValueError) as error:
        expand_layers(layer_set, SD15_NAMES)
    assert f"{offender!r} (of layer set {layer_set!r})" in str(error.value)
    assert ", ".join(SD15_NAMES) in str(error.value)


def test_available_layers_may_be_any_iterable():
    assert expand_layers("16", (name for name in SD15_NAMES)) == expand_layers("16", SD15_NAMES)


def test_depth_sorts_layers_as_the_u_net_passes_them_and_knows_sums():
    forward = [name for name, *_ in SD15_LAYERS]
    assert sorted(forward[::-1], key=find_forward_position) == forward
    assert [find_forward_position(name) for name in ("enc16", "16", "64+32+16", "dec8")] == [None] * 4
