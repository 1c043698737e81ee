"""The figure of neighbours: who is shown, and how right and wrong ones are told apart."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from semlens.draw.neighbours import MAX_CLASSES, MAX_CONDITIONS, choose_neighbours, draw_neighbours
from semlens.images.crops import Crop
from semlens.images.views import CropBox

NAMES = ["coco, trained", "coco, untrained"]
DATASETS = dict.fromkeys(NAMES, "coco")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def make_table(conditions, classes):
    """Each class has one neighbour of its own and one of another class."""
    rows = [
        (condition, f"{name}0", name, rank, other, other[:-1], rank / 10)
        for condition in conditions
        for name in classes
        for rank, other in enumerate([f"{name}1", "dog1" if name != "dog" else "cat1"], start=1)
    ]
    columns = ["condition", "instance_a", "class_a", "rank", "instance_b", "class_b", "distance"]
    return pd.DataFrame(rows, columns=columns)


def make_crops(tables):
    mask = np.zeros((6, 9), bool)
    mask[2:4, 3:6] = True
    names = {name for table in tables.values() for side in "ab" for name in table[f"instance_{side}"]}
    return {("coco", name): Crop(Image.new("RGB", (9, 6), "red"), mask, CropBox(0, 0, 9, 6)) for name in names}


def draw(tables):
    return draw_neighbours(tables, DATASETS, make_crops(tables), title="Where?", axis="layers")


def test_trained_stands_above_untrained_class_by_class():
    figure = draw({name: make_table(["enc16.1", "mid8"], ["cat", "dog"]) for name in NAMES})
    labels = [panel.get_ylabel().split("\n") for panel in figure.axes if panel.get_ylabel()]
    assert labels == [
        [class_name, name, layer] for class_name in ("cat", "dog") for layer in ("enc16.1", "mid8") for name in NAMES
    ]


def test_right_and_wrong_differ_by_more_than_colour():
    figure = draw({NAMES[0]: make_table(["enc16.1"], ["cat"])})
    _, right, wrong = figure.axes
    assert (right.get_xlabel(), right.patches[0].get_linestyle()) == ("\N{CHECK MARK}", "-")
    assert (wrong.get_xlabel(), wrong.patches[0].get_linestyle()) == ("\N{MULTIPLICATION X} dog", "--")


def test_a_figure_has_room_for_some_classes_and_conditions():
    classes = [f"class{number}" for number in range(20)]
    conditions = [f"enc{number}" for number in range(9)]
    chosen = choose_neighbours({NAMES[0]: make_table(conditions, classes)})[NAMES[0]]
    assert list(chosen["class_a"].unique()) == classes[:MAX_CLASSES]
    shown = chosen["condition"].unique()
    assert len(shown) == MAX_CONDITIONS
    assert (shown[0], shown[-1]) == (conditions[0], conditions[-1])


def test_a_dataset_without_neighbours_leaves_the_others_theirs():
    tables = {NAMES[0]: make_table([], []), NAMES[1]: make_table(["enc16.1"], ["cat"])}
    assert [len(table) for table in choose_neighbours(tables).values()] == [0, 2]


def test_objects_without_neighbours_give_a_figure_that_says_so():
    figure = draw({NAMES[0]: make_table([], [])})
    assert [text.get_text() for text in figure.texts] == ["no class has objects in two images", figure.get_suptitle()]
