"""DAVIS: objects are tracked frame by frame, and what a sequence lacks is named."""

import numpy as np
import pytest
from dataset_files import HEIGHT, WIDTH, decode_row, draw_box, expect_error, write_palette
from PIL import Image

from semlens.images.paths import find_image
from semlens.select.formats.davis import FORMAT


@pytest.fixture
def davis(tmp_path):
    """A DAVIS folder with a video of three frames, whose object 2 leaves after the first, and one of a frame."""
    root = tmp_path / "DAVIS"
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "train.txt").write_text("walk\nempty\n")
    (root / "ImageSets" / "2017" / "val.txt").write_text("bear\n")
    labels = (
        draw_box(1, 1, 9, 9) + 2 * draw_box(12, 20, 20, 30) + 3 * draw_box(1, 20, 5, 30) + 255 * draw_box(22, 0, 24, 36)
    )
    for name, frame in {
        "walk/00000": labels,
        "walk/00001": np.where(labels == 2, 0, labels),
        "walk/00002": np.where(labels == 2, 0, labels),
        "bear/00000": labels,
    }.items():
        write_palette(root / "Annotations" / "480p" / f"{name}.png", frame)
        (root / "JPEGImages" / "480p" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / "JPEGImages" / "480p" / f"{name}.jpg")
    return root


@pytest.fixture
def read_davis(tmp_path, davis):
    return lambda sequences: list(FORMAT.read_instances(tmp_path, [], sequences))


def test_follows_the_listed_objects_frame_by_frame(read_davis):
    rows = read_davis({"walk": {2: "dog", 1: "person"}})
    assert [(row["instance_id"], row["identity"], row["class_name"], row["frame"]) for row in rows] == [
        ("walk/00000/1", "walk/1", "person", 0),
        ("walk/00000/2", "walk/2", "dog", 0),
        ("walk/00001/1", "walk/1", "person", 1),
        ("walk/00002/1", "walk/1", "person", 2),
    ]
    assert {row["video"] for row in rows} == {"walk"}
    assert [row["image_id"] for row in rows] == ["walk/00000", "walk/00000", "walk/00001", "walk/00002"]
    np.testing.assert_array_equal(decode_row(rows[1]), draw_box(12, 20, 20, 30))


def test_files_are_where_their_names_say(tmp_path, read_davis):
    rows = read_davis({"walk": {1: "person"}, "bear": {3: "bear"}})
    assert [row["video"] for row in rows] == ["walk"] * 3 + ["bear"]
    assert all(find_image(tmp_path, row["file"]).is_file() for row in rows)


def test_sequence_that_is_in_no_list(davis, read_davis):
    (davis / "JPEGImages" / "480p" / "walk").rename(davis / "JPEGImages" / "480p" / "stroll")
    with expect_error(ValueError, "'stroll'", davis / "ImageSets"):
        read_davis({"stroll": {1: "person"}})


def test_sequence_without_images(davis, read_davis):
    with expect_error(FileNotFoundError, "'empty'", davis / "JPEGImages" / "480p"):
        read_davis({"empty": {1: "person"}})


@pytest.mark.parametrize("number", [4, 255], ids=["absent", "void"])
def test_object_that_never_appears(read_davis, number):
    with expect_error(ValueError, "'walk'", "[1, 2, 3]", f"[{number}]"):
        read_davis({"walk": {1: "person", number: "person"}})


def test_mask_missing(davis, read_davis):
    path = davis / "Annotations" / "480p" / "walk" / "00001.png"
    path.unlink()
    with expect_error(FileNotFoundError, path):
        read_davis({"walk": {1: "person"}})


def test_masks_of_2016_have_one_object(davis, read_davis):
    for number in range(3):
        mask = 255 * draw_box(number, 1, 9, 9)
        Image.fromarray(mask.astype(np.uint8)).save(davis / "Annotations" / "480p" / "walk" / f"{number:05d}.png")
    rows = read_davis({"walk": {1: "person"}})
    assert [row["instance_id"] for row in rows] == ["walk/00000/1", "walk/00001/1", "walk/00002/1"]
    np.testing.assert_array_equal(decode_row(rows[2]), draw_box(2, 1, 9, 9))
    with expect_error(ValueError, "'walk'", "[1]", "[2]"):
        read_davis({"walk": {2: "person"}})


def test_lists_of_2016_name_frames(davis, read_davis):
    (davis / "ImageSets" / "480p").mkdir()
    for name in ("train", "val"):
        (davis / "ImageSets" / "2017" / f"{name}.txt").unlink()
    line = "/JPEGImages/480p/walk/00000.jpg /Annotations/480p/walk/00000.png\n"
    (davis / "ImageSets" / "480p" / "train.txt").write_text(line)
    assert len(read_davis({"walk": {1: "person"}})) == 3


def rename_frames(davis, names):
    for folder, suffix in (("JPEGImages", "jpg"), ("Annotations", "png")):
        for number, name in enumerate(names):
            path = davis / folder / "480p" / "walk" / f"{number:05d}.{suffix}"
            path.rename(path.with_name(f"{name}.{suffix}"))


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["P02_frame_0000042133", "P02_frame_0000042134", "P02_frame_0000042140"], [42133, 42134, 42140]),
        (["frame_10", "frame_9", "frame_8"], [8, 9, 10]),
        (["7 left", "8 left", "9 left"], [7, 8, 9]),
    ],
)
def test_the_last_digits_of_a_frames_name_are_its_number(davis, read_davis, names, numbers):
    rename_frames(davis, names)
    rows = read_davis({"walk": {1: "person"}})
    assert [row["frame"] for row in rows] == numbers
    assert {row["image_id"] for row in rows} == {f"walk/{name}" for name in names}


@pytest.mark.parametrize(
    ("names", "said"),
    [(["a", "b", "c"], "no number"), (["a1", "b1", "c2"], "one number"), (["9999999999", "2", "3"], "no number up to")],
)
def test_frames_without_an_order_are_refused(davis, read_davis, names, said):
    rename_frames(davis, names)
    with expect_error(ValueError, davis / "JPEGImages" / "480p" / "walk", said):
        read_davis({"walk": {1: "person"}})


def test_frames_may_be_png(davis, read_davis):
    for path in (davis / "JPEGImages" / "480p" / "walk").iterdir():
        path.rename(path.with_suffix(".png"))
    assert read_davis({"walk": {1: "person"}})[0]["file"] == "DAVIS/JPEGImages/480p/walk/00000.png"


def test_all_frames_of_a_video_are_listed_whatever_they_show(tmp_path, davis):
    write_palette(davis / "Annotations" / "480p" / "walk" / "00001.png", np.zeros((HEIGHT, WIDTH), int))
    frames = FORMAT.list_frames(tmp_path, "walk")
    assert [(frame.image_id, frame.frame) for frame in frames] == [
        ("walk/00000", 0),
        ("walk/00001", 1),
        ("walk/00002", 2),
    ]
    assert all(find_image(tmp_path, frame.file).is_file() and frame.mask.is_file() for frame in frames)


def test_masks_have_all_objects_and_no_void(tmp_path, davis):
    first, *_, last = FORMAT.read_masks(FORMAT.list_frames(tmp_path, "walk"))
    assert {*np.unique(first)} == {0, 1, 2, 3}
    assert {*np.unique(last)} == {0, 1, 3}
    np.testing.assert_array_equal(first == 2, draw_box(12, 20, 20, 30))


def test_masks_are_read_as_they_are_asked_for(tmp_path, davis):
    path = davis / "Annotations" / "480p" / "walk" / "00001.png"
    path.unlink()
    masks = FORMAT.read_masks(FORMAT.list_frames(tmp_path, "walk"))
    assert next(masks).any()
    with expect_error(FileNotFoundError, path):
        next(masks)


def test_masks_of_2016_are_object_one_in_frames_without_it_too(tmp_path, davis):
    for number, frame in enumerate([255 * draw_box(1, 1, 9, 9), 0 * draw_box(1, 1, 9, 9), 255 * draw_box(2, 2, 4, 4)]):
        write_palette(davis / "Annotations" / "480p" / "walk" / f"{number:05d}.png", frame)
    masks = list(FORMAT.read_masks(FORMAT.list_frames(tmp_path, "walk")))
    assert [mask.max() for mask in masks] == [1, 0, 1]
    np.testing.assert_array_equal(masks[0] == 1, draw_box(1, 1, 9, 9))


def test_a_video_that_is_in_no_list_has_no_frames(tmp_path, davis):
    with expect_error(ValueError, "'stroll'", davis / "ImageSets"):
        FORMAT.list_frames(tmp_path, "stroll")
