"""Pascal VOC: objects and their classes from two palette images, and what is wrong in them is named."""

import numpy as np
import pytest
from dataset_files import HEIGHT, WIDTH, decode_row, draw_box, expect_error, write_palette
from PIL import Image

from semlens.select.formats.voc import FORMAT

BIRD, CAR, CAT, DOG = 3, 7, 8, 12  # in VOC's palette


@pytest.fixture
def voc(tmp_path):
    """A VOC folder with one image; its two masks are there to be overwritten."""
    root = tmp_path / "VOCdevkit" / "VOC2012"
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "trainval.txt").write_text("2007_000032\n")
    write_palette(root / "SegmentationObject" / "2007_000032.png", draw_box(2, 2, 10, 10))
    write_palette(root / "SegmentationClass" / "2007_000032.png", draw_box(2, 2, 10, 10) * DOG)
    return root


@pytest.fixture
def read_voc(tmp_path, voc):
    return lambda split="trainval": list(FORMAT.read_instances(tmp_path, [split], None))


def test_columns(voc, read_voc):
    (row,) = read_voc()
    np.testing.assert_array_equal(decode_row(row), draw_box(2, 2, 10, 10))
    del row["rle"]
    assert row == {
        "image_id": "2007_000032",
        "file": "VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg",
        "width": WIDTH,
        "height": HEIGHT,
        "instance_id": "2007_000032/1",
        "class_name": "dog",
        "identity": None,
        "video": None,
        "frame": None,
        "area_fraction": pytest.approx(64 / (HEIGHT * WIDTH)),
        "bbox_x": 2,
        "bbox_y": 2,
        "bbox_w": 8,
        "bbox_h": 8,
    }


def test_objects_are_the_ids_without_void_even_in_pieces(voc, read_voc):
    outline = draw_box(1, 1, 11, 11) - draw_box(2, 2, 10, 10)
    pieces = draw_box(15, 3, 20, 8) + draw_box(15, 20, 20, 25)
    write_palette(voc / "SegmentationObject/2007_000032.png", draw_box(2, 2, 10, 10) + 255 * outline + 4 * pieces)
    write_palette(
        voc / "SegmentationClass/2007_000032.png", DOG * draw_box(2, 2, 10, 10) + 255 * outline + CAR * pieces
    )
    dog, car = read_voc()
    assert [dog["instance_id"], car["instance_id"]] == ["2007_000032/1", "2007_000032/4"]
    assert [dog["class_name"], car["class_name"]] == ["dog", "car"]
    np.testing.assert_array_equal(decode_row(dog), draw_box(2, 2, 10, 10))
    np.testing.assert_array_equal(decode_row(car), pieces)


def test_class_is_that_of_most_pixels_but_background_and_void(voc, read_voc):
    classes = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    classes[2:10, 2:10] = np.repeat([0, 255, BIRD, CAT], [30, 20, 6, 8]).reshape(8, 8)
    classes[15:] = BIRD  # of another place: it must not vote
    write_palette(voc / "SegmentationClass/2007_000032.png", classes)
    (row,) = read_voc()
    assert row["class_name"] == "cat"


def test_reads_the_listed_images(voc, read_voc):
    (voc / "ImageSets/Segmentation/train.txt").write_text("b\na\n2007_000032\n")
    for name in "abc":
        write_palette(voc / "SegmentationObject" / f"{name}.png", draw_box(2, 2, 10, 10))
        write_palette(voc / "SegmentationClass" / f"{name}.png", draw_box(2, 2, 10, 10) * CAR)
    assert [row["image_id"] for row in read_voc("train")] == ["b", "a", "2007_000032"]


@pytest.mark.parametrize("label", [0, 255, 21], ids=["background", "void", "beyond the classes"])
def test_object_without_class(voc, read_voc, label):
    write_palette(voc / "SegmentationClass/2007_000032.png", np.full((HEIGHT, WIDTH), label))
    with expect_error(ValueError, "2007_000032", "object 1"):
        read_voc()


def test_split_that_does_not_exist(read_voc):
    with expect_error(FileNotFoundError, "test.txt", "split: test"):
        read_voc("test")


def test_names_may_have_spaces(voc, read_voc):
    (voc / "ImageSets/Segmentation/train.txt").write_text("my dog 1\n\n2007_000032\n", encoding="utf-8-sig")
    for kind, label in (("SegmentationObject", 1), ("SegmentationClass", CAR)):
        write_palette(voc / kind / "my dog 1.png", draw_box(2, 2, 10, 10) * label)
    assert [row["image_id"] for row in read_voc("train")] == ["my dog 1", "2007_000032"]


def test_images_may_be_png(voc, read_voc):
    (voc / "JPEGImages").mkdir()
    (voc / "JPEGImages" / "2007_000032.png").touch()
    assert read_voc()[0]["file"] == "VOCdevkit/VOC2012/JPEGImages/2007_000032.png"


@pytest.mark.parametrize("place", ["VOCdevkit/VOC2007", "VOCdevkit/VOC2005", ""])
def test_other_years_and_folders_without_a_year(voc, tmp_path, place):
    folder = tmp_path / "other"
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    voc.rename(folder / place)
    (row,) = FORMAT.read_instances(folder, ["trainval"], None)
    assert row["file"] == f"{place}/JPEGImages/2007_000032.jpg".removeprefix("/")
    assert FORMAT.list_annotation_files(str(folder), ["trainval"], None)[0].startswith(f"{folder}/{place}")


# Classes of one's own


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("class_names.txt", "__ignore__\n_background_\nhouse\ntree\n"),
        ("labels.txt", "house\ntree\n"),
        ("classes.txt", "\ufeffbackground\nhouse\ntree\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\nhouse:9,9,9::\ntree:0,128,0::\n"),
    ],
)
def test_classes_are_those_of_the_folders_own_list(voc, read_voc, file, text):
    (voc / file).write_text(text, encoding="utf-8")
    write_palette(voc / "SegmentationClass/2007_000032.png", draw_box(2, 2, 10, 10) * 2)
    assert read_voc()[0]["class_name"] == "tree"


def test_a_list_may_name_colours(voc, read_voc):
    (voc / "labelmap.txt").write_text("tree:1,2,3::\nbackground:0,0,0::\nhouse:200,100,50::\n")
    box = draw_box(2, 2, 10, 10)[..., None]
    Image.fromarray((box * [200, 100, 50]).astype(np.uint8)).save(voc / "SegmentationClass/2007_000032.png")
    Image.fromarray((box * [128, 0, 0]).astype(np.uint8)).save(voc / "SegmentationObject/2007_000032.png")
    (row,) = read_voc()
    assert (row["class_name"], row["instance_id"]) == ("house", "2007_000032/1")


def test_a_list_that_is_none_is_named(voc, read_voc):
    (voc / "labelmap.txt").write_text("house:red::\n")
    with expect_error(ValueError, voc / "labelmap.txt", "'house:red::'"):
        read_voc()


def test_a_class_beyond_the_list_is_named(voc, read_voc):
    (voc / "class_names.txt").write_text("house\n")
    with expect_error(ValueError, "object 1 has class 12", voc / "class_names.txt"):
        read_voc()


@pytest.mark.parametrize("kind", ["SegmentationObject", "SegmentationClass"])
def test_mask_missing(voc, read_voc, kind):
    path = voc / kind / "2007_000032.png"
    path.unlink()
    with expect_error(FileNotFoundError, path):
        read_voc()


@pytest.mark.parametrize("kept", [0, 40, -40], ids=["nothing", "the header", "all but the end"])
def test_mask_cut_off(voc, read_voc, kept):
    path = voc / "SegmentationClass" / "2007_000032.png"
    path.write_bytes(path.read_bytes()[:kept])
    with expect_error(ValueError, path, "cannot be read"):
        read_voc()


def test_masks_of_different_size(voc, read_voc):
    write_palette(voc / "SegmentationClass/2007_000032.png", np.full((WIDTH, HEIGHT), DOG))
    with expect_error(ValueError, "2007_000032", (HEIGHT, WIDTH), (WIDTH, HEIGHT)):
        read_voc()
