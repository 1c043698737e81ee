"""COCO: masks are those of pycocotools, and what is wrong in a file is named."""

import contextlib
import io
import json
import logging
import tracemalloc
from itertools import groupby

import numpy as np
import pytest
from dataset_files import HEIGHT, WIDTH, decode_row, draw_box, expect_error
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from semlens.select.formats.coco import FORMAT


def run_lengths(mask):
    """Uncompressed COCO run lengths: column by column, background first."""
    counts = [len(list(run)) for _, run in groupby(mask.ravel(order="F").tolist())]
    return [0, *counts] if mask[0, 0] else counts


RING = draw_box(4, 5, 20, 30) - draw_box(9, 11, 14, 22)
SEGMENTATIONS = {
    "polygon": [[5.5, 3.2, 30.1, 8.7, 21.0, 20.9]],
    "polygon reaching out of the image": [[-4.0, -3.0, 50.0, 2.0, 11.0, 40.0]],
    "separate parts": [[2, 2, 9, 2, 9, 12, 2, 12], [20.5, 6.5, 33, 7, 28, 22.25, 19, 18]],
    "overlapping parts": [[2, 2, 20, 2, 20, 12, 2, 12], [10, 6, 30, 6, 30, 20, 10, 20], [0, 0, 5, 0, 5, 5]],
    "uncompressed run lengths": {"size": [HEIGHT, WIDTH], "counts": run_lengths(RING)},
    "uncompressed run lengths from the first pixel": {"size": [HEIGHT, WIDTH], "counts": run_lengths(1 - RING)},
    "compressed run lengths": {
        "size": [HEIGHT, WIDTH],
        "counts": coco_mask.encode(np.asfortranarray(RING))["counts"].decode("ascii"),
    },
}


@pytest.fixture
def write_coco(tmp_path):
    """Write a COCO folder of images 11 and 12; an annotation says what differs from an ordinary one."""

    def write(*annotations):
        ordinary = {"image_id": 11, "category_id": 1, "iscrowd": 0, "segmentation": SEGMENTATIONS["polygon"]}
        content = {
            "images": [
                {"id": number, "file_name": f"{number:012d}.jpg", "height": HEIGHT, "width": WIDTH}
                for number in (12, 11)
            ],
            "categories": [{"id": 1, "name": "person"}, {"id": 63, "name": "couch"}],
            "annotations": [{"id": number, **ordinary, **entry} for number, entry in enumerate(annotations, start=7)],
        }
        (tmp_path / "annotations").mkdir()
        (tmp_path / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
        return tmp_path

    return write


@pytest.fixture
def said(caplog, monkeypatch):
    """All that was logged."""
    monkeypatch.setattr(logging.getLogger("semlens"), "propagate", True)
    caplog.set_level("INFO", "semlens")
    return lambda: caplog.text


@pytest.fixture
def read_coco(write_coco):
    return lambda *annotations: list(FORMAT.read_instances(write_coco(*annotations), ["train2017"], None))


@pytest.mark.parametrize("segmentation", SEGMENTATIONS.values(), ids=SEGMENTATIONS)
def test_masks_are_those_of_pycocotools(write_coco, segmentation):
    folder = write_coco({"segmentation": segmentation})
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO(folder / "annotations" / "instances_train2017.json")
    expected = reference.annToMask(reference.anns[7])

    (row,) = FORMAT.read_instances(folder, ["train2017"], None)

    assert 0 < expected.sum() < HEIGHT * WIDTH
    np.testing.assert_array_equal(decode_row(row), expected)


@pytest.mark.parametrize("form", ["uncompressed run lengths", "compressed run lengths"])
def test_run_lengths_are_the_mask_that_they_were_made_of(read_coco, form):
    (row,) = read_coco({"segmentation": SEGMENTATIONS[form]})
    np.testing.assert_array_equal(decode_row(row), RING)


def test_columns(read_coco):
    mask = draw_box(4, 6, 10, 21)
    segmentation = {"size": [HEIGHT, WIDTH], "counts": run_lengths(mask)}
    (row,) = read_coco({"image_id": 12, "category_id": 63, "segmentation": segmentation})
    rle = row.pop("rle")
    assert row == {
        "image_id": "12",
        "file": "train2017/000000000012.jpg",
        "width": WIDTH,
        "height": HEIGHT,
        "instance_id": "7",
        "class_name": "couch",
        "identity": None,
        "video": None,
        "frame": None,
        "area_fraction": pytest.approx(6 * 15 / (HEIGHT * WIDTH)),
        "bbox_x": 6,
        "bbox_y": 4,
        "bbox_w": 15,
        "bbox_h": 6,
    }
    assert isinstance(rle, str)


def test_goes_image_by_image_without_crowds_and_empty_masks(read_coco):
    crowd = {"iscrowd": 1, "segmentation": SEGMENTATIONS["uncompressed run lengths"]}
    nothing = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}}
    rows = read_coco({"image_id": 12}, {}, crowd, nothing, {"image_id": 12}, {})
    assert [(row["image_id"], row["instance_id"]) for row in rows] == [
        ("11", "8"),
        ("11", "12"),
        ("12", "7"),
        ("12", "11"),
    ]


def test_annotations_are_forgotten_as_they_are_read(write_coco):
    """They take many times the memory of their rows: 860,000 take gigabytes."""
    outline = np.random.default_rng(0).uniform(0, HEIGHT, 400).tolist()
    folder = write_coco(*[{"segmentation": [outline]}] * 200)
    tracemalloc.start()
    try:
        rows = FORMAT.read_instances(folder, ["train2017"], None)
        held = [tracemalloc.get_traced_memory()[0] for _ in rows]
    finally:
        tracemalloc.stop()
    assert held[-1] < held[0] / 2


def test_split_that_does_not_exist(write_coco):
    with expect_error(FileNotFoundError, "instances_val2017.json", "split: val2017"):
        list(FORMAT.read_instances(write_coco({}), ["val2017"], None))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"images": [',
        b"\xff\xfe\x00",
        b"[]",
        b'{"images": [], "annotations": []}',
        b'{"images": [5], "annotations": [], "categories": []}',
        b'{"images": {}, "annotations": [], "categories": []}',
    ],
    ids=["empty", "cut off", "binary", "a list", "no categories", "images not objects", "images not a list"],
)
def test_file_that_is_none(tmp_path, content):
    path = tmp_path / "annotations" / "instances_train2017.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with expect_error(ValueError, path, "not a COCO instances file"):
        list(FORMAT.read_instances(tmp_path, ["train2017"], None))


def test_annotation_of_unknown_image(read_coco):
    with expect_error(ValueError, "instances_train2017.json", "annotation 8", "image 99"):
        read_coco({}, {"image_id": 99})


def test_annotation_of_unknown_category(read_coco):
    with expect_error(ValueError, "instances_train2017.json", "annotation 8", "category_id 99"):
        read_coco({}, {"category_id": 99})


def test_run_lengths_of_another_size(read_coco):
    segmentation = {"size": [WIDTH, HEIGHT], "counts": [HEIGHT * WIDTH]}
    with expect_error(ValueError, "annotation 7", [WIDTH, HEIGHT], [HEIGHT, WIDTH]):
        read_coco({"segmentation": segmentation})


@pytest.mark.parametrize(
    "segmentation",
    [
        [1, 1, 9, 1, 9, 9],
        [[1, 1, 5]],
        [[1, 1, 9, 1, 9, 9, 3]],
        [["a", "b", "c", "d", "e", "f"]],
        [[1, 1, 9, 1, 9, None]],
        [[1, 1, 9, 1, 9, float("nan")]],
        [[1, 1, 9, 1, 9, float("inf")]],
        [[1, 1, 9, 1, 9, 1e9]],
        5,
        "zigzag",
        {"size": [10**9, 10**9], "counts": [10**18]},
        {"size": [HEIGHT, WIDTH]},
        {"size": [HEIGHT, WIDTH], "counts": None},
        {"size": [HEIGHT, WIDTH], "counts": [10, -5, HEIGHT * WIDTH - 5]},
        {"size": [HEIGHT, WIDTH], "counts": [10**9, HEIGHT * WIDTH - 10**9]},
        {"size": [HEIGHT, WIDTH], "counts": [0.5, HEIGHT * WIDTH - 0.5]},
        {"size": [HEIGHT, WIDTH], "counts": [True, HEIGHT * WIDTH - 1]},
        {"size": [HEIGHT, WIDTH], "counts": "é"},
        {"size": [HEIGHT, WIDTH], "counts": "`"},
        {"size": [HEIGHT, WIDTH], "counts": "b'PP1'"},
    ],
    ids=str,
)
def test_segmentation_that_is_none(read_coco, segmentation):
    with expect_error(ValueError, "instances_train2017.json", "annotation 8"):
        read_coco({}, {"segmentation": segmentation})


@pytest.mark.parametrize(
    "counts",
    [
        [10, 5, 10],
        [10, 5, HEIGHT * WIDTH],
        coco_mask.encode(np.asfortranarray(RING[:, :-1]))["counts"].decode("ascii"),
        coco_mask.encode(np.asfortranarray(np.pad(RING, ((0, 0), (0, 1)))))["counts"].decode("ascii"),
    ],
    ids=["too short", "too long", "too short, compressed", "too long, compressed"],
)
def test_run_lengths_that_do_not_fill_the_image(read_coco, counts):
    # pycocotools decodes short ones to a mask that is partly uninitialised memory.
    with expect_error(ValueError, "annotation 8"):
        read_coco({}, {"segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}})


@pytest.mark.parametrize("key", ["category_id", "id", "image_id"])
def test_annotation_without_a_key(write_coco, key):
    folder = write_coco({}, {})
    path = folder / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    del content["annotations"][1][key]
    path.write_text(json.dumps(content))
    with expect_error(ValueError, path, key if key == "image_id" else "annotation", "None"):
        list(FORMAT.read_instances(folder, ["train2017"], None))


@pytest.mark.parametrize("key", ["height", "file_name"])
def test_image_without_a_key(write_coco, key):
    folder = write_coco({}, {"image_id": 12})
    path = folder / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    del content["images"][0][key]
    path.write_text(json.dumps(content))
    with expect_error(ValueError, path, key):
        list(FORMAT.read_instances(folder, ["train2017"], None))


NONE = "annotations without a mask"
FEW = "polygons of fewer than three points"


@pytest.mark.parametrize(
    ("segmentation", "kind"),
    [
        (None, NONE),
        ([], NONE),
        ({}, NONE),
        ([[]], FEW),
        ([[3, 3]], FEW),
        ([[3, 3, 9, 9]], FEW),  # pycocotools would take it for a box
        ([[3, 3, 3, 3, 3, 3]], "masks without a pixel"),
        ({"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}, "masks without a pixel"),
    ],
    ids=str,
)
def test_degenerate_masks_are_left_out_and_counted(read_coco, said, segmentation, kind):
    rows = read_coco({}, {"segmentation": segmentation}, {"segmentation": segmentation})
    assert [row["instance_id"] for row in rows] == ["7"]
    assert f"instances_train2017.json: left out 2 {kind}, such as annotation 8" in said()


def test_of_several_polygons_those_with_an_area_count(read_coco, said):
    (row,) = read_coco({"segmentation": [[3, 3, 9, 9], *SEGMENTATIONS["polygon"], []]})
    (alone,) = map(decode_row, [row])
    rle = coco_mask.merge(coco_mask.frPyObjects(SEGMENTATIONS["polygon"], HEIGHT, WIDTH))
    np.testing.assert_array_equal(alone, coco_mask.decode(rle))
    assert "left out polygons of fewer than three points beside others in 1 annotations, such as annotation 7" in said()


def test_shares_in_place_of_pixels_are_refused(read_coco):
    shares = [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]]
    with expect_error(ValueError, "instances_train2017.json", "between 0 and 1", "pixels"):
        read_coco({"segmentation": shares}, {"segmentation": shares})


def test_one_small_object_in_the_corner_is_no_share(read_coco):
    assert read_coco({"segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]}, {})


@pytest.mark.parametrize(
    ("box", "warned"), [([5, 3, 25, 18], False), ([100, 100, 5, 5], True), (None, False), ("?", False)]
)
def test_a_mask_elsewhere_than_its_box_is_counted(read_coco, said, box, warned):
    assert len(read_coco({"bbox": box}, {"bbox": box})) == 2
    assert ("masks of 2 of 2 annotations lie elsewhere than their own bbox, such as annotation 7" in said()) == warned


# Ids


def change(folder, edit, split="train2017"):
    path = folder / "annotations" / f"instances_{split}.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return folder


def read_changed(write_coco, edit, *annotations):
    return list(FORMAT.read_instances(change(write_coco(*annotations), edit), ["train2017"], None))


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (lambda content: content["images"][0].update(id=11), ["id 11", "000000000012.jpg", "000000000011.jpg"]),
        (lambda content: content["images"][0].update(id="11"), ["id 11", "000000000012.jpg", "000000000011.jpg"]),
        (lambda content: content["images"][0].update(file_name="000000000011.jpg"), ["11.jpg", "stands twice"]),
        (lambda content: content["categories"][0].update(id=63), ["category id 63", "'person'", "'couch'"]),
        (lambda content: content["annotations"][1].update(id=7), ["annotation 7 stands twice", "image 11", "image 12"]),
        (lambda content: content["annotations"][1].update(id="7"), ["annotation 7 stands twice"]),
        (lambda content: content["annotations"][1].update(id=True), ["True"]),
        (lambda content: content["annotations"][1].update(id=7.5), ["7.5"]),
        (lambda content: content["categories"][0].update(name=""), ["category 1 has no name"]),
        (lambda content: content["images"][0].update(width=0), ["width is 0"]),
        (lambda content: content["images"][0].update(width=-3), ["width is -3"]),
        (lambda content: content["images"][0].update(width=10**9, height=10**9), ["too many"]),
        (lambda content: content["images"][0].update(height="tall"), ["height is 'tall'"]),
    ],
)
def test_ids_and_sizes_that_cannot_be_right_are_named(write_coco, edit, named):
    with expect_error(ValueError, "instances_train2017.json", *named):
        read_changed(write_coco, edit, {}, {"image_id": 12})


def test_numbers_and_texts_that_mean_the_same_meet(write_coco):
    def edit(content):
        content["images"][0].update(id="12", width=float(WIDTH), height=str(HEIGHT))
        content["categories"][0]["id"] = "1"
        content["annotations"][0].update(image_id=11.0, id="7", iscrowd="0")

    rows = read_changed(write_coco, edit, {}, {"image_id": 12})
    assert [(row["instance_id"], row["image_id"], row["class_name"]) for row in rows] == [
        ("7", "11", "person"),
        ("8", "12", "person"),
    ]


def read_joined(write_coco, edit):
    folder = write_coco({}, {"image_id": 12})
    path = folder / "annotations" / "instances_train2017.json"
    (folder / "annotations" / "instances_val.json").write_text(path.read_text())
    change(folder, edit, "val")
    return list(FORMAT.read_instances(folder, ["train2017", "val"], None))


def test_joined_splits_with_the_same_ids_are_told_apart(write_coco):
    rows = read_joined(write_coco, lambda content: None)
    assert [row["instance_id"] for row in rows] == ["train2017/7", "train2017/8", "val/7", "val/8"]
    assert [row["image_id"] for row in rows] == ["train2017/11", "train2017/12", "val/11", "val/12"]


def test_joined_splits_with_ids_of_their_own_keep_them(write_coco):
    def edit(content):
        for image in content["images"]:
            image["id"] += 100
        for annotation in content["annotations"]:
            annotation.update(id=annotation["id"] + 100, image_id=annotation["image_id"] + 100)

    assert [row["instance_id"] for row in read_joined(write_coco, edit)] == ["7", "8", "107", "108"]


# Photos whose polygons lie on the photo as it is shown, and whose stated size is the stored one.

TALL = [[2, 2, 10, 2, 10, WIDTH - 2, 2, WIDTH - 2]]  # fits HEIGHT x WIDTH pixels, not WIDTH x HEIGHT
SMALL = [[1, 1, 5, 1, 5, 5, 1, 5]]  # fits both


@pytest.fixture
def read_photo(write_coco):
    """Read polygons of image 11, which is stored as a camera does."""

    def read(orientation, *polygons, exif="ignore"):
        folder = write_coco(*({"segmentation": polygon} for polygon in polygons))
        metadata = Image.Exif()
        metadata[0x0112] = orientation
        (folder / "train2017").mkdir()
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "train2017" / f"{11:012d}.jpg", exif=metadata)
        return list(FORMAT.read_instances(folder, ["train2017"], None, exif))

    return read


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_polygons_that_fit_only_the_picture_as_it_is_shown_exchange_its_sides(read_photo, said, orientation):
    rows = read_photo(orientation, SMALL, TALL)
    assert {(row["width"], row["height"]) for row in rows} == {(HEIGHT, WIDTH)}
    whole = coco_mask.decode(coco_mask.frPyObjects(TALL, WIDTH, HEIGHT))[..., 0]
    np.testing.assert_array_equal(decode_row(rows[1]), whole)
    assert "width and height of 1 images are exchanged" in said()


@pytest.mark.parametrize(
    ("orientation", "polygons"),
    [(1, [TALL]), (3, [TALL]), (6, [SMALL]), (6, [TALL, SEGMENTATIONS["polygon"]])],
    ids=["upright", "half turn", "fits both", "fits neither"],
)
def test_else_the_stated_size_holds(read_photo, orientation, polygons):
    assert {(row["width"], row["height"]) for row in read_photo(orientation, *polygons)} == {(WIDTH, HEIGHT)}


def test_the_key_decides_where_polygons_fit_both_ways(read_photo):
    assert {(row["width"], row["height"]) for row in read_photo(8, SMALL, exif="apply")} == {(HEIGHT, WIDTH)}


def test_the_key_turns_no_picture_that_is_upright(read_photo):
    assert {(row["width"], row["height"]) for row in read_photo(1, SMALL, exif="apply")} == {(WIDTH, HEIGHT)}


def test_polygons_that_leave_a_picture_that_is_not_there_are_cut(read_coco):
    (row,) = read_coco({"segmentation": TALL})
    assert (row["width"], row["height"]) == (WIDTH, HEIGHT)
