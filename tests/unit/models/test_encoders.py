"""Image encoders of transformers, tiny and random: what is captured is the image's, cell by cell."""

import json
import shutil

import pytest
import tiny_encoders
import torch
from PIL import Image
from tiny_encoders import ENCODERS, PATCH, PREPROCESSING, SIDE
from transformers import BitImageProcessorPil, ViTMAEModel

import semlens
from semlens.images.rendering import stretch_to_square
from semlens.models.backbones import load_backbone, recognize_family
from semlens.models.layers import ATTENTION_INPUT
from semlens.models.part_files import read_config
from semlens.models.preprocessing import read_preprocessing

PREFIX = {"dinov2": 1, "dinov2 with registers": 5, "dinov3": 5, "siglip": 0, "clip": 1, "vit": 1}
CPU = {"device": torch.device("cpu"), "dtype": torch.float32}
HEIGHT, WIDTH = 4, 6  # cells


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder per encoder."""
    home = tmp_path_factory.mktemp("encoders")
    for name in ENCODERS:
        tiny_encoders.write(home / name, name, seed=0)
    return {name: home / name for name in ENCODERS}


@pytest.fixture(scope="module", params=PREFIX)
def encoder(request, folders):
    """A network, its family, and how many tokens come before the image's."""
    family = load_backbone(ENCODERS[request.param][0])
    return family.load(folders[request.param], **CPU), family, PREFIX[request.param]


def draw_images(count=2):
    return torch.randn(count, 3, 8 * HEIGHT, 8 * WIDTH, generator=torch.Generator().manual_seed(0))


def read(encoder, layers, images, *, stop=True, **how):
    network, family, _ = encoder
    with torch.no_grad(), semlens.capture(network, layers, stop=stop) as features:
        network(**family.build_inputs(network, images), **how)
    return features


def test_layers_have_the_channels_and_the_grid_that_they_say(encoder):
    layers = semlens.list_layers(encoder[0])
    features = read(encoder, "+".join(layer.name for layer in layers), draw_images())
    assert list(features) == [f"block0{n}{tap}" for n in range(3) for tap in (f".{ATTENTION_INPUT}", "")]
    assert {tuple(maps.shape) for maps in features.values()} == {(2, layers[0].channels, HEIGHT, WIDTH)}
    assert {layer.grid for layer in layers} == {4}  # at the size of the configuration


def test_blocks_are_the_hidden_states_of_the_library_without_what_comes_before(encoder):
    network, family, prefix = encoder
    features = read(encoder, "block00-01", draw_images(), stop=False)
    with torch.no_grad():
        states = network(**family.build_inputs(network, draw_images()), output_hidden_states=True).hidden_states
    assert states[1].shape[1] == prefix + HEIGHT * WIDTH
    for number, maps in enumerate(features.values(), start=1):
        assert torch.equal(maps.flatten(2).transpose(1, 2), states[number][:, prefix:])


def test_an_early_exit_gives_what_a_full_pass_does(encoder):
    whole = read(encoder, f"block00-02+block01.{ATTENTION_INPUT}", draw_images(), stop=False)
    for layer in ("block00", f"block01.{ATTENTION_INPUT}"):
        assert torch.equal(read(encoder, layer, draw_images())[layer], whole[layer])


def test_attention_is_that_of_torch(encoder, attention_calls):
    """Transformers' default."""
    read(encoder, "block02", draw_images())
    assert encoder[0].config._attn_implementation == "sdpa"
    assert len(attention_calls) == 3


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


@pytest.mark.parametrize("name", ENCODERS)
def test_a_folder_says_which_family_reads_it_and_its_maps_have_the_grid_of_any_size(folders, name):
    config = read_config(folders[name] / "config.json")
    assert recognize_family(config) == ENCODERS[name][0]
    family = load_backbone(ENCODERS[name][0])
    assert [layer.grid for layer in family.list_layers(config)] == [SIDE // PATCH] * 6
    last = family.list_layers(config, 72)[-1]
    network = family.load(folders[name], **CPU)
    with torch.no_grad(), semlens.capture(network, [last]) as features:
        network(**family.build_inputs(network, torch.zeros(1, 3, 72, 72)))
    assert features[last.name].shape == (1, last.channels, last.grid, last.grid)


@pytest.mark.parametrize("part", ["clip with text", "clip", "vit", "siglip"])
def test_what_a_configuration_leaves_out_is_filled_in(folders, tmp_path, part):
    """Files that transformers writes leave out what its classes fill in, such as CLIP's patches of 32."""
    config = read_config(folders[part] / "config.json")
    vision = config.get("vision_config", config)
    for key in ("patch_size", "num_hidden_layers"):
        del vision[key]
    layers = load_backbone(ENCODERS[part][0]).list_layers(config, 224)
    patch = {"clip": 32, "vit": 16, "siglip": 16}[ENCODERS[part][0]]
    assert {layer.grid for layer in layers} == {224 // patch} and len(layers) == 24


def test_mae_is_read_whole_and_in_order(folders):
    """As ViTMAEModel reads an image from which nothing is left out, its tokens put back in order."""
    family = load_backbone("vit")
    network, whole = family.load(folders["mae"], **CPU), ViTMAEModel.from_pretrained(folders["mae"]).eval()
    images = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    cells = (SIDE // PATCH) ** 2
    whole.config.mask_ratio = 0.0
    with torch.no_grad(), semlens.capture(network, "block01") as features:
        network(**family.build_inputs(network, images))
    with torch.no_grad():
        states = whole(images, noise=torch.arange(float(cells))[None], output_hidden_states=True).hidden_states
    torch.testing.assert_close(features["block01"][0].flatten(1).T, states[2][0, 1:], rtol=1e-5, atol=1e-6)


def test_images_are_prepared_as_the_library_prepares_them(folders):
    photo = Image.effect_noise((90, 60), 80).convert("RGB")
    preprocessing = read_preprocessing(folders["vit"])
    square = stretch_to_square(photo, SIDE, Image.Resampling[preprocessing.resample.upper()])[None]
    processor = BitImageProcessorPil(
        do_resize=True, size={"height": SIDE, "width": SIDE}, do_center_crop=False, do_convert_rgb=True, **PREPROCESSING
    )
    expected = processor(photo, return_tensors="pt").pixel_values
    torch.testing.assert_close(torch.from_numpy(preprocessing.apply(square)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"image_mean": [0.5]}, "image_mean is \\[0.5\\]"),
        ({"image_std": None}, "cannot be read"),
        ({"resample": 0}, "'resample' is 0"),
        ({"rescale_factor": 1.0}, "rescales by 1.0"),
        (None, "has no preprocessor_config.json"),
    ],
)
def test_images_that_would_be_prepared_by_guess_are_refused(folders, tmp_path, said, named):
    folder = shutil.copytree(folders["vit"], tmp_path / "vit")
    if said is None:
        (folder / "preprocessor_config.json").unlink()
    else:
        (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING | said))
    with pytest.raises(ValueError, match=named):
        read_preprocessing(folder)


def test_images_that_are_not_whole_patches_are_refused_with_sizes_that_fit(folders):
    config = read_config(folders["dinov2"] / "config.json")
    with pytest.raises(ValueError, match="patches of 8; set 'size' to one of 128, 192, 200, 256"):
        load_backbone("dinov2").check_config(config, 196)
    load_backbone("dinov2").check_config(config, 192)


def test_an_untrained_twin_is_built_alike_and_differs_by_seed(folders, tmp_path):
    family = load_backbone("clip")
    for place, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / place).mkdir()
        family.write_untrained(folders["clip with text"] / "config.json", tmp_path / place, seed=seed)
    one, same, other = (family.load(tmp_path / place, **CPU).state_dict() for place in "abc")
    trained = family.load(folders["clip with text"], **CPU).state_dict()
    key = "encoder.layers.0.mlp.fc1.weight"
    assert torch.equal(one[key], same[key])
    assert one[key].shape == trained[key].shape
    assert not torch.equal(one[key], other[key]) and not torch.equal(one[key], trained[key])
    assert read_preprocessing(tmp_path / "a") == read_preprocessing(folders["clip with text"])


def test_weights_that_are_missing_are_not_drawn_at_random(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(folders["dinov2"], tmp_path / "dinov2")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.norm1.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"missing, such as encoder\.layer\.1\.norm1\.weight"):
        load_backbone("dinov2").load(folder, **CPU)


def test_weights_of_another_shape_are_told_by_name(folders, tmp_path):
    folder = shutil.copytree(folders["dinov2"], tmp_path / "dinov2")
    config = read_config(folder / "config.json")
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 32}))
    with pytest.raises(
        ValueError, match=rf"{folder} cannot be loaded: .* another shape than config.json says, such as"
    ):
        load_backbone("dinov2").load(folder, **CPU)
