"""Scenes vary from image to image, and an object keeps its look at every size."""

from collections import Counter

import numpy as np

from demo.scenes import Thing, compose_still, draw_thing


def test_splits_show_different_scenes():
    train, val = (compose_still(3, "coco", split, 1) for split in ("train2017", "val2017"))
    assert train.image.tobytes() != val.image.tobytes()


def test_stills_vary_in_size_and_repeat_classes():
    stills = [compose_still(11, "voc", "trainval", number) for number in range(40)]
    counts = [Counter(still.class_names.values()) for still in stills]
    assert all(1 <= count.total() <= 5 for count in counts)
    assert 0.3 < np.mean([max(count.values()) > 1 for count in counts]) < 0.75
    assert np.mean([len(count) > 1 for count in counts]) > 0.7
    assert len(set().union(*counts)) >= 8
    assert len({still.image.size for still in stills}) > 1
    shares = np.array([np.mean(still.labels == label) for still in stills for label in still.class_names])
    assert np.mean((shares > 0.015) & (shares < 0.15)) > 0.6
    assert 0.03 < np.mean(shares < 0.01) < 0.3


def test_same_look_keeps_its_colours_at_every_size():
    tones = []
    for height in (120, 240):
        layer = np.asarray(draw_thing(Thing("person", 8, 0, 0, height)), float)
        tones.append(layer[layer[..., 3] == 255, :3].mean(axis=0))
    other = np.asarray(draw_thing(Thing("person", 9, 0, 0, 240)), float)
    assert np.abs(tones[0] - tones[1]).max() < 6
    assert np.abs(other[other[..., 3] == 255, :3].mean(axis=0) - tones[1]).max() > 12
