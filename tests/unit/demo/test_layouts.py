"""The synthetic datasets: reproducible, true to the official layouts, and with something to find in them."""

import contextlib
import io
import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from demo.layouts import (
    CROWD_IMAGES,
    WRITERS,
    encode_segmentation,
    measure_signed_area,
    trace_outlines,
    write_coco,
    write_dataset,
    write_davis,
    write_voc,
)
from demo.scenes import compose_still
from semlens.select.class_names import VOC_CLASSES
from semlens.select.formats import load_format

IMAGES = 12
SEQUENCES = {"walk": {1: "person", 2: "person"}, "park": {1: "person", 2: "person", 3: "person"}}


@pytest.fixture(scope="module")
def coco_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco") / "new"
    write_coco(folder, images=IMAGES, seed=3)
    return folder


@pytest.fixture(scope="module")
def coco(coco_folder):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(coco_folder / "annotations" / "instances_train2017.json")


@pytest.fixture(scope="module")
def voc_root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voc") / "new"
    write_voc(folder, images=IMAGES, seed=3)
    return folder / "VOCdevkit" / "VOC2012"


@pytest.fixture(scope="module")
def davis_root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("davis") / "new"
    write_davis(folder, sequences=SEQUENCES, images=20, seed=3)
    return folder / "DAVIS"


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_indexed(path):
    image = Image.open(path)
    assert image.mode == "P"
    palette = np.reshape(image.getpalette(), (256, 3)).tolist()
    assert [palette[index] for index in (0, 1, 2, 8, 255)] == [
        [0] * 3,
        [128, 0, 0],
        [0, 128, 0],
        [64, 0, 0],
        [224, 224, 192],
    ]
    return np.asarray(image)


def read_video(davis_root, sequence):
    """The labels (frame, row, column) of a video."""
    return np.stack([read_indexed(path) for path in sorted((davis_root / "Annotations/480p" / sequence).iterdir())])


def bounding_box(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize(
    ("write", "options"),
    [
        (write_coco, {"images": 3}),
        (write_voc, {"images": 3}),
        (write_davis, {"sequences": {"walk": {1: "person", 4: "dog"}}, "images": 2}),
    ],
)
def test_files_depend_on_the_seed_alone(tmp_path, write, options):
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        write(tmp_path / name, seed=seed, **options)
    first, again, other = (contents(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert first.keys() == other.keys()
    assert all(first[path] != other[path] for path in first if path.suffix in (".jpg", ".png"))


def test_more_images_leave_the_first_ones_alone(tmp_path, coco_folder, voc_root):
    write_coco(tmp_path, images=4, seed=3)
    write_voc(tmp_path, images=4, seed=3)
    for few, many in ((tmp_path / "train2017", coco_folder / "train2017"), (tmp_path / "VOCdevkit/VOC2012", voc_root)):
        images = {path: data for path, data in contents(few).items() if path.suffix != ".txt"}
        assert images and images.items() <= contents(many).items()
    few, many = (
        json.loads((folder / "annotations" / "instances_train2017.json").read_text())
        for folder in (tmp_path, coco_folder)
    )
    assert few["images"] == many["images"][:4]
    assert few["annotations"] == many["annotations"][: len(few["annotations"])]


def test_coco_masks_agree_with_the_painted_instances(coco):
    for number in coco.getImgIds():
        scene = compose_still(3, "coco", "train2017", number, crowd=number in CROWD_IMAGES)
        annotations = coco.imgToAnns[number]
        assert len(annotations) == len(scene.class_names)
        for annotation, label in zip(annotations, scene.class_names, strict=True):
            mask, truth = coco.annToMask(annotation).astype(bool), scene.labels == label
            assert (mask & truth).sum() > 0.95 * (mask | truth).sum()
            assert annotation["area"] == truth.sum()
            left, top, right, bottom = bounding_box(truth)
            assert annotation["bbox"] == [left, top, right - left, bottom - top]


def test_coco_has_official_categories_polygons_and_crowds(coco, coco_folder):
    names = {number: class_name["name"] for number, class_name in coco.cats.items()}
    assert len(names) == 20
    assert names.items() >= {1: "person", 5: "airplane", 18: "dog", 63: "couch", 72: "tv"}.items()
    crowds = [annotation for annotation in coco.anns.values() if annotation["iscrowd"]]
    assert [(crowd["image_id"], crowd["category_id"]) for crowd in crowds] == [(2, 1), (7, 1)]
    assert all(crowd["segmentation"]["size"][0] == coco.imgs[crowd["image_id"]]["height"] for crowd in crowds)
    kinds = Counter(type(annotation["segmentation"]) for annotation in coco.anns.values() if not annotation["iscrowd"])
    assert kinds[list] > kinds[dict] > 0
    for entry in coco.imgs.values():
        assert Image.open(coco_folder / "train2017" / entry["file_name"]).size == (entry["width"], entry["height"])


def test_outlines_enclose_touching_pixels_and_run_backwards_around_holes():
    mask = np.zeros((7, 9), bool)
    mask[1:6, 1:6] = True
    mask[2:5, 2:5] = False
    mask[6, 6] = mask[0, 8] = True
    loops = trace_outlines(mask)
    assert sum(map(measure_signed_area, loops)) == mask.sum()
    assert [measure_signed_area(loop) for loop in loops if measure_signed_area(loop) < 0] == [-9]


def test_run_lengths_go_down_the_columns_and_begin_with_background():
    assert encode_segmentation(np.array([[1, 0], [1, 1]], bool), crowd=True) == {
        "counts": [0, 2, 1, 1],
        "size": [2, 2],
    }
    assert encode_segmentation(np.array([[0, 1], [1, 0]], bool), crowd=True) == {
        "counts": [1, 2, 1],
        "size": [2, 2],
    }


def test_voc_gives_each_object_one_class_and_a_void_border(voc_root):
    names = (voc_root / "ImageSets/Segmentation/trainval.txt").read_text().split()
    assert names == [f"2012_{number:06d}" for number in range(1, IMAGES + 1)]
    for name in names:
        objects = read_indexed(voc_root / "SegmentationObject" / f"{name}.png")
        classes = read_indexed(voc_root / "SegmentationClass" / f"{name}.png")
        scene = compose_still(3, "voc", "trainval", name)
        assert Image.open(voc_root / "JPEGImages" / f"{name}.jpg").size == objects.shape[::-1]
        assert np.array_equal(objects == 255, classes == 255)
        assert {0, *scene.class_names, 255} == set(np.unique(objects))
        for label, class_name in scene.class_names.items():
            assert set(np.unique(classes[objects == label])) == {VOC_CLASSES.index(class_name) + 1}
        # Wherever two labels met, both sides are void; little else is.
        edges = scene.labels[:, 1:] != scene.labels[:, :-1]
        assert (objects[:, 1:][edges] == 255).all() and (objects[:, :-1][edges] == 255).all()
        assert np.mean(objects == 255) < 0.1


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_davis_persons_stay_visible_move_and_change_size(davis_root, sequence):
    video = read_video(davis_root, sequence)
    assert video.shape == (20, 480, 854)
    assert set(np.unique(video)) == {0, *SEQUENCES[sequence]}
    assert Image.open(davis_root / "JPEGImages/480p" / sequence / "00019.jpg").size == (854, 480)
    for label in SEQUENCES[sequence]:
        visible = np.flatnonzero((video == label).mean(axis=(1, 2)) > 0.005)
        assert len(visible) >= 0.9 * len(video)
        left, top, right, bottom = np.array([bounding_box(video[frame] == label) for frame in visible]).T
        assert (bottom - top).max() > 1.3 * (bottom - top).min()
        assert np.ptp(left + right) / 2 > 0.3 * 854
        # Smoothly: no jump from frame to frame.
        assert np.abs(np.diff(left + right) / 2 / np.diff(visible)).max() < 60


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_davis_persons_occlude_each_other(davis_root, sequence):
    def meet(frame):
        boxes = [bounding_box(frame == label) for label in (1, 2)]
        (a0, a1, a2, a3), (b0, b1, b2, b3) = boxes
        return min(a2, b2) > max(a0, b0) and min(a3, b3) > max(a1, b1)

    video = read_video(davis_root, sequence)
    meetings = np.array([meet(frame) for frame in video])
    assert 0 < meetings.sum() < len(video) / 2
    # Someone is hidden in part: less of a person shows than in any frame where they stand apart.
    areas = np.array([[(frame == label).sum() for label in (1, 2)] for frame in video])
    assert (areas[meetings].min(axis=0) < 0.8 * areas[~meetings].min(axis=0)).any()


def test_davis_lists_its_videos(davis_root):
    assert (davis_root / "ImageSets/2017/train.txt").read_text().split() == list(SEQUENCES)


@pytest.mark.parametrize("format", WRITERS)
def test_what_the_demo_draws_is_read(tmp_path, format):
    videos = load_format(format).has_videos
    content = {"splits": [], "sequences": SEQUENCES} if videos else {"splits": ["train"], "sequences": None}
    write_dataset(format, tmp_path, images=2, seed=0, **content)
    rows = list(load_format(format).read_instances(tmp_path, **content))
    assert len({row["image_id"] for row in rows}) == (2 * len(SEQUENCES) if videos else 2)


def test_a_format_that_the_demo_does_not_draw_is_refused(tmp_path):
    with pytest.raises(ValueError, match="draws no dataset of format 'kitti'; it draws coco, voc, davis"):
        write_dataset("kitti", tmp_path, images=1, seed=0, splits=["train"], sequences=None)
    assert not list(tmp_path.iterdir())
