"""What features are good for is drawn condition by condition, a row per task."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from statistics_tables import make_tasks

from semlens.draw.tasks import Measurement, draw_tasks

MODELS = [
    {"name": "trained", "weights": "pretrained", "controls": None},
    {"name": "untrained", "weights": "random", "controls": "trained"},
]
LAYERS = ["mid8", "enc16.1"]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def draw(measurements):
    return draw_tasks(measurements, MODELS, title="Good for what", axis="layers")


def measure(model="trained", dataset="coco", **options):
    tables = [make_tasks(LAYERS, task="knn", measure="accuracy", **options), make_tasks(LAYERS, **options)]
    return Measurement(model, dataset, pd.concat(tables))


def test_each_task_has_a_row_and_each_dataset_a_column():
    figure = draw([measure(), measure("untrained"), measure(dataset="voc")])
    assert [panel.get_ylabel() for panel in figure.axes] == ["retrieval\n(mAP)", "", "vote of 20\n(accuracy)", ""]
    assert [panel.get_title() for panel in figure.axes[:2]] == ["coco", "voc"]
    assert [label.get_text() for label in figure.axes[2].get_xticklabels()] == ["enc16.1", "mid8"]


def test_marks_are_filled_where_a_condition_is_tied_with_the_best():
    panel = draw([measure(best=["mid8"])]).axes[0]
    marks = [line for line in panel.lines if line.get_marker() == "o"]
    faces = {tuple(line.get_xdata()): line.get_markerfacecolor() for line in marks}
    assert faces == {(1,): "C0", (0,): "white"}


def test_chance_is_dotted():
    panel = draw([measure()]).axes[0]
    (dotted,) = [line for line in panel.lines if line.get_linestyle() == ":"]
    assert dotted.get_ydata().tolist() == [0.25, 0.25]


def test_a_single_condition_has_its_chance_along_the_panel():
    one = Measurement("trained", "coco", make_tasks(["mid8"]))
    dotted = [line for line in draw([one]).axes[0].lines if line.get_linestyle() == ":"]
    assert [0, 1] in [list(line.get_xdata()) for line in dotted]


def test_a_task_without_any_value_has_no_row():
    other = make_tasks(LAYERS, task="knn", measure="accuracy", value=None)
    (panel,) = draw([Measurement("trained", "coco", pd.concat([make_tasks(LAYERS), other]))]).axes
    assert panel.get_ylabel() == "retrieval\n(mAP)"


def test_where_nothing_has_a_value_the_figure_says_so():
    figure = draw([measure(value=None)])
    assert not figure.axes and "no class has objects in 5 images (videos)" in {text.get_text() for text in figure.texts}
