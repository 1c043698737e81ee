"""Labels of mask images are what their palettes and colours mean, or the image is refused."""

import numpy as np
import pytest
from dataset_files import expect_error
from PIL import Image

from semlens.select.formats._palettes import build_colours, read_labels

LABELS = np.array([[0, 1, 12, 20], [255, 0, 12, 12]], np.uint8)


def save(path, indices, colours):
    image = Image.fromarray(indices)
    image.putpalette(np.asarray(colours, np.uint8).tobytes())
    image.save(path)
    return path


def test_colours_are_those_of_voc():
    colours = build_colours()
    assert colours[[0, 1, 2, 3, 8, 15, 20]].tolist() == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [64, 0, 0], [192, 128, 128], [0, 64, 128],
    ]  # fmt: skip
    assert colours[255].tolist() == [224, 224, 192]


@pytest.mark.parametrize("greys", [False, True])
def test_a_palette_of_voc_or_of_greys_gives_the_labels(tmp_path, greys):
    colours = [[level] * 3 for level in range(256)] if greys else build_colours()
    np.testing.assert_array_equal(read_labels(save(tmp_path / "m.png", LABELS, colours)), LABELS)


def test_a_palette_that_was_numbered_anew_gives_the_labels_of_its_colours(tmp_path):
    """As image programs do, which sort colours by how often they come."""
    order = np.array([12, 0, 1, 255, 20])
    indices = np.argmax(LABELS[..., None] == order, axis=-1).astype(np.uint8)
    np.testing.assert_array_equal(read_labels(save(tmp_path / "m.png", indices, build_colours()[order])), LABELS)


def test_unused_entries_of_a_palette_do_not_matter(tmp_path):
    colours = build_colours().copy()
    colours[100] = [1, 2, 3]
    np.testing.assert_array_equal(read_labels(save(tmp_path / "m.png", LABELS, colours)), LABELS)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_without_a_palette_give_the_labels(tmp_path, mode):
    Image.fromarray(build_colours()[LABELS]).convert(mode).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "m.png"), LABELS)


def test_greys_are_labels(tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "m.png"), LABELS)


def test_one_bit_is_one_object(tmp_path):
    Image.fromarray(LABELS > 0).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "m.png"), LABELS > 0)


@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_a_colour_of_no_label_is_named(tmp_path, mode):
    colours = build_colours().copy()
    colours[12] = [10, 20, 30]
    path = save(tmp_path / "m.png", LABELS, colours)
    if mode == "RGB":
        Image.open(path).convert("RGB").save(path)
    with expect_error(ValueError, path, "[10, 20, 30]", "VOC"):
        read_labels(path)


@pytest.mark.parametrize("mode", ["I;16", "F", "LA", "CMYK"])
def test_other_pixels_are_refused_by_their_mode(tmp_path, mode):
    image = Image.new(mode, (4, 2))
    path = tmp_path / "m.png"
    image.save(path, format="TIFF" if mode in ("F", "CMYK") else "PNG")
    with expect_error(ValueError, path, f"mode '{mode}'"):
        read_labels(path)


def test_jpeg_which_blurs_labels_is_refused(tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "m.png", format="JPEG")
    with expect_error(ValueError, tmp_path / "m.png", "none of the formats PNG"):
        read_labels(tmp_path / "m.png")
