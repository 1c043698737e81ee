"""Figures of classes show the numbers that they are given, near classes side by side."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from semlens.draw.class_maps import draw_class_distances, draw_pca

NEAR = {frozenset(("cow", "horse")), frozenset(("bus", "car"))}
CLASSES = ["bus", "cow", "car", "horse"]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def means(missing=()):
    rows = [
        {
            "condition": condition,
            "class_a": a,
            "class_b": b,
            "n": 0 if (a, b) in missing else 3,
            "mean": np.nan if (a, b) in missing else factor * (1 if a == b else 2 if {a, b} in NEAR else 5),
        }
        for condition, factor in (("enc16.1", 1), ("dec16.1", 2))
        for a in CLASSES
        for b in CLASSES
    ]
    return pd.DataFrame(rows)


def shown(figure, number):
    """Names along the side and the numbers (rows, columns) of one heat map."""
    panel = [panel for panel in figure.axes if {label.get_text() for label in panel.get_yticklabels()} == set(CLASSES)][
        number
    ]
    values = np.ma.filled(panel.collections[0].get_array(), np.nan).reshape(len(CLASSES), len(CLASSES))
    return [label.get_text() for label in panel.get_yticklabels()], values


def test_near_classes_stand_together_with_their_distances():
    figure = draw_class_distances({"coco": means()}, title="Where?", axis="layers")
    for number, factor in ((0, 1), (1, 2)):
        names, values = shown(figure, number)
        assert {frozenset(names[:2]), frozenset(names[2:])} == NEAR
        assert values.diagonal().tolist() == [factor] * 4
        assert values[0, 1] == values[2, 3] == 2 * factor and values[1, 2] == 5 * factor


def test_classes_that_never_met_stand_as_they_come():
    figure = draw_class_distances(
        {"coco": means(missing={("bus", "cow"), ("cow", "bus")})}, title="Where?", axis="layers"
    )
    names, values = shown(figure, 0)
    assert names == sorted(CLASSES)
    assert np.isnan(values).sum() == 2


def test_pca_has_a_panel_per_comparison_and_condition_and_every_object():
    rng = np.random.default_rng(0)
    positions = pd.DataFrame(
        {
            "condition": np.repeat(["enc16.1", "dec16.1"], 8),
            "instance_id": [f"i{number}" for number in range(16)],
            "class_name": np.tile(CLASSES, 4),
            "x": rng.standard_normal(16),
            "y": rng.standard_normal(16),
            "explained": 0.42,
        }
    )
    figure = draw_pca({"coco, trained": positions, "coco, untrained": positions}, title="Where?", axis="layers")
    panels = [panel for panel in figure.axes if panel.collections]
    assert len(panels) == 4
    assert [panel.get_ylabel() for panel in panels[::2]] == ["coco, trained", "coco, untrained"]
    assert "42%" in panels[0].get_title()
    drawn = np.concatenate([np.asarray(part.get_offsets()) for part in panels[1].collections])
    expected = positions[positions["condition"] == "dec16.1"][["x", "y"]].to_numpy()
    assert {tuple(row) for row in np.round(drawn, 9)} == {tuple(row) for row in np.round(expected, 9)}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == sorted(CLASSES)
