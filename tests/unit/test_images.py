"""Pictures: whole, of the annotated size, RGB, and stretched the right way round."""

import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from semlens.images.reading import find_image_folder, read_image, render_view, stretch_to_square
from semlens.images.views import TURNS, flip_or_rotate

WIDTH, HEIGHT = 30, 20


@pytest.fixture
def path(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(noise).save(path)
    return path


def test_a_good_picture_keeps_its_pixels(path):
    picture = read_image(path, width=WIDTH, height=HEIGHT)
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(Image.open(path)))


def test_missing_picture(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "absent.jpg"))):
        read_image(tmp_path / "absent.jpg", width=WIDTH, height=HEIGHT)


@pytest.mark.parametrize("format", ["png", "jpeg"])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
def test_truncated_picture(path, format, share):
    Image.open(path).save(path, format=format)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be read")):
        read_image(path, width=WIDTH, height=HEIGHT)


def test_picture_too_big_to_be_one(path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", WIDTH * HEIGHT // 2 - 1)
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be read")):
        read_image(path, width=WIDTH, height=HEIGHT)


@pytest.mark.parametrize(("width", "height"), [(HEIGHT, WIDTH), (WIDTH + 1, HEIGHT), (WIDTH, HEIGHT - 1)])
def test_picture_of_another_size(path, width, height):
    expected = f"{path} is {WIDTH}x{HEIGHT} pixels, its annotation says {width}x{height}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        read_image(path, width=width, height=height)


def test_greyscale_becomes_rgb(path):
    grey = Image.open(path).convert("L")
    grey.save(path)
    picture = read_image(path, width=WIDTH, height=HEIGHT)
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(grey)[:, :, None].repeat(3, axis=2))


def test_palette_becomes_the_colours_that_it_stands_for(path):
    labels = np.random.default_rng(1).integers(0, 3, (HEIGHT, WIDTH), dtype=np.uint8)
    colours = np.array([[10, 20, 30], [255, 0, 0], [0, 128, 255]], dtype=np.uint8)
    image = Image.fromarray(labels)
    image.putpalette(colours.tobytes())
    image.save(path)
    picture = read_image(path, width=WIDTH, height=HEIGHT)
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture), colours[labels])


@pytest.mark.parametrize("size", [(20, 30), (64, 16), (8, 8), (1, 5)])
def test_squash_is_a_square_of_float32(size):
    array = stretch_to_square(Image.new("RGB", size), 8)
    assert array.shape == (3, 8, 8)
    assert array.dtype == np.float32
    assert array.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(("colour", "values"), [((0, 0, 0), [-1, -1, -1]), ((255, 51, 0), [1, -0.6, -1])])
def test_squash_maps_a_colour_to_minus_one_to_one(colour, values):
    array = stretch_to_square(Image.new("RGB", (13, 7), colour), 8)
    np.testing.assert_allclose(array, np.broadcast_to(np.reshape(values, (3, 1, 1)), (3, 8, 8)), atol=1e-6)


def test_squash_stays_in_range_where_bicubic_overshoots():
    stripes = np.zeros((24, 24, 3), dtype=np.uint8)
    stripes[:, ::6] = stripes[:, 1::6] = stripes[:, 2::6] = 255
    array = stretch_to_square(Image.fromarray(stripes), 64)
    assert (array.min(), array.max()) == (-1, 1)


def test_squash_keeps_up_up_and_left_left():
    picture = np.zeros((40, 10, 3), dtype=np.uint8)
    picture[:20, :5] = (255, 0, 0)
    picture[:20, 5:] = (0, 255, 0)
    picture[20:, :5] = (0, 0, 255)
    red, green, blue = stretch_to_square(Image.fromarray(picture), 8)
    assert [np.argwhere(channel == 1).mean(axis=0).tolist() for channel in (red, green, blue)] == [
        pytest.approx([1.5, 1.5], abs=0.6),
        pytest.approx([1.5, 5.5], abs=0.6),
        pytest.approx([5.5, 1.5], abs=0.6),
    ]


SIZE = 16
BOX = (6, 4, 23, 13)  # left, top, right and bottom of an instance


@pytest.fixture
def instance():
    left, top, right, bottom = BOX
    box = {"bbox_x": left, "bbox_y": top, "bbox_w": right - left, "bbox_h": bottom - top}
    return pd.Series({"instance_id": "a/1", "width": WIDTH, "height": HEIGHT, **{k: float(v) for k, v in box.items()}})


def letterboxed(picture):
    side = max(picture.size)
    square = Image.new("RGB", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def resized(picture, resample):
    pixels = np.asarray(picture.resize((SIZE, SIZE), resample), dtype=np.float64)
    return (pixels / 127.5 - 1).transpose(2, 0, 1)


PREPARED = {"stretch": lambda picture: picture, "letterbox": letterboxed}


@pytest.mark.parametrize("resize", PREPARED)
def test_a_picture_is_seen_as_pillow_resizes_it(path, instance, resize):
    picture = read_image(path, width=WIDTH, height=HEIGHT)
    found = render_view("identity", picture, instance, seed=0, size=SIZE, resize=resize)
    assert (found.shape, found.dtype) == ((3, SIZE, SIZE), np.float32)
    expected = resized(PREPARED[resize](picture), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("resize", PREPARED)
def test_a_crop_is_resized_bilinearly(path, instance, resize):
    picture = read_image(path, width=WIDTH, height=HEIGHT)
    found = render_view("crop_resize", picture, instance, seed=0, size=SIZE, resize=resize)
    crop = PREPARED[resize](picture.crop(BOX))
    np.testing.assert_allclose(found, resized(crop, Image.Resampling.BILINEAR), atol=1e-6)
    assert np.abs(found - resized(crop, Image.Resampling.BICUBIC)).max() > 0.05


@pytest.mark.parametrize("resize", PREPARED)
def test_a_padded_crop_is_resized_as_a_picture_is(path, instance, resize):
    picture = read_image(path, width=WIDTH, height=HEIGHT)
    found = render_view("crop_pad", picture, instance, seed=0, size=SIZE, resize=resize)
    padded = Image.new("RGB", picture.size)
    padded.paste(picture.crop(BOX), BOX[:2])
    np.testing.assert_allclose(found, resized(PREPARED[resize](padded), Image.Resampling.BICUBIC), atol=1e-6)


@pytest.mark.parametrize("resize", PREPARED)
@pytest.mark.parametrize("view", TURNS)
def test_a_turned_view_turns_the_square_that_the_plain_one_shows(path, instance, view, resize):
    picture = read_image(path, width=WIDTH, height=HEIGHT)
    how = {"seed": 0, "size": SIZE, "resize": resize}
    plain = render_view("identity", picture, instance, **how)
    np.testing.assert_array_equal(render_view(view, picture, instance, **how), flip_or_rotate(view, plain))


def test_a_shift_follows_its_seed(path, instance):
    picture = read_image(path, width=WIDTH, height=HEIGHT)
    shown = [
        render_view("crop_shift60", picture, instance, seed=seed, size=SIZE, resize="stretch") for seed in (0, 1, 0)
    ]
    np.testing.assert_array_equal(shown[0], shown[2])
    assert not np.array_equal(shown[0], shown[1])


def test_pictures_lie_in_the_folder_or_beside_the_list_of_those_downloaded(tmp_path):
    assert find_image_folder(tmp_path / "VOC2012") == tmp_path / "VOC2012"
    listed = tmp_path / "images" / "00000.csv"
    listed.parent.mkdir()
    listed.touch()
    assert find_image_folder(str(listed)) == listed.parent
    assert find_image_folder(tmp_path / "zoo.csv") == tmp_path / "zoo.csv"  # a folder may be called so
    assert find_image_folder(tmp_path / "v1.5") == tmp_path / "v1.5"
