"""Pictures and masks go together: turned exactly, cropped around the right object, shifted by the right share."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from semlens.images.masks import sample_centres
from semlens.images.reading import stretch_to_square
from semlens.images.views import TURNS, crop_view, find_crop_box, flip_or_rotate, iterate_samples, pad_to_square

TURNED = [view for view in TURNS if view != "identity"]
TIMES = {"hflip": 2, "vflip": 2, "rot90": 4, "rot180": 2, "rot270": 4}
RNG = np.random.default_rng(0)


@pytest.fixture
def instance():
    row = {"instance_id": "a/1", "image_id": "a", "width": 100, "height": 80}
    return pd.Series({**row, "bbox_x": 30.0, "bbox_y": 20.0, "bbox_w": 40.0, "bbox_h": 20.0})


@pytest.mark.parametrize("view", TURNED)
def test_turning_often_enough_gives_the_original_and_never_before(view):
    square = turned = RNG.random((3, 8, 8))
    for _ in range(TIMES[view] - 1):
        turned = flip_or_rotate(view, turned)
        assert not np.array_equal(turned, square)
    np.testing.assert_array_equal(flip_or_rotate(view, turned), square)


def test_turns_are_what_pillow_makes_of_a_picture():
    picture = Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    turns = Image.Transpose
    expected = {
        "hflip": turns.FLIP_LEFT_RIGHT,
        "vflip": turns.FLIP_TOP_BOTTOM,
        "rot90": turns.ROTATE_90,
        "rot180": turns.ROTATE_180,
        "rot270": turns.ROTATE_270,
    }
    for view, transpose in expected.items():
        found = flip_or_rotate(view, stretch_to_square(picture, 8))
        np.testing.assert_array_equal(found, stretch_to_square(picture.transpose(transpose), 8))


@pytest.mark.parametrize("view", TURNED)
@pytest.mark.parametrize("size", [(64, 64), (97, 131)])
def test_the_mean_colour_under_the_mask_survives_a_turn(view, size):
    mask = (RNG.random(size) < 0.3).astype(np.uint8)
    picture = stretch_to_square(Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8)), 16)
    grid = sample_centres(mask, 16)
    before = (picture * grid).sum(axis=(1, 2))
    after = (flip_or_rotate(view, picture) * flip_or_rotate(view, grid)).sum(axis=(1, 2))
    np.testing.assert_allclose(after, before, rtol=1e-5)


def test_padding_keeps_the_box_in_place_and_blackens_the_rest(instance):
    picture = RNG.integers(1, 256, (80, 100, 3), dtype=np.uint8)
    seen = crop_view("crop_pad", picture, find_crop_box("crop_pad", instance, seed=0))
    np.testing.assert_array_equal(seen[20:40, 30:70], picture[20:40, 30:70])
    assert seen.sum(dtype=int) == picture[20:40, 30:70].sum(dtype=int)


def test_resizing_fills_the_square_with_the_box_for_picture_and_mask_alike(instance):
    picture = RNG.integers(0, 256, (80, 100), dtype=np.uint8)
    kept = find_crop_box("crop_resize", instance, seed=0)
    np.testing.assert_array_equal(crop_view("crop_resize", picture, kept), picture[20:40, 30:70])
    mask = np.zeros((80, 100), np.uint8)
    mask[20:40, 30:50] = 1
    grid = sample_centres(crop_view("crop_resize", mask, kept), 4)
    np.testing.assert_array_equal(grid, [[1, 1, 0, 0]] * 4)


@pytest.mark.parametrize("percent", [20, 40, 60])
def test_a_shift_moves_the_box_by_its_share_of_the_size_in_a_seeded_direction(instance, percent):
    view = f"crop_shift{percent}"
    windows = [find_crop_box(view, instance, seed=seed) for seed in range(50)]
    for kept in windows:
        assert (kept.right - kept.left, kept.bottom - kept.top) == pytest.approx((40, 20), abs=1)
        moved = np.hypot((kept.left - 30) / 40, (kept.top - 20) / 20)
        assert moved == pytest.approx(percent / 100, abs=0.04)  # whole pixels
    assert len(set(windows)) > 25
    assert windows[0] == find_crop_box(view, instance, seed=0)
    assert windows[0] != find_crop_box(view, instance.replace("a/1", "a/2"), seed=0)


@pytest.mark.parametrize("corner", [(0, 0), (60, 60)])
def test_a_shifted_window_stays_within_the_picture(instance, corner):
    instance["bbox_x"], instance["bbox_y"] = corner
    for seed in range(20):
        kept = find_crop_box("crop_shift60", instance, seed=seed)
        assert 0 <= kept.left < kept.right <= 100
        assert 0 <= kept.top < kept.bottom <= 80


def test_turns_show_images_and_crops_show_instances():
    manifest = pd.DataFrame({"image_id": ["b", "b", "a"], "instance_id": ["b/2", "b/1", "a/1"]})
    turned = list(iterate_samples("rot90", manifest))
    assert [(sample.id, list(sample.instances["instance_id"])) for sample in turned] == [
        ("b", ["b/2", "b/1"]),
        ("a", ["a/1"]),
    ]
    cropped = list(iterate_samples("crop_pad", manifest))
    assert [(sample.id, len(sample.instances)) for sample in cropped] == [("b/2", 1), ("b/1", 1), ("a/1", 1)]


def test_squashing_leaves_pixels_as_they_are():
    picture = RNG.integers(0, 256, (7, 10, 3), dtype=np.uint8)
    assert pad_to_square("stretch", picture) is picture


@pytest.mark.parametrize("size", [(20, 31), (31, 20), (21, 30), (4, 9), (1, 8), (12, 12)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_letterbox_is_a_square_with_the_pixels_in_its_middle(size, channels):
    pixels = RNG.integers(1, 256, (*size, *channels), dtype=np.uint8)
    square = pad_to_square("letterbox", pixels)
    assert (square.shape, square.dtype) == ((max(size), max(size), *channels), np.uint8)
    rows, columns = (
        np.flatnonzero(square.reshape(max(size), max(size), -1).any(axis=axes)) for axes in ((1, 2), (0, 2))
    )
    np.testing.assert_array_equal(square[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], pixels)
    assert square.sum(dtype=int) == pixels.sum(dtype=int)  # black around
    for shown in (rows, columns):
        before, after = shown[0], max(size) - 1 - shown[-1]
        assert after - before in (0, 1)


@pytest.mark.parametrize("view", ["identity", "crop_pad", "crop_resize", "crop_shift60"])
@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_a_mask_is_fitted_where_its_object_is(instance, view, resize):
    mask = (RNG.random((80, 100)) < 0.5).astype(np.uint8)
    picture = mask[..., None] * np.array([255, 100, 7], np.uint8)
    kept = find_crop_box(view, instance, seed=0)
    fitted, shown = (pad_to_square(resize, crop_view(view, pixels, kept)) for pixels in (mask, picture))
    assert fitted.any()
    np.testing.assert_array_equal(shown, fitted[..., None] * np.array([255, 100, 7]))
