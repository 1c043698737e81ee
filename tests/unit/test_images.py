"""Pictures: whole, of the annotated size, RGB, and squashed the right way round."""

import re

import numpy as np
import pytest
from PIL import Image
from semlens.images import load, squash

WIDTH, HEIGHT = 30, 20


@pytest.fixture
def path(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(noise).save(path)
    return path


def test_a_good_picture_keeps_its_pixels(path):
    picture = load(path, width=WIDTH, height=HEIGHT)
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(Image.open(path)))


def test_missing_picture(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "absent.jpg"))):
        load(tmp_path / "absent.jpg", width=WIDTH, height=HEIGHT)


@pytest.mark.parametrize("format", ["png", "jpeg"])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
def test_truncated_picture(path, format, share):
    Image.open(path).save(path, format=format)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be read")):
        load(path, width=WIDTH, height=HEIGHT)


def test_picture_too_big_to_be_one(path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", WIDTH * HEIGHT // 2 - 1)
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be read")):
        load(path, width=WIDTH, height=HEIGHT)


@pytest.mark.parametrize(("width", "height"), [(HEIGHT, WIDTH), (WIDTH + 1, HEIGHT), (WIDTH, HEIGHT - 1)])
def test_picture_of_another_size(path, width, height):
    expected = f"{path} is {WIDTH}x{HEIGHT} pixels, its annotation says {width}x{height}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        load(path, width=width, height=height)


def test_greyscale_becomes_rgb(path):
    grey = Image.open(path).convert("L")
    grey.save(path)
    picture = load(path, width=WIDTH, height=HEIGHT)
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(grey)[:, :, None].repeat(3, axis=2))


def test_palette_becomes_the_colours_that_it_stands_for(path):
    labels = np.random.default_rng(1).integers(0, 3, (HEIGHT, WIDTH), dtype=np.uint8)
    colours = np.array([[10, 20, 30], [255, 0, 0], [0, 128, 255]], dtype=np.uint8)
    image = Image.fromarray(labels)
    image.putpalette(colours.tobytes())
    image.save(path)
    picture = load(path, width=WIDTH, height=HEIGHT)
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture), colours[labels])


@pytest.mark.parametrize("size", [(20, 30), (64, 16), (8, 8), (1, 5)])
def test_squash_is_a_square_of_float32(size):
    array = squash(Image.new("RGB", size), 8)
    assert array.shape == (3, 8, 8)
    assert array.dtype == np.float32
    assert array.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(("colour", "values"), [((0, 0, 0), [-1, -1, -1]), ((255, 51, 0), [1, -0.6, -1])])
def test_squash_maps_a_colour_to_minus_one_to_one(colour, values):
    array = squash(Image.new("RGB", (13, 7), colour), 8)
    np.testing.assert_allclose(array, np.broadcast_to(np.reshape(values, (3, 1, 1)), (3, 8, 8)), atol=1e-6)


def test_squash_stays_in_range_where_bicubic_overshoots():
    stripes = np.zeros((24, 24, 3), dtype=np.uint8)
    stripes[:, ::6] = stripes[:, 1::6] = stripes[:, 2::6] = 255
    array = squash(Image.fromarray(stripes), 64)
    assert (array.min(), array.max()) == (-1, 1)


def test_squash_keeps_up_up_and_left_left():
    picture = np.zeros((40, 10, 3), dtype=np.uint8)
    picture[:20, :5] = (255, 0, 0)
    picture[:20, 5:] = (0, 255, 0)
    picture[20:, :5] = (0, 0, 255)
    red, green, blue = squash(Image.fromarray(picture), 8)
    assert [np.argwhere(channel == 1).mean(axis=0).tolist() for channel in (red, green, blue)] == [
        pytest.approx([1.5, 1.5], abs=0.6),
        pytest.approx([1.5, 5.5], abs=0.6),
        pytest.approx([5.5, 1.5], abs=0.6),
    ]
