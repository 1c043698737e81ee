"""Images under a view: stretched the right way round, as Pillow crops and resizes; masks stay on their objects."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from semlens.images.masks import sample_centres
from semlens.images.rendering import fit_pixels, render_view, stretch_to_square
from semlens.images.views import CropBox, list_views, load_view, takes_share

WIDTH, HEIGHT, SIZE = 30, 20, 16
BOX = CropBox(6, 4, 23, 13)
EVERY_VIEW = [f"{kind}20" if takes_share(kind) else kind for kind in list_views()]
RNG = np.random.default_rng(0)


@pytest.fixture
def image():
    return Image.fromarray(RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))


@pytest.fixture
def instance():
    left, top, right, bottom = map(float, BOX)
    box = {"bbox_x": left, "bbox_y": top, "bbox_w": right - left, "bbox_h": bottom - top}
    return pd.Series({"instance_id": "a/1", "width": WIDTH, "height": HEIGHT, **box})


def letterbox(image):
    side = max(image.size)
    square = Image.new("RGB", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def resize_by_pillow(image, resample):
    pixels = np.asarray(image.resize((SIZE, SIZE), resample), dtype=np.float64)
    return (pixels / 127.5 - 1).transpose(2, 0, 1)


PREPARED = {"stretch": lambda image: image, "letterbox": letterbox}


@pytest.mark.parametrize("size", [(20, 30), (64, 16), (8, 8), (1, 5)])
def test_a_stretched_image_is_a_square_of_float32(size):
    array = stretch_to_square(Image.new("RGB", size), 8)
    assert array.shape == (3, 8, 8)
    assert array.dtype == np.float32
    assert array.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(("colour", "values"), [((0, 0, 0), [-1, -1, -1]), ((255, 51, 0), [1, -0.6, -1])])
def test_colours_lie_between_minus_one_and_one(colour, values):
    array = stretch_to_square(Image.new("RGB", (13, 7), colour), 8)
    np.testing.assert_allclose(array, np.broadcast_to(np.reshape(values, (3, 1, 1)), (3, 8, 8)), atol=1e-6)


def test_values_stay_in_range_where_bicubic_overshoots():
    stripes = np.zeros((24, 24, 3), dtype=np.uint8)
    stripes[:, ::6] = stripes[:, 1::6] = stripes[:, 2::6] = 255
    array = stretch_to_square(Image.fromarray(stripes), 64)
    assert (array.min(), array.max()) == (-1, 1)


def test_up_stays_up_and_left_stays_left():
    pixels = np.zeros((40, 10, 3), dtype=np.uint8)
    pixels[:20, :5] = (255, 0, 0)
    pixels[:20, 5:] = (0, 255, 0)
    pixels[20:, :5] = (0, 0, 255)
    red, green, blue = stretch_to_square(Image.fromarray(pixels), 8)
    assert [np.argwhere(channel == 1).mean(axis=0).tolist() for channel in (red, green, blue)] == [
        pytest.approx([1.5, 1.5], abs=0.6),
        pytest.approx([1.5, 5.5], abs=0.6),
        pytest.approx([5.5, 1.5], abs=0.6),
    ]


@pytest.mark.parametrize("size", [(20, 31), (31, 20), (21, 30), (4, 9), (1, 8), (12, 12)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_letterbox_is_a_square_with_the_pixels_in_its_middle(size, channels):
    pixels = RNG.integers(1, 256, (*size, *channels), dtype=np.uint8)
    square = fit_pixels(load_view("identity"), pixels, None, seed=0, resize="letterbox")
    assert (square.shape, square.dtype) == ((max(size), max(size), *channels), np.uint8)
    rows, columns = (
        np.flatnonzero(square.reshape(max(size), max(size), -1).any(axis=axes)) for axes in ((1, 2), (0, 2))
    )
    np.testing.assert_array_equal(square[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], pixels)
    assert square.sum(dtype=int) == pixels.sum(dtype=int)  # black around
    for side in (rows, columns):
        before, after = side[0], max(size) - 1 - side[-1]
        assert after - before in (0, 1)


def test_a_crop_is_cut_out_or_keeps_its_place_on_black(instance):
    pixels = RNG.integers(1, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    kept, options = pixels[4:13, 6:23], {"seed": 0, "resize": "stretch"}
    np.testing.assert_array_equal(fit_pixels(load_view("crop_resize"), pixels, instance, **options), kept)
    cropped = fit_pixels(load_view("crop_pad"), pixels, instance, **options)
    np.testing.assert_array_equal(cropped[4:13, 6:23], kept)
    assert cropped.sum(dtype=int) == kept.sum(dtype=int)


@pytest.mark.parametrize("resize", PREPARED)
def test_an_image_is_resized_as_pillow_does(image, instance, resize):
    square = render_view(load_view("identity"), image, instance, seed=0, size=SIZE, resize=resize)
    assert (square.shape, square.dtype) == ((3, SIZE, SIZE), np.float32)
    expected = resize_by_pillow(PREPARED[resize](image), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(square, expected, atol=1e-6)


@pytest.mark.parametrize("resize", PREPARED)
def test_a_crop_that_fills_the_square_is_resized_bilinearly(image, instance, resize):
    square = render_view(load_view("crop_resize"), image, instance, seed=0, size=SIZE, resize=resize)
    crop = PREPARED[resize](image.crop(BOX))
    np.testing.assert_allclose(square, resize_by_pillow(crop, Image.Resampling.BILINEAR), atol=1e-6)
    assert np.abs(square - resize_by_pillow(crop, Image.Resampling.BICUBIC)).max() > 0.05


@pytest.mark.parametrize("resize", PREPARED)
def test_a_crop_on_black_is_resized_as_an_image_is(image, instance, resize):
    square = render_view(load_view("crop_pad"), image, instance, seed=0, size=SIZE, resize=resize)
    padded = Image.new("RGB", image.size)
    padded.paste(image.crop(BOX), BOX[:2])
    np.testing.assert_allclose(square, resize_by_pillow(PREPARED[resize](padded), Image.Resampling.BICUBIC), atol=1e-6)


@pytest.mark.parametrize("resize", PREPARED)
@pytest.mark.parametrize("name", EVERY_VIEW)
def test_every_view_gives_a_square_in_range_and_keeps_the_image(image, instance, name, resize):
    pixels = np.asarray(image).copy()
    square = render_view(load_view(name), image, instance, seed=0, size=SIZE, resize=resize)
    assert (square.shape, square.dtype) == ((3, SIZE, SIZE), np.float32)
    assert square.min() >= -1 and square.max() <= 1
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("resize", PREPARED)
@pytest.mark.parametrize("name", [name for name in EVERY_VIEW if name != "blur20"])
def test_a_mask_goes_where_its_object_goes(instance, name, resize):
    view, options = load_view(name), {"seed": 0, "resize": resize}
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[BOX.top : BOX.top + 8, BOX.left : BOX.left + 12] = 1
    white = Image.fromarray(mask[..., None].repeat(3, axis=2) * 255)
    square = render_view(view, white, instance, size=64, **options)
    grid = view.transform_mask(sample_centres(fit_pixels(view, mask, instance, **options), 64))
    assert grid.any()
    np.testing.assert_allclose(np.argwhere(square[0] > 0).mean(axis=0), np.argwhere(grid).mean(axis=0), atol=1)


def test_a_shift_follows_its_seed(image, instance):
    view = load_view("crop_shift60")
    first, second, again = (
        render_view(view, image, instance, seed=seed, size=SIZE, resize="stretch") for seed in (0, 1, 0)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)
