"""Images are whole, of the annotated size, and RGB."""

import re

import numpy as np
import pytest
from PIL import Image

from semlens.images.reading import ORIENTATION, find_image_folder, read_image

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


# EXIF orientations

STORED = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
UPRIGHT = {  # by orientation, of stored pixels (rows, columns, 3), as the EXIF standard draws them
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}


def save_oriented(path, pixels, orientation, format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if format == "jpeg" else {"lossless": True} if format == "webp" else {}
    Image.fromarray(pixels).save(path, format=format, exif=exif, **options)


def assert_shows(image, expected, format):
    difference = np.abs(np.asarray(image).astype(int) - expected)
    assert difference.max() <= (8 if format == "jpeg" else 0)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("exif", ["apply", "ignore"])
def test_of_two_sizes_the_annotated_one_says_whether_to_turn(tmp_path, format, orientation, exif):
    path = tmp_path / "image"
    save_oriented(path, STORED, orientation, format)
    upright = UPRIGHT[orientation](STORED)
    read = read_image(path, width=upright.shape[1], height=upright.shape[0], exif=exif)
    turned = orientation in (5, 6, 7, 8) or exif == "apply"
    assert_shows(read, upright if turned else STORED, format)
    as_stored = read_image(path, width=WIDTH, height=HEIGHT, exif=exif)
    assert_shows(as_stored, upright if orientation in (2, 3, 4) and exif == "apply" else STORED, format)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("exif", ["apply", "ignore"])
def test_a_square_image_is_turned_as_the_configuration_says(tmp_path, format, orientation, exif):
    path, square = tmp_path / "image", STORED[:, :HEIGHT]
    save_oriented(path, square, orientation, format)
    read = read_image(path, width=HEIGHT, height=HEIGHT, exif=exif)
    assert_shows(read, UPRIGHT[orientation](square) if exif == "apply" else square, format)
    said = read.info.get(ORIENTATION, "")
    assert said == (
        "" if orientation == 1 else f"{'applied' if exif == 'apply' else 'ignored'}, because 'exif' is {exif}"
    )


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_means_none(tmp_path, orientation):
    save_oriented(tmp_path / "image", STORED, orientation, "png")
    read = read_image(tmp_path / "image", width=WIDTH, height=HEIGHT, exif="apply")
    np.testing.assert_array_equal(np.asarray(read), STORED)


def test_damaged_metadata_mean_no_orientation(tmp_path):
    Image.fromarray(STORED).save(tmp_path / "image", format="png", exif=b"Exif\x00\x00rubbish")
    read = read_image(tmp_path / "image", width=WIDTH, height=HEIGHT, exif="apply")
    np.testing.assert_array_equal(np.asarray(read), STORED)


# Kinds of pixels

GREY = STORED[..., 0]
ALPHA = STORED[..., 1]


def read_saved(tmp_path, image, format, **options):
    path = tmp_path / "image.jpg"  # a name says nothing
    image.save(path, format=format, **options)
    return np.asarray(read_image(path, width=WIDTH, height=HEIGHT))


@pytest.mark.parametrize("format", ["png", "tiff", "ppm", "jpeg2000"])
def test_sixteen_bits_of_grey_are_scaled(tmp_path, format):
    deep = np.linspace(0, 65535, HEIGHT * WIDTH).round().astype(np.uint16).reshape(HEIGHT, WIDTH)
    read = read_saved(tmp_path, Image.fromarray(deep), format)
    np.testing.assert_array_equal(read, np.round(deep / 257).astype(np.uint8)[..., None].repeat(3, axis=2))


@pytest.mark.parametrize(
    ("image", "format"),
    [
        (Image.fromarray(GREY.astype(np.float32) / 255), "tiff"),
        (Image.fromarray(GREY.astype(np.int32)), "tiff"),
        (Image.fromarray(STORED, mode="LAB"), "tiff"),
    ],
    ids=["float", "32 bits", "Lab"],
)
def test_pixels_without_an_exact_form_are_refused(tmp_path, image, format):
    with pytest.raises(ValueError, match=rf"image\.jpg cannot be read: its pixels have mode {image.mode}"):
        read_saved(tmp_path, image, format)


@pytest.mark.parametrize("format", ["png", "tiff", "webp"])
def test_transparency_is_left_out(tmp_path, format):
    image = Image.fromarray(np.dstack([STORED, ALPHA]))
    options = {"lossless": True, "exact": True} if format == "webp" else {}
    np.testing.assert_array_equal(read_saved(tmp_path, image, format, **options), STORED)


def test_grey_with_transparency_is_grey(tmp_path):
    read = read_saved(tmp_path, Image.fromarray(np.dstack([GREY, ALPHA])), "png")
    np.testing.assert_array_equal(read, GREY[..., None].repeat(3, axis=2))


def test_transparent_colours_of_a_palette_keep_their_colour(tmp_path):
    labels = GREY % 3
    image = Image.fromarray(labels)
    image.putpalette([10, 20, 30, 255, 0, 0, 0, 128, 255])
    colours = np.array([[10, 20, 30], [255, 0, 0], [0, 128, 255]])
    np.testing.assert_array_equal(read_saved(tmp_path, image, "png", transparency=1), colours[labels])


def test_one_bit_becomes_black_and_white(tmp_path):
    read = read_saved(tmp_path, Image.fromarray(GREY > 127), "png")
    np.testing.assert_array_equal(read, np.where(GREY > 127, 255, 0)[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("format", ["jpeg", "tiff"])
def test_ink_becomes_light(tmp_path, format):
    """C, M, Y and K are shares of what is taken away; JPEG stores them inverted."""
    ink = np.full((HEIGHT, WIDTH, 4), [51, 102, 0, 0], np.uint8)
    options = {"quality": 100} if format == "jpeg" else {}
    read = read_saved(tmp_path, Image.fromarray(ink, mode="CMYK"), format, **options)
    assert np.abs(read.astype(int) - [204, 153, 255]).max() <= 2


@pytest.mark.parametrize("format", ["gif", "png", "tiff"])
def test_of_several_frames_the_first_is_read(tmp_path, format):
    first, second = (Image.fromarray(np.full((HEIGHT, WIDTH), value, np.uint8)) for value in (200, 20))
    read = read_saved(tmp_path, first, format, save_all=True, append_images=[second])
    assert set(read.ravel()) == {200}


@pytest.mark.parametrize("content", [b"", b"not an image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 30 20\n"])
def test_what_is_no_image_starts_no_program(tmp_path, content, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", None)
    (tmp_path / "image.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"image\.jpg cannot be read: it is in none of the formats JPEG, "):
        read_image(tmp_path / "image.jpg", width=WIDTH, height=HEIGHT)
