"""The figure of surprising pairs: what stands in a row, and what there is room for."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from semlens.compare.nearest import SURPRISING
from semlens.draw.pairs import MAX_CONDITIONS, MAX_PAIRS, choose_pairs, draw_pairs
from semlens.images.crops import Crop
from semlens.images.views import CropBox

NAMES = ["coco, trained", "coco, untrained"]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def make_table(conditions, n=2):
    rows = [
        (condition, kind, rank, f"a{rank}", "cat", f"b{rank}", "cat" if kind.startswith("same") else "dog", rank / 10)
        for condition in conditions
        for kind in SURPRISING
        for rank in range(1, n + 1)
    ]
    columns = ["condition", "kind", "rank", "instance_a", "class_a", "instance_b", "class_b", "distance"]
    return pd.DataFrame(rows, columns=columns)


def draw(tables):
    crop = Crop(Image.new("RGB", (9, 6), "red"), np.ones((6, 9), bool), CropBox(0, 0, 9, 6))
    crops = {("coco", f"{side}{rank}"): crop for side in "ab" for rank in range(1, 10)}
    return draw_pairs(tables, dict.fromkeys(NAMES, "coco"), crops, title="Where?", axis="layers")


def test_both_models_stand_below_each_other_kind_by_kind():
    figure = draw({name: make_table(["enc16.1"]) for name in NAMES})
    labels = [panel.get_ylabel().split("\n") for panel in figure.axes if panel.get_ylabel()]
    assert labels == [[*kind.split(", "), name, "enc16.1"] for kind in SURPRISING for name in NAMES]


def test_a_pair_names_its_classes_and_its_distance():
    figure = draw({NAMES[0]: make_table(["enc16.1"], n=1)})
    captions = [panel.get_xlabel() for panel in figure.axes]
    assert captions == ["cat", "dog  (0.1)", "cat", "cat  (0.1)"]


def test_a_figure_has_room_for_some_pairs_and_conditions():
    conditions = [f"enc{number}" for number in range(5)]
    chosen = choose_pairs({NAMES[0]: make_table(conditions, n=9)})[NAMES[0]]
    assert chosen["rank"].max() == MAX_PAIRS
    shown = chosen["condition"].unique()
    assert (len(shown), shown[0], shown[-1]) == (MAX_CONDITIONS, conditions[0], conditions[-1])


def test_a_dataset_without_pairs_leaves_the_others_theirs():
    chosen = choose_pairs({NAMES[0]: make_table([]), NAMES[1]: make_table(["enc16.1"])})
    assert [len(table) for table in chosen.values()] == [0, 4]


def test_without_pairs_the_figure_says_so():
    figure = draw({NAMES[0]: make_table([])})
    assert [text.get_text() for text in figure.texts] == [
        "no two objects are in different images",
        figure.get_suptitle(),
    ]
