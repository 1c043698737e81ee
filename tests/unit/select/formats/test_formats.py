"""Formats are files found by name; a workflow is parsed without what only readers import."""

import subprocess
import sys
from pathlib import Path

import pytest

from semlens.select import formats
from semlens.select.class_names import LABEL_LISTS
from semlens.select.formats import Format, list_formats, load_format


def test_formats_are_found_by_name():
    assert list_formats() == ["coco", "davis", "voc"]
    assert all(isinstance(load_format(name), Format) for name in list_formats())


def test_an_unknown_format_is_refused_with_those_there_are():
    for name in ("kitti", "_rows", "../coco"):
        with pytest.raises(ValueError, match=f"unknown format '{name}'; there are coco, davis, voc"):
            load_format(name)


def test_formats_need_splits_or_sequences():
    assert {name: load_format(name).needs for name in list_formats()} == {
        "coco": ("split",),
        "davis": ("sequences",),
        "voc": ("split",),
    }
    assert [name for name in list_formats() if load_format(name).has_videos] == ["davis"]


def test_what_decides_the_index():
    content = {"splits": ["train", "val"], "sequences": {"walk": {1: "person"}}}
    voc = "d/VOCdevkit/VOC2012"
    assert {name: load_format(name).list_annotation_files("d", **content) for name in list_formats()} == {
        "coco": ["d/annotations/instances_train.json", "d/annotations/instances_val.json"],
        "davis": ["d/DAVIS/ImageSets", "d/DAVIS/Annotations/480p/walk"],
        "voc": [
            f"{voc}/ImageSets/Segmentation/train.txt",
            f"{voc}/ImageSets/Segmentation/val.txt",
            f"{voc}/SegmentationObject",
            f"{voc}/SegmentationClass",
            *(f"{voc}/{name}" for name in LABEL_LISTS),
        ],
    }


def test_formats_import_their_readers_late():
    code = (
        "import sys; from semlens.select.formats import list_formats, load_format\n"
        "assert all(load_format(name).needs for name in list_formats())\n"
        "print(*sys.modules.keys() & {'numpy', 'pandas', 'PIL', 'pycocotools', 'tqdm'})"
    )
    scripts = Path(formats.__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=scripts, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
