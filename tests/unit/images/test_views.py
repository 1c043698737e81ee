"""Views: found by name, with one name each; transforms and crops are those of other libraries and of the paper."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from scipy.ndimage import gaussian_filter

import semlens
from semlens.config.sources import list_sources
from semlens.images import views
from semlens.images.masks import sample_centres
from semlens.images.rendering import stretch_to_square
from semlens.images.samples import iterate_samples
from semlens.images.view_schema import describe_view_schema
from semlens.images.views import list_views, load_view, name_view, parse_view, takes_share

TIMES = {"hflip": 2, "vflip": 2, "rot90": 4, "rot180": 2, "rot270": 4}
FIRST_EDITION = [
    *("identity", *TIMES),
    *("crop_pad", "crop_resize", "crop_shift20", "crop_shift40", "crop_shift60"),
]
EVERY_VIEW = [f"{kind}20" if takes_share(kind) else kind for kind in list_views()]
RNG = np.random.default_rng(0)


@pytest.fixture
def instance():
    row = {"instance_id": "a/1", "image_id": "a", "width": 100, "height": 80}
    return pd.Series({**row, "bbox_x": 30.0, "bbox_y": 20.0, "bbox_w": 40.0, "bbox_h": 20.0})


# Names


@pytest.mark.parametrize("name", [*FIRST_EDITION, *EVERY_VIEW])
def test_a_name_is_that_of_its_view(name):
    assert name_view(name) == name == load_view(name).name
    assert parse_view(name)[0] in list_views()


@pytest.mark.parametrize(
    ("spec", "name", "parsed"),
    [
        ({"crop_shift": 0.2}, "crop_shift20", ("crop_shift", 0.2)),
        ({"crop_shift": 0.07}, "crop_shift7", ("crop_shift", 0.07)),
        ({"crop_shift": 0.125}, "crop_shift12.5", ("crop_shift", 0.125)),
        ({"crop_shift": 0.29}, "crop_shift29", ("crop_shift", 0.29)),
        ({"blur": 1e-5}, "blur0.001", ("blur", 1e-5)),
        ("crop_shift12.50", "crop_shift12.5", ("crop_shift", 0.125)),
        ("crop_shift05", "crop_shift5", ("crop_shift", 0.05)),
        ("rot90", "rot90", ("rot90", None)),
    ],
)
def test_a_share_has_one_name_and_its_name_one_share(spec, name, parsed):
    assert name_view(spec) == name
    assert parse_view(name) == parsed
    assert load_view(spec) is load_view(name)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("crop_shfit20", "there is no view 'crop_shfit20'; there are blur, crop_pad, "),
        ("", "there is no view ''"),
        ("_boxes", "there is no view '_boxes'"),
        ({"rot": 0.9}, "there is no view {'rot': 0.9}"),
        ("hflip20", "view 'hflip20': hflip takes no number"),
        ({"hflip": 0.2}, "view {'hflip': 0.2}: hflip takes no number"),
        ("crop_shift", "view 'crop_shift': crop_shift takes a share between 0 and 1, such as {crop_shift: 0.25} or"),
        ("crop_shift0", "view 'crop_shift0': crop_shift takes a share"),
        ("crop_shift100", "view 'crop_shift100': crop_shift takes a share"),
        ({"blur": 4}, "view {'blur': 4}: blur takes a share"),
        ({"blur": float("nan")}, "view {'blur': nan}: blur takes a share"),
        ({"blur": "0.2"}, "view {'blur': '0.2'}: blur takes a share"),
        ({"blur": None}, "view {'blur': None}: blur takes a share"),
        ({"blur": 0.2, "crop_shift": 0.2}, "is neither a name nor a kind with its share"),
        (20, "view 20 is neither a name nor a kind with its share"),
    ],
)
def test_what_is_no_view_is_refused_by_its_name(spec, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        name_view(spec)


def test_the_schema_takes_what_has_a_name_and_nothing_else():
    validator = Draft202012Validator(describe_view_schema())
    shares = [{"crop_shift": 0.2}, {"blur": 0.01}, "blur0.5", "crop_shift12.5"]
    for spec in [*FIRST_EDITION, *EVERY_VIEW, *shares]:
        assert validator.is_valid(spec), spec
        name_view(spec)
    no_numbers = [
        {"crop_shift": 0},
        {"crop_shift": 1},
        {"crop_shift": True},
        {"blur": 4},
        {"blur": "0.2"},
        {"blur": None},
    ]
    no_kinds = [
        "crop_shift",
        "crop_shift0",
        "blur0.0",
        "crop_shift100",
        "hflip20",
        "_boxes",
        "",
        {},
        {"hflip": 0.2},
        20,
    ]
    for spec in [*no_numbers, *no_kinds, {"blur": 0.2, "crop_shift": 0.2}, {"nonsense": 0.2}, None]:
        assert not validator.is_valid(spec), spec
        with pytest.raises(ValueError):
            name_view(spec)


def test_no_job_reads_the_file_of_a_view_that_it_does_not_name():
    scripts = Path(semlens.__file__).parents[1]
    folder = Path(views.__file__).parent
    variants = {folder / f"{kind}.py" for kind in list_views()}
    entry = "semlens/extract/latents.py"
    assert not variants & set(list_sources(scripts, entry))
    for kind in list_views():
        read = set(list_sources(scripts, entry, f"semlens/images/views/{kind}.py"))
        assert variants & read == {folder / f"{kind}.py"}


# Fields


def test_crops_show_instances_and_only_shifts_follow_a_seed():
    every = [load_view(name) for name in EVERY_VIEW]
    assert {view.name for view in every if view.per_instance} == {"crop_pad", "crop_resize", "crop_shift20"}
    assert {view.name for view in every if view.seeded} == {"crop_shift20"}
    assert {view.name for view in every if view.resample == "bilinear"} == {"crop_resize"}


def test_samples_are_images_or_instances_in_the_order_of_the_manifest():
    manifest = pd.DataFrame({"image_id": ["b", "b", "a"], "instance_id": ["b/2", "b/1", "a/1"]})
    images = list(iterate_samples(load_view("rot90"), manifest))
    assert [(sample.id, list(sample.instances["instance_id"])) for sample in images] == [
        ("b", ["b/2", "b/1"]),
        ("a", ["a/1"]),
    ]
    crops = list(iterate_samples(load_view("crop_pad"), manifest))
    assert [(sample.id, len(sample.instances)) for sample in crops] == [("b/2", 1), ("b/1", 1), ("a/1", 1)]


# Flips and rotations


@pytest.mark.parametrize("name", TIMES)
def test_the_original_comes_back_after_so_many_turns_and_not_before(name):
    transform = load_view(name).transform_image
    original = square = RNG.random((3, 8, 8))
    for _ in range(TIMES[name] - 1):
        square = transform(square)
        assert not np.array_equal(square, original)
    np.testing.assert_array_equal(transform(square), original)


@pytest.mark.parametrize(
    ("name", "transpose"),
    [
        ("hflip", Image.Transpose.FLIP_LEFT_RIGHT),
        ("vflip", Image.Transpose.FLIP_TOP_BOTTOM),
        ("rot90", Image.Transpose.ROTATE_90),
        ("rot180", Image.Transpose.ROTATE_180),
        ("rot270", Image.Transpose.ROTATE_270),
    ],
)
def test_an_image_turns_as_pillow_turns_it(name, transpose):
    image = Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    square = load_view(name).transform_image(stretch_to_square(image, 8))
    np.testing.assert_array_equal(square, stretch_to_square(image.transpose(transpose), 8))


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("size", [(64, 64), (97, 131)])
def test_the_mean_colour_under_the_mask_survives_a_turn(name, size):
    view = load_view(name)
    mask = (RNG.random(size) < 0.3).astype(np.uint8)
    square = stretch_to_square(Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8)), 16)
    grid = sample_centres(mask, 16)
    before = (square * grid).sum(axis=(1, 2))
    after = (view.transform_image(square) * view.transform_mask(grid)).sum(axis=(1, 2))
    np.testing.assert_allclose(after, before, rtol=1e-5)


# Crops


@pytest.mark.parametrize("name", ["crop_pad", "crop_resize"])
def test_a_crop_keeps_the_bounding_box_in_whole_pixels(instance, name):
    instance["bbox_x"] = 30.4
    assert load_view(name).find_crop_box(instance, 0) == (30, 20, 70, 40)


@pytest.mark.parametrize("percent", [20, 40, 60, 12.5])
def test_a_shift_moves_the_box_by_its_share_of_the_size_in_a_seeded_direction(instance, percent):
    view = load_view(f"crop_shift{percent}")
    boxes = [view.find_crop_box(instance, seed) for seed in range(50)]
    for box in boxes:
        assert (box.right - box.left, box.bottom - box.top) == pytest.approx((40, 20), abs=1)
        distance = np.hypot((box.left - 30) / 40, (box.top - 20) / 20)
        assert distance == pytest.approx(percent / 100, abs=0.04)  # whole pixels
    assert len(set(boxes)) > 10
    assert boxes[0] == view.find_crop_box(instance, 0)
    assert boxes[0] != view.find_crop_box(instance.replace("a/1", "a/2"), 0)


@pytest.mark.parametrize(
    ("name", "box"),
    [("crop_shift20", (23, 18, 63, 38)), ("crop_shift40", (44, 16, 84, 36)), ("crop_shift60", (20, 31, 60, 51))],
)
def test_directions_are_those_of_the_first_edition(instance, name, box):
    assert load_view(name).find_crop_box(instance, 0) == box


@pytest.mark.parametrize("corner", [(0, 0), (60, 60)])
def test_a_box_stays_within_the_image(instance, corner):
    instance["bbox_x"], instance["bbox_y"] = corner
    for seed in range(20):
        box = load_view("crop_shift60").find_crop_box(instance, seed)
        assert 0 <= box.left < box.right <= 100
        assert 0 <= box.top < box.bottom <= 80


# Photometric views


def test_grayscale_is_pillows_luminance_in_three_channels():
    pixels = RNG.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    square = load_view("grayscale").transform_image(stretch_to_square(image, 24))
    expected = stretch_to_square(image.convert("L").convert("RGB"), 24)
    np.testing.assert_allclose(square, expected, atol=0.51 / 127.5)  # Pillow rounds to whole levels
    np.testing.assert_array_equal(square, np.broadcast_to(square[0], square.shape))


@pytest.mark.parametrize("share", [0.004, 0.01, 0.05, 0.6])
@pytest.mark.parametrize("side", [16, 100])
def test_blur_is_scipys_gaussian_filter(side, share):
    square = RNG.uniform(-1, 1, (3, side, side)).astype(np.float32)
    expected = gaussian_filter(square.astype(np.float64), share * side, mode="reflect", axes=(1, 2), truncate=4)
    blurred = load_view({"blur": share}).transform_image(square)
    assert blurred.dtype == np.float32
    np.testing.assert_allclose(blurred, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["grayscale", "blur1"])
def test_a_photometric_view_leaves_masks_as_they_are(name):
    grid = RNG.random((2, 8, 8))
    np.testing.assert_array_equal(load_view(name).transform_mask(grid), grid)
