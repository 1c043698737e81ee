"""Which images are studied, in which order, and that asking for more only adds some."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from semlens.config.plan import get_shard_range
from semlens.images.masks import decode_mask
from semlens.select.class_names import COCO_NAMES
from semlens.select.formats import list_formats
from semlens.select.selection import choose_instances, index_dataset, select_images
from semlens.storage.instances import INSTANCES
from semlens.storage.tables import check_table

ALL = {"classes": None, "min_area": 0.01, "min_area_of": "instance", "seed": 0}
SIDE = 20


def rows(*instances):
    """An index of (image id, class_name) or (image id, class_name, area fraction), one instance a row."""
    frame = pd.DataFrame(
        [(*entry, 0.5)[:3] for entry in instances], columns=["image_id", "class_name", "area_fraction"]
    )
    return frame.assign(
        instance_id=[f"{image}/{number}" for number, image in enumerate(frame["image_id"])],
        file="train2017/" + frame["image_id"] + ".jpg",
        video=None,
    )


def stills(*names):
    return rows(*((name, "dog") for name in names))


# Order

MANY = [f"{number:06d}" for number in range(40)]


def test_order_is_a_shuffle_of_all_images_by_the_seed():
    orders = [choose_instances(stills(*MANY), "coco", **{**ALL, "seed": seed})[0] for seed in (0, 0, 1)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != MANY
    assert [sorted(order) for order in orders] == [MANY] * 3


def test_order_does_not_depend_on_the_dataset_nor_on_its_order():
    assert choose_instances(stills(*MANY), "coco", **ALL)[0] == choose_instances(stills(*MANY[::-1]), "other", **ALL)[0]


def test_more_images_do_not_reorder_the_others():
    few, _ = choose_instances(stills(*MANY[:15]), "coco", **ALL)
    many, _ = choose_instances(stills(*MANY), "coco", **ALL)
    assert [image for image in many if image in few] == few


def test_instances_that_do_not_count_do_not_reorder_the_images():
    plain, _ = choose_instances(stills(*MANY), "coco", **ALL)
    noisy = rows(*((name, "dog", area) for name in MANY for area in (0.001, 0.5, 0.3)), ("small", "dog", 0.001))
    assert choose_instances(noisy, "coco", **ALL)[0] == plain


def test_videos_come_frame_by_frame():
    frames = [f"walk/{number:05d}" for number in range(12)] + [f"bear/{number:05d}" for number in range(3)]
    index = stills(*np.repeat(frames, 2)).assign(video=np.repeat(["walk", "bear"], [24, 6]))
    assert choose_instances(index, "davis", **ALL)[0] == frames


# What counts


def test_instances_must_cover_more_than_the_minimum():
    index = rows(("a", "dog", 0.25), ("a", "cat", 0.2500001), ("b", "dog", 0.25), ("c", "dog", 1.0))
    order, chosen = choose_instances(index, "coco", **{**ALL, "min_area": 0.25})
    assert sorted(order) == ["a", "c"]
    assert chosen["instance_id"].tolist() == ["a/1", "c/3"]


def test_only_wanted_classes_count():
    index = rows(("a", "dog"), ("a", "cat"), ("b", "cat"), ("c", "dog"))
    order, chosen = choose_instances(index, "coco", **{**ALL, "classes": ["dog"]})
    assert sorted(order) == ["a", "c"]
    assert chosen["instance_id"].tolist() == ["a/0", "c/3"]


def test_all_classes_count_without_a_list():
    _, chosen = choose_instances(rows(("a", "kite"), ("b", "oven")), "coco", **ALL)
    assert chosen["class_name"].tolist() == ["kite", "oven"]


@pytest.mark.parametrize(("voc", "coco"), COCO_NAMES.items())
def test_class_by_either_name_is_reported_by_the_name_asked_for(voc, coco):
    index = rows(("a", coco), ("b", "dog"))
    assert choose_instances(index, "coco", **{**ALL, "classes": [voc, "dog"]})[1]["class_name"].tolist() == [voc, "dog"]
    assert choose_instances(index, "coco", **{**ALL, "classes": [coco, "dog"]})[1]["class_name"].tolist() == [
        coco,
        "dog",
    ]


@pytest.mark.parametrize("name", COCO_NAMES)
def test_class_of_voc_in_voc_itself(name):
    assert choose_instances(rows(("a", name)), "voc", **{**ALL, "classes": [name]})[1]["class_name"].tolist() == [name]


def test_unknown_class_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"dataset 'coco' .*'unicorn'.* cat, dog$"):
        choose_instances(rows(("a", "dog"), ("b", "cat")), "coco", **{**ALL, "classes": ["dog", "unicorn"]})


@pytest.mark.parametrize("absent", ["sheep", "sofa"])
def test_class_of_voc_may_have_no_instance(absent):
    order, chosen = choose_instances(rows(("a", "dog")), "coco", **{**ALL, "classes": [absent, "dog"]})
    assert order == ["a"]
    assert chosen["class_name"].tolist() == ["dog"]


def test_small_instances_count_beside_a_large_one_where_images_are_judged():
    index = rows(("a", "dog"), ("a", "cat"), ("a", "cow"), ("b", "dog"))
    index["area_fraction"] = [0.3, 0.001, 0.2, 0.1]
    order, chosen = choose_instances(
        index, "coco", **{**ALL, "min_area": 0.15, "min_area_of": "image", "classes": ["dog", "cat"]}
    )
    assert order == ["a"]
    assert chosen["class_name"].tolist() == ["dog", "cat"]
    _, strict = choose_instances(index, "coco", **{**ALL, "min_area": 0.15, "classes": ["dog", "cat"]})
    assert strict["class_name"].tolist() == ["dog"]


@pytest.mark.parametrize("criteria", [{"min_area": 0.5}, {"classes": ["sheep"]}])
def test_selection_of_nothing_is_refused(criteria):
    with pytest.raises(ValueError, match=r"dataset 'coco': no instance"):
        choose_instances(stills("a", "b"), "coco", **{**ALL, **criteria})


# Published lists


@pytest.fixture
def image_list(tmp_path):
    def write(text):
        (tmp_path / "list.csv").write_text(text)
        return tmp_path / "list.csv"

    return write


def test_list_gives_images_and_order_whatever_the_seed(image_list):
    path = image_list("src\nc.jpg\na.jpg\nd.jpg\n")
    for seed in range(5):
        order, _ = choose_instances(stills("a", "b", "c", "d"), "coco", **{**ALL, "seed": seed}, image_list=path)
        assert order == ["c", "a", "d"]


def test_list_of_several_datasets(image_list):
    path = image_list("src,dataset\nb.jpg,coco\nx.jpg,pascal\na.jpg,coco\n")
    assert choose_instances(stills("a", "b", "c"), "mine", **ALL, image_list=path, listed_as="coco")[0] == ["b", "a"]


def test_list_that_repeats_an_image(image_list):
    path = image_list("src\nb.jpg\na.jpg\nb.jpg\n")
    assert choose_instances(stills("a", "b"), "coco", **ALL, image_list=path)[0] == ["b", "a"]


def test_list_whose_datasets_look_like_numbers(image_list):
    path = image_list("src,dataset\nb.jpg,2012\na.jpg,2017\n")
    assert choose_instances(stills("a", "b"), "mine", **ALL, image_list=path, listed_as="2017")[0] == ["a"]


def test_published_image_that_is_not_annotated(image_list):
    path = image_list("src\na.jpg\nz.jpg\n")
    with pytest.raises(ValueError, match=rf"dataset 'coco': 1 of 2 images listed in {re.escape(str(path))}.* z\.jpg"):
        choose_instances(stills("a"), "coco", **ALL, image_list=path)


def test_a_published_list_is_taken_as_it_is_whatever_its_images_show(image_list):
    index = rows(("a", "dog"), ("b", "dog", 0.001), ("c", "dog"))
    assert choose_instances(index, "coco", **ALL, image_list=image_list("src\nc.jpg\nb.jpg\na.jpg\n"))[0] == list("cba")


@pytest.mark.parametrize("text", ["src,dataset\na.jpg,pascal\n", "src\na.jpg\n"], ids=["no such row", "no column"])
def test_list_without_the_dataset(image_list, text):
    path = image_list(text)
    with pytest.raises(ValueError, match=rf"(?s)(?=.*{re.escape(str(path))})(?=.*'coco')"):
        choose_instances(stills("a"), "mine", **ALL, image_list=path, listed_as="coco")


def test_published_name_that_several_images_bear(image_list):
    index = stills("walk/00000", "bear/00000")
    with pytest.raises(ValueError, match=r"00000\.jpg"):
        choose_instances(index, "davis", **ALL, image_list=image_list("src\n00000.jpg\n"))


# Index and manifests of a dataset on disk


def box(x, y, side):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


@pytest.fixture
def coco(tmp_path):
    """Nine images, each with a couch of 64 pixels, a dog of 16 and a speck of 1, as the source that reads them."""
    images = range(1, 10)
    content = {
        "images": [{"id": image, "file_name": f"{image:03d}.jpg", "width": SIDE, "height": SIDE} for image in images],
        "categories": [{"id": 1, "name": "couch"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": 10 * image + kind, "image_id": image, "category_id": class_name, "segmentation": segmentation}
            for image in images
            for kind, class_name, segmentation in [
                (0, 1, box(1, 2, 8)),
                (1, 2, box(12, image, 4)),
                (2, 2, box(0, 0, 1)),
            ]
        ],
    }
    folder = tmp_path / "coco"
    (folder / "annotations").mkdir(parents=True)
    (folder / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    return {"format": "coco", "folder": folder, "options": {"splits": ["train2017"], "sequences": None}}


@pytest.fixture
def davis(tmp_path):
    """A video of twelve frames with two persons, the second only in the even frames."""
    root = tmp_path / "davis" / "DAVIS"
    images, masks = (root / kind / "480p" / "walk" for kind in ("JPEGImages", "Annotations"))
    for folder in (images, masks, root / "ImageSets" / "2017"):
        folder.mkdir(parents=True)
    (root / "ImageSets" / "2017" / "train.txt").write_text("walk\n")
    for number in range(12):
        labels = np.zeros((SIDE, SIDE), dtype=np.uint8)
        labels[2:8, 2:8] = 1
        labels[10:18, 10:18] = 2 * (number % 2 == 0)
        mask = Image.fromarray(labels)
        mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        mask.save(masks / f"{number:05d}.png")
        Image.new("RGB", (SIDE, SIDE)).save(images / f"{number:05d}.jpg")
    sequences = {"walk": {1: "person", 2: "person"}}
    return {"format": "davis", "folder": tmp_path / "davis", "options": {"splits": [], "sequences": sequences}}


@pytest.fixture
def manifest(tmp_path):
    """Index a source and return the path of the manifest of a range of images."""

    def write(source, images, *, image_list=None, **criteria):
        out = tmp_path / f"manifest-{images[0]}-{images[1]}.parquet"
        index_dataset(dataset="mine", **source, out=tmp_path / "index.parquet")
        select_images(
            dataset="mine",
            index=tmp_path / "index.parquet",
            criteria={**ALL, **criteria},
            image_list=image_list,
            images=images,
            out=out,
        )
        return out

    return write


def test_index_has_every_instance_and_keeps_its_contract(tmp_path, coco):
    out = tmp_path / "index.parquet"
    index_dataset(dataset="mine", **coco, out=out)
    frame = pd.read_parquet(out)
    pd.testing.assert_frame_equal(check_table(frame, INSTANCES, out), frame)
    assert len(frame) == 27
    assert set(frame["dataset"]) == {"mine"}
    assert frame.groupby("image_id").size().eq(3).all()
    assert frame[["identity", "video", "frame"]].isna().all(axis=None)
    couch = frame[frame["instance_id"] == "50"].iloc[0]
    assert couch[["image_id", "file", "class_name", "width", "height"]].tolist() == [
        "5",
        "train2017/005.jpg",
        "couch",
        SIDE,
        SIDE,
    ]
    assert couch["area_fraction"] == pytest.approx(64 / SIDE**2)


def test_index_of_videos_has_identities(tmp_path, davis):
    out = tmp_path / "index.parquet"
    index_dataset(dataset="mine", **davis, out=out)
    frame = pd.read_parquet(out)
    pd.testing.assert_frame_equal(check_table(frame, INSTANCES, out), frame)
    assert frame["identity"].value_counts().to_dict() == {"walk/1": 12, "walk/2": 6}
    assert frame["frame"].drop_duplicates().tolist() == list(range(12))


@pytest.mark.parametrize("source", ["coco", "davis"])
def test_index_is_the_same_whatever_is_typed_at_once(request, monkeypatch, tmp_path, source):
    source = request.getfixturevalue(source)
    index_dataset(dataset="mine", **source, out=tmp_path / "at once.parquet")
    monkeypatch.setattr("semlens.select.selection._ROWS_PER_PART", 4)
    index_dataset(dataset="mine", **source, out=tmp_path / "in parts.parquet")
    assert (tmp_path / "in parts.parquet").read_bytes() == (tmp_path / "at once.parquet").read_bytes()


def test_index_of_nothing_is_refused(tmp_path, coco):
    path = coco["folder"] / "annotations" / "instances_train2017.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "annotations": []}))
    with pytest.raises(ValueError, match=rf"dataset 'mine' in {re.escape(str(coco['folder']))}"):
        index_dataset(dataset="mine", **coco, out=tmp_path / "index.parquet")
    assert not (tmp_path / "index.parquet").exists()


@pytest.mark.parametrize("at_once", [1, 100])
def test_index_of_a_repeated_annotation_is_refused(monkeypatch, tmp_path, coco, at_once):
    monkeypatch.setattr("semlens.select.selection._ROWS_PER_PART", at_once)
    path = coco["folder"] / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    content["annotations"].append(content["annotations"][0])
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"annotation 10 stands twice"):
        index_dataset(dataset="mine", **coco, out=tmp_path / "index.parquet")


def test_manifest_has_the_instances_that_count_with_masks(coco, manifest):
    path = manifest(coco, (0, 9), classes=["sofa", "dog"])
    frame = pd.read_parquet(path)
    pd.testing.assert_frame_equal(check_table(frame, INSTANCES, path), frame)
    assert frame["class_name"].value_counts().to_dict() == {"sofa": 9, "dog": 9}
    for row in frame.itertuples():
        x, y, side = (1, 2, 8) if row.class_name == "sofa" else (12, int(row.image_id), 4)
        expected = np.zeros((SIDE, SIDE))
        expected[y : y + side, x : x + side] = 1
        np.testing.assert_array_equal(decode_mask(row.rle, width=row.width, height=row.height), expected)


def test_manifest_drops_other_classes_and_small_instances(coco, manifest):
    frame = pd.read_parquet(manifest(coco, (0, 9), classes=["dog"], min_area=0.01))
    assert sorted(frame["instance_id"]) == [f"{image}1" for image in range(1, 10)]


def test_manifest_follows_the_order_of_the_selection(tmp_path, coco, manifest):
    frame = pd.read_parquet(manifest(coco, (0, 9), seed=4))
    order, _ = choose_instances(pd.read_parquet(tmp_path / "index.parquet"), "mine", **{**ALL, "seed": 4})
    assert list(dict.fromkeys(frame["image_id"])) == order
    assert order != sorted(order)


def test_manifest_follows_the_published_list(coco, manifest, image_list):
    path = image_list("src\n007.jpg\n002.jpg\n005.jpg\n")
    assert pd.read_parquet(manifest(coco, (1, 3), image_list=path))["image_id"].tolist() == ["2", "2", "5", "5"]


@pytest.mark.parametrize("source", ["coco", "davis"])
def test_shards_are_parts_of_the_larger_run(request, source, manifest):
    source = request.getfixturevalue(source)
    first, second, both = (pd.read_parquet(manifest(source, images)) for images in [(0, 3), (3, 8), (0, 8)])
    pd.testing.assert_frame_equal(pd.concat([first, second], ignore_index=True), both)
    assert both["image_id"].nunique() == 8


def test_full_shard_stays_the_same_file_when_more_images_are_asked_for(coco, manifest):
    def shard(images):
        config = {"shard_size": 4, "datasets": {"mine": {"images": images}}}
        return manifest(coco, get_shard_range(config, "mine", "00000")).read_bytes()

    assert shard(4) == shard(9)
    assert shard(3) != shard(4)


def test_manifest_of_a_video_keeps_identities_and_frames(davis, manifest):
    frame = pd.read_parquet(manifest(davis, (2, 4)))
    assert frame[["image_id", "identity", "video", "frame"]].to_numpy().tolist() == [
        ["walk/00002", "walk/1", "walk", 2],
        ["walk/00002", "walk/2", "walk", 2],
        ["walk/00003", "walk/1", "walk", 3],
    ]


@pytest.mark.parametrize("images", [(0, 10), (8, 12)])
def test_fewer_images_than_configured(tmp_path, coco, manifest, images):
    with pytest.raises(ValueError, match=rf"dataset 'mine': .*\b{images[1]}\b.*\b9\b"):
        manifest(coco, images)
    assert not list(tmp_path.glob("manifest*"))


def test_a_list_without_a_header_row_is_refused(tmp_path):
    (tmp_path / "list.csv").write_text("a.jpg\nb.jpg\n")
    rows = {
        "image_id": ["a", "b"],
        "file": ["x/a.jpg", "x/b.jpg"],
        "class_name": "cat",
        "area_fraction": 0.5,
        "video": None,
    }
    with pytest.raises(ValueError, match=r"list\.csv has no header row: it begins with a\.jpg"):
        choose_instances(
            pd.DataFrame(rows),
            "mine",
            classes=None,
            min_area=0,
            min_area_of="instance",
            seed=0,
            image_list=tmp_path / "list.csv",
        )


@pytest.mark.parametrize("format", list_formats())
def test_a_folder_that_is_missing_is_named(tmp_path, format):
    source = {"format": format, "folder": tmp_path / "nowhere", "options": {"splits": ["train"], "sequences": {}}}
    with pytest.raises(FileNotFoundError, match="nowhere"):
        index_dataset(dataset="mine", **source, out=tmp_path / "index.parquet")
