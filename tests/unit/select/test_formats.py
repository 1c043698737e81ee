"""The readers of COCO, VOC and DAVIS: the right masks and names, and errors that name what is wrong."""

import contextlib
import io
import json
import re
import tracemalloc
from itertools import groupby

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from semlens.images.masks import decode_mask
from semlens.images.paths import find_image
from semlens.select.formats import load_format

HEIGHT, WIDTH = 24, 36
BIRD, CAR, CAT, DOG = 3, 7, 8, 12  # in VOC's palette


def blob(top, left, bottom, right):
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def run_lengths(mask):
    """Uncompressed COCO run lengths: column by column, background first."""
    counts = [len(list(run)) for _, run in groupby(mask.ravel(order="F").tolist())]
    return [0, *counts] if mask[0, 0] else counts


def mask_of(row):
    return decode_mask(row["rle"], width=row["width"], height=row["height"])


RING = blob(4, 5, 20, 30) - blob(9, 11, 14, 22)
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


def read_instances(format, folder, *, splits=(), sequences=None):
    return load_format(format).read_instances(folder, splits, sequences)


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
def read_coco(write_coco):
    return lambda *annotations: list(read_instances("coco", write_coco(*annotations), splits=["train2017"]))


def write_palette(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels.astype(np.uint8))
    image.putpalette([level for level in range(256) for _ in "rgb"])
    image.save(path)


@pytest.fixture
def voc(tmp_path):
    """A VOC folder with one image; its two masks are there to be overwritten."""
    root = tmp_path / "VOCdevkit" / "VOC2012"
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "trainval.txt").write_text("2007_000032\n")
    write_palette(root / "SegmentationObject" / "2007_000032.png", blob(2, 2, 10, 10))
    write_palette(root / "SegmentationClass" / "2007_000032.png", blob(2, 2, 10, 10) * DOG)
    return root


@pytest.fixture
def read_voc(tmp_path, voc):
    return lambda **options: list(read_instances("voc", tmp_path, **{"splits": ["trainval"], **options}))


@pytest.fixture
def davis(tmp_path):
    """A DAVIS folder with a video of three frames, whose object 2 leaves after the first, and one of a frame."""
    root = tmp_path / "DAVIS"
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "train.txt").write_text("walk\nempty\n")
    (root / "ImageSets" / "2017" / "val.txt").write_text("bear\n")
    labels = blob(1, 1, 9, 9) + 2 * blob(12, 20, 20, 30) + 3 * blob(1, 20, 5, 30) + 255 * blob(22, 0, 24, 36)
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
    return lambda sequences, **options: list(read_instances("davis", tmp_path, sequences=sequences, **options))


def raises(error, *names):
    """Expect an error whose message has all ``names``."""
    return pytest.raises(error, match="(?s)" + "".join(f"(?=.*{re.escape(str(name))})" for name in names))


# COCO


@pytest.mark.parametrize("segmentation", SEGMENTATIONS.values(), ids=SEGMENTATIONS)
def test_coco_masks_are_those_of_pycocotools(write_coco, segmentation):
    folder = write_coco({"segmentation": segmentation})
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO(folder / "annotations" / "instances_train2017.json")
    expected = reference.annToMask(reference.anns[7])

    (row,) = read_instances("coco", folder, splits=["train2017"])

    assert 0 < expected.sum() < HEIGHT * WIDTH
    np.testing.assert_array_equal(mask_of(row), expected)


@pytest.mark.parametrize("form", ["uncompressed run lengths", "compressed run lengths"])
def test_coco_run_lengths_are_the_mask_that_they_were_made_of(read_coco, form):
    (row,) = read_coco({"segmentation": SEGMENTATIONS[form]})
    np.testing.assert_array_equal(mask_of(row), RING)


def test_coco_columns(read_coco):
    mask = blob(4, 6, 10, 21)
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


def test_coco_goes_image_by_image_without_crowds_and_empty_masks(read_coco):
    crowd = {"iscrowd": 1, "segmentation": SEGMENTATIONS["uncompressed run lengths"]}
    nothing = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}}
    rows = read_coco({"image_id": 12}, {}, crowd, nothing, {"image_id": 12}, {})
    assert [(row["image_id"], row["instance_id"]) for row in rows] == [
        ("11", "8"),
        ("11", "12"),
        ("12", "7"),
        ("12", "11"),
    ]


def test_coco_annotations_are_forgotten_as_they_are_read(write_coco):
    """They take many times the memory of their rows: 860,000 take gigabytes."""
    outline = np.random.default_rng(0).uniform(0, HEIGHT, 400).tolist()
    folder = write_coco(*[{"segmentation": [outline]}] * 200)
    tracemalloc.start()
    try:
        rows = read_instances("coco", folder, splits=["train2017"])
        held = [tracemalloc.get_traced_memory()[0] for _ in rows]
    finally:
        tracemalloc.stop()
    assert held[-1] < held[0] / 2


def test_coco_split_that_does_not_exist(write_coco):
    with raises(FileNotFoundError, "instances_val2017.json", "split: val2017"):
        list(read_instances("coco", write_coco({}), splits=["val2017"]))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"images": [',
        b"\xff\xfe\x00",
        b"[]",
        b'{"images": [], "annotations": []}',
        b'{"images": [5], "annotations": [], "categories": []}',
        b'{"images": [], "annotations": [{"id": 7}], "categories": []}',
    ],
    ids=["empty", "cut off", "binary", "a list", "no categories", "images not objects", "annotation of no image"],
)
def test_coco_file_that_is_none(tmp_path, content):
    path = tmp_path / "annotations" / "instances_train2017.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with raises(ValueError, path, "not a COCO instances file"):
        list(read_instances("coco", tmp_path, splits=["train2017"]))


def test_coco_annotation_of_unknown_image(read_coco):
    with raises(ValueError, "instances_train2017.json", "annotation 8", "image 99"):
        read_coco({}, {"image_id": 99})


def test_coco_annotation_of_unknown_category(read_coco):
    with raises(ValueError, "instances_train2017.json", "annotation 8", "class_name 99"):
        read_coco({}, {"category_id": 99})


def test_coco_run_lengths_of_another_size(read_coco):
    segmentation = {"size": [WIDTH, HEIGHT], "counts": [HEIGHT * WIDTH]}
    with raises(ValueError, "annotation 7", [WIDTH, HEIGHT], [HEIGHT, WIDTH]):
        read_coco({"segmentation": segmentation})


@pytest.mark.parametrize(
    "segmentation",
    [
        [],
        [[]],
        [[1, 1, 5]],
        [["a", "b", "c", "d", "e", "f"]],
        None,
        5,
        "zigzag",
        {},
        {"size": [HEIGHT, WIDTH]},
        {"size": [HEIGHT, WIDTH], "counts": None},
        {"size": [HEIGHT, WIDTH], "counts": [10, -5, HEIGHT * WIDTH - 5]},
        {"size": [HEIGHT, WIDTH], "counts": "é"},
    ],
    ids=str,
)
def test_coco_segmentation_that_is_none(read_coco, segmentation):
    with raises(ValueError, "instances_train2017.json", "annotation 8"):
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
def test_coco_run_lengths_that_do_not_fill_the_image(read_coco, counts):
    # pycocotools decodes short ones to a mask that is partly uninitialised memory.
    with raises(ValueError, "annotation 8"):
        read_coco({}, {"segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}})


@pytest.mark.parametrize("key", ["segmentation", "category_id"])
def test_coco_annotation_without_a_key(write_coco, key):
    folder = write_coco({}, {})
    path = folder / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    del content["annotations"][1][key]
    path.write_text(json.dumps(content))
    with raises(ValueError, path, "annotation 8", key):
        list(read_instances("coco", folder, splits=["train2017"]))


@pytest.mark.parametrize("key", ["height", "file_name"])
def test_coco_image_without_a_key(write_coco, key):
    folder = write_coco({}, {"image_id": 12})
    path = folder / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    del content["images"][0][key]
    path.write_text(json.dumps(content))
    with raises(ValueError, path, key):
        list(read_instances("coco", folder, splits=["train2017"]))


# VOC


def test_voc_columns(voc, read_voc):
    (row,) = read_voc()
    np.testing.assert_array_equal(mask_of(row), blob(2, 2, 10, 10))
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


def test_voc_objects_are_the_ids_without_void_even_in_pieces(voc, read_voc):
    outline = blob(1, 1, 11, 11) - blob(2, 2, 10, 10)
    pieces = blob(15, 3, 20, 8) + blob(15, 20, 20, 25)
    write_palette(voc / "SegmentationObject/2007_000032.png", blob(2, 2, 10, 10) + 255 * outline + 4 * pieces)
    write_palette(voc / "SegmentationClass/2007_000032.png", DOG * blob(2, 2, 10, 10) + 255 * outline + CAR * pieces)
    dog, car = read_voc()
    assert [dog["instance_id"], car["instance_id"]] == ["2007_000032/1", "2007_000032/4"]
    assert [dog["class_name"], car["class_name"]] == ["dog", "car"]
    np.testing.assert_array_equal(mask_of(dog), blob(2, 2, 10, 10))
    np.testing.assert_array_equal(mask_of(car), pieces)


def test_voc_class_is_that_of_most_pixels_but_background_and_void(voc, read_voc):
    classes = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    classes[2:10, 2:10] = np.repeat([0, 255, BIRD, CAT], [30, 20, 6, 8]).reshape(8, 8)
    classes[15:] = BIRD  # of another place: it must not vote
    write_palette(voc / "SegmentationClass/2007_000032.png", classes)
    (row,) = read_voc()
    assert row["class_name"] == "cat"


def test_voc_reads_the_listed_images(voc, read_voc):
    (voc / "ImageSets/Segmentation/train.txt").write_text("b\na\n2007_000032\n")
    for name in "abc":
        write_palette(voc / "SegmentationObject" / f"{name}.png", blob(2, 2, 10, 10))
        write_palette(voc / "SegmentationClass" / f"{name}.png", blob(2, 2, 10, 10) * CAR)
    assert [row["image_id"] for row in read_voc(splits=["train"])] == ["b", "a", "2007_000032"]


@pytest.mark.parametrize("label", [0, 255, 21], ids=["background", "void", "beyond the classes"])
def test_voc_object_without_class(voc, read_voc, label):
    write_palette(voc / "SegmentationClass/2007_000032.png", np.full((HEIGHT, WIDTH), label))
    with raises(ValueError, "2007_000032", "object 1"):
        read_voc()


def test_voc_split_that_does_not_exist(read_voc):
    with raises(FileNotFoundError, "test.txt", "split: test"):
        read_voc(splits=["test"])


@pytest.mark.parametrize("kind", ["SegmentationObject", "SegmentationClass"])
@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_voc_mask_without_palette(voc, read_voc, kind, mode):
    path = voc / kind / "2007_000032.png"
    Image.new(mode, (WIDTH, HEIGHT)).save(path)
    with raises(ValueError, path, f"mode '{mode}'"):
        read_voc()


@pytest.mark.parametrize("kind", ["SegmentationObject", "SegmentationClass"])
def test_voc_mask_missing(voc, read_voc, kind):
    path = voc / kind / "2007_000032.png"
    path.unlink()
    with raises(FileNotFoundError, path):
        read_voc()


@pytest.mark.parametrize("kept", [0, 40, -40], ids=["nothing", "the header", "all but the end"])
def test_voc_mask_cut_off(voc, read_voc, kept):
    path = voc / "SegmentationClass" / "2007_000032.png"
    path.write_bytes(path.read_bytes()[:kept])
    with raises(ValueError, path, "cannot be read"):
        read_voc()


def test_voc_masks_of_different_size(voc, read_voc):
    write_palette(voc / "SegmentationClass/2007_000032.png", np.full((WIDTH, HEIGHT), DOG))
    with raises(ValueError, "2007_000032", (HEIGHT, WIDTH), (WIDTH, HEIGHT)):
        read_voc()


# DAVIS


def test_davis_follows_the_listed_objects_frame_by_frame(read_davis):
    rows = read_davis({"walk": {2: "dog", 1: "person"}})
    assert [(row["instance_id"], row["identity"], row["class_name"], row["frame"]) for row in rows] == [
        ("walk/00000/1", "walk/1", "person", 0),
        ("walk/00000/2", "walk/2", "dog", 0),
        ("walk/00001/1", "walk/1", "person", 1),
        ("walk/00002/1", "walk/1", "person", 2),
    ]
    assert {row["video"] for row in rows} == {"walk"}
    assert [row["image_id"] for row in rows] == ["walk/00000", "walk/00000", "walk/00001", "walk/00002"]
    np.testing.assert_array_equal(mask_of(rows[1]), blob(12, 20, 20, 30))


def test_davis_files_are_where_their_names_say(tmp_path, read_davis):
    rows = read_davis({"walk": {1: "person"}, "bear": {3: "bear"}})
    assert [row["video"] for row in rows] == ["walk"] * 3 + ["bear"]
    assert all(find_image(tmp_path, row["file"]).is_file() for row in rows)


def test_davis_sequence_that_is_in_no_list(davis, read_davis):
    (davis / "JPEGImages" / "480p" / "walk").rename(davis / "JPEGImages" / "480p" / "stroll")
    with raises(ValueError, "'stroll'", davis / "ImageSets" / "2017"):
        read_davis({"stroll": {1: "person"}})


def test_davis_sequence_without_images(davis, read_davis):
    with raises(FileNotFoundError, "'empty'", davis / "JPEGImages" / "480p"):
        read_davis({"empty": {1: "person"}})


@pytest.mark.parametrize("number", [4, 255], ids=["absent", "void"])
def test_davis_object_that_never_appears(read_davis, number):
    with raises(ValueError, "'walk'", "[1, 2, 3]", f"[{number}]"):
        read_davis({"walk": {1: "person", number: "person"}})


def test_davis_mask_missing(davis, read_davis):
    path = davis / "Annotations" / "480p" / "walk" / "00001.png"
    path.unlink()
    with raises(FileNotFoundError, path):
        read_davis({"walk": {1: "person"}})


def test_davis_mask_without_palette(davis, read_davis):
    path = davis / "Annotations" / "480p" / "walk" / "00001.png"
    Image.new("L", (WIDTH, HEIGHT)).save(path)
    with raises(ValueError, path, "mode 'L'"):
        read_davis({"walk": {1: "person"}})


# Folders and files


@pytest.mark.parametrize("file", ["../secret.jpg", "train2017/../../secret.jpg", "/etc/secret.jpg", ".."])
def test_image_outside_its_folder(tmp_path, file):
    with raises(ValueError, repr(file), tmp_path):
        find_image(tmp_path, file)


@pytest.mark.parametrize("file", ["a.jpg", "train2017/a..b.jpg"])
def test_image_inside_its_folder(tmp_path, file):
    assert find_image(tmp_path, file) == tmp_path / file
