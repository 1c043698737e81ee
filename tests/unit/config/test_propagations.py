"""What follows from a propagation, and what is refused."""

import copy
from pathlib import Path

import numpy as np
import pytest
import yaml
from videos import write_scene, write_video

from semlens.compare.metrics import list_metrics
from semlens.config import propagations
from semlens.config.load import load_configuration

ROOT = Path(__file__).parents[3]
CONFIG = yaml.safe_load("""
models:
  trained: {source: {demo: {}}, resize: letterbox}
  untrained: {source: {demo: {}}, resize: letterbox, weights: random}
  rgb: {source: {baseline: rgb}}
datasets:
  davis:
    format: davis
    source: {demo: {images: 4, seed: 0}}
    sequences: {walk: {1: person}, run: {2: person}}
    exif: apply
    images: 4
  coco: {format: coco, source: {demo: {images: 4, seed: 0}}, split: val, images: 4}
prompts: {empty: "", named: "a {classes}"}
extractions:
  plain: {models: [trained, untrained], datasets: [davis], layers: ["16", enc32.1], timesteps: [0, 50], mask: area}
  rgb: {models: [rgb], datasets: [davis], layers: [baseline]}
experiments: {}
propagations:
  masks: {extraction: plain, datasets: [davis], layers: [enc16.1, "16"], radius: 3}
  colours: {extraction: rgb, datasets: [davis], layers: [baseline]}
""")


def load(**changes):
    config = copy.deepcopy(CONFIG)
    config["propagations"]["masks"] |= changes
    load_configuration(config, ROOT, list_metrics())
    return config


def test_each_model_and_dataset_is_a_run():
    assert propagations.list_propagations(load()) == [
        {"propagation": "masks", "model": "trained", "dataset": "davis"},
        {"propagation": "masks", "model": "untrained", "dataset": "davis"},
        {"propagation": "colours", "model": "rgb", "dataset": "davis"},
    ]
    assert propagations.list_tables(load(), "colours") == ["<results>/propagation/colours/rgb/davis.csv"]


def test_every_video_counts_and_the_first_is_shown():
    config = load()
    assert propagations.list_sequences(config["datasets"].values()) == ["walk", "run"]
    assert propagations.list_shown(config, "colours", "{sequence}.csv") == [
        "<results>/propagation/colours/rgb/davis/walk.csv"
    ]


def test_frames_are_read_as_the_extraction_says_but_at_the_layers_of_the_propagation():
    config = load()
    settings = propagations.get_frame_settings(config, "masks")
    assert settings["layers"] == ["enc16.1", "16"]
    assert settings["timesteps"] == [0, 50]
    options = propagations.get_frame_options(config, "trained", "davis")
    assert options == {"size": 512, "resize": "letterbox", "exif": "apply", "views": ["identity"], "seed": None}


def test_what_decides_masks_has_the_defaults_of_dino():
    expected = {"context": 7, "neighbours": 5, "temperature": 0.1, "mask": "area", "resize": "letterbox"}
    options = propagations.get_propagation_options(load(), "masks", "trained")
    assert options == expected | {"radius": 3, "layer_sets": ["enc16.1", "16"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extraction": "plian"}, r"propagation 'masks' names extraction 'plian' \(did you mean 'plain'"),
        ({"datasets": ["davos"]}, r"propagation 'masks' names dataset 'davos'"),
        ({"datasets": ["coco"]}, r"propagation 'masks' needs videos \(format: davis\); dataset 'coco' has none"),
        ({"layers": ["enc32.2"]}, r"extraction 'plain': .*'enc32.2', but they are not captured; add them to 'layers'"),
        ({"layers": ["enc7.1"]}, r"extraction 'plain': no layer 'enc7.1'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        load(**changes)


def test_texts_that_name_classes_are_refused(monkeypatch):
    monkeypatch.setitem(CONFIG["extractions"]["plain"], "prompt", "named")
    with pytest.raises(ValueError, match=r"propagation 'masks': prompt 'named' names the classes"):
        load()


def test_a_frame_or_mask_that_was_replaced_changes_the_digest(tmp_path):
    write_scene(tmp_path)
    entry = {"format": "davis", "source": {"folder": str(tmp_path)}}
    before = propagations.digest_video(entry, "walk")
    assert propagations.digest_video(entry, "stroll") == "unknown"
    assert propagations.digest_video({"format": "davis", "source": {"demo": {}}}, "walk") is None
    write_video(tmp_path / "other", [np.ones((9, 9), np.uint8)] * 3)
    (tmp_path / "DAVIS/Annotations/480p/walk/00003.png").write_bytes(
        (tmp_path / "other/DAVIS/Annotations/480p/walk/00001.png").read_bytes()
    )
    propagations.digest_files.__globals__["_digest"].cache_clear()
    assert propagations.digest_video(entry, "walk") != before
