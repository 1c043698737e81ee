"""What else it could be is drawn below separation, condition by condition."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from semlens.draw.artefacts import Measurement, draw_artefacts

MODELS = [
    {"name": "trained", "weights": "pretrained", "controls": None},
    {"name": "untrained", "weights": "random", "controls": "trained"},
]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def measure(model="trained", dataset="coco", *, separation=(0.8, 0.6), place=(0.1, 0.9), comparison="between"):
    names = ["mid8", "enc16.1"]
    both = {"condition": names, "comparison": comparison, "separation": separation, "band_low": 0.5, "band_high": 0.9}
    other = pd.DataFrame(both | {"comparison": "inside", "separation": 0.55})
    artefacts = {"condition": names, "place_r2": place, "place_low": 0.0, "place_high": 1.0, "size_r2": 0.3}
    artefacts |= {"size_low": 0.2, "size_high": 0.4, "variance_share": [0.25, 0.75]}
    table = pd.DataFrame(both)
    return Measurement(
        model,
        dataset,
        pd.concat([table, other], ignore_index=True) if comparison == "between" else table,
        pd.DataFrame(artefacts),
    )


def read_lines(panel):
    """The values that lines lead through, by the place on the axis."""
    return [
        dict(line.get_xydata()) for line in panel.lines if line.get_linestyle() in ("-", "--") and len(line.get_xdata())
    ]


def draw(measurements, models=MODELS):
    return draw_artefacts(measurements, models, title="Why", axis="layers")


def test_each_value_has_its_row_in_forward_order():
    separation, place, size, variance = draw([measure()], MODELS[:1]).axes
    assert [label.get_text() for label in variance.get_xticklabels()] == ["enc16.1", "mid8"]
    assert read_lines(separation)[0] == {0: 0.6, 1: 0.8}
    assert read_lines(place)[0] == {0: 0.9, 1: 0.1}
    assert read_lines(size)[0] == {0: 0.3, 1: 0.3}
    assert read_lines(variance)[0] == {0: 0.75, 1: 0.25}


def test_each_dataset_has_its_column_and_each_model_its_line():
    figure = draw([measure(), measure("untrained", separation=(0.5, 0.52)), measure(dataset="voc")])
    assert len(figure.axes) == 8
    assert [panel.get_title() for panel in figure.axes[:2]] == [
        "classes, between images (coco)",
        "classes, between images (voc)",
    ]
    assert read_lines(figure.axes[0])[:2] == [{0: 0.6, 1: 0.8}, {0: 0.52, 1: 0.5}]
    dashes = [line.get_linestyle() for line in figure.axes[0].lines if line.get_linestyle() in ("-", "--")]
    assert dashes == ["-", "--"]


def test_a_value_that_is_missing_leaves_a_gap():
    _, place, *_ = draw([measure(place=(None, 0.9))], MODELS[:1]).axes
    assert read_lines(place)[0] == {0: 0.9}


def test_identity_is_named():
    assert draw([measure(comparison="identity")]).axes[0].get_title() == "identity (coco)"


def test_an_r2_far_below_nothing_does_not_hide_the_rest():
    _, place, *_ = draw([measure(place=(-40.0, 0.9))]).axes
    assert place.get_ylim()[0] == -0.25
