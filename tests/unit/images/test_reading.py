"""Images are whole, of the annotated size, and RGB."""

import re

import numpy as np
import pytest
from PIL import Image

from semlens.images.reading import find_image_folder, read_image

WIDTH, HEIGHT = 30, 20


@pytest.fixture
def path(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    path = tmp_path / "image.png"
    Image.fromarray(noise).save(path)
    return path


def test_a_good_image_keeps_its_pixels(path):
    image = read_image(path, width=WIDTH, height=HEIGHT)
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), np.asarray(Image.open(path)))


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "absent.jpg"))):
        read_image(tmp_path / "absent.jpg", width=WIDTH, height=HEIGHT)


@pytest.mark.parametrize("format", ["png", "jpeg"])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
def test_a_truncated_image_is_refused(path, format, share):
    Image.open(path).save(path, format=format)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be read")):
        read_image(path, width=WIDTH, height=HEIGHT)


def test_an_image_too_large_to_be_true_is_refused(path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", WIDTH * HEIGHT // 2 - 1)
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be read")):
        read_image(path, width=WIDTH, height=HEIGHT)


@pytest.mark.parametrize(("width", "height"), [(HEIGHT, WIDTH), (WIDTH + 1, HEIGHT), (WIDTH, HEIGHT - 1)])
def test_an_image_of_another_size_is_refused(path, width, height):
    expected = f"{path} is {WIDTH}x{HEIGHT} pixels, its annotation says {width}x{height}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        read_image(path, width=width, height=height)


def test_grayscale_becomes_rgb(path):
    gray = Image.open(path).convert("L")
    gray.save(path)
    image = read_image(path, width=WIDTH, height=HEIGHT)
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), np.asarray(gray)[:, :, None].repeat(3, axis=2))


def test_a_palette_becomes_its_colours(path):
    labels = np.random.default_rng(1).integers(0, 3, (HEIGHT, WIDTH), dtype=np.uint8)
    colours = np.array([[10, 20, 30], [255, 0, 0], [0, 128, 255]], dtype=np.uint8)
    file = Image.fromarray(labels)
    file.putpalette(colours.tobytes())
    file.save(path)
    image = read_image(path, width=WIDTH, height=HEIGHT)
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), colours[labels])


def test_images_lie_in_their_folder_or_beside_the_list_of_downloads(tmp_path):
    assert find_image_folder(tmp_path / "VOC2012") == tmp_path / "VOC2012"
    csv = tmp_path / "images" / "00000.csv"
    csv.parent.mkdir()
    csv.touch()
    assert find_image_folder(str(csv)) == csv.parent
    assert find_image_folder(tmp_path / "zoo.csv") == tmp_path / "zoo.csv"  # a folder may have such a name
    assert find_image_folder(tmp_path / "v1.5") == tmp_path / "v1.5"
