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


def list_maps(figure):
    return [panel for panel in figure.axes if {label.get_text() for label in panel.get_yticklabels()} == set(CLASSES)]


def shown(figure, number):
    """Names along the side and the numbers (rows, columns) of one heat map."""
    panel = list_maps(figure)[number]
    values = np.ma.filled(panel.collections[0].get_array(), np.nan).reshape(len(CLASSES), len(CLASSES))
    return [label.get_text() for label in panel.get_yticklabels()], values


def test_near_classes_stand_together_and_maps_share_order_and_scale():
    """The second map has twice the distances of the first: relative to their means they are one."""
    figure = draw_class_distances({"coco": means()}, title="Where?", axis="layers")
    mean = (4 * 1 + 4 * 2 + 8 * 5) / 16
    for number in (0, 1):
        names, values = shown(figure, number)
        assert {frozenset(names[:2]), frozenset(names[2:])} == NEAR
        assert values.diagonal() == pytest.approx([1 / mean] * 4)
        assert [values[0, 1], values[2, 3], values[1, 2]] == pytest.approx([2 / mean, 2 / mean, 5 / mean])
    for panel in list_maps(figure):
        assert panel.collections[0].get_clim() == pytest.approx((1 / mean, 5 / mean))


def test_a_cell_of_classes_that_never_met_is_crossed_out_and_the_tree_stays():
    figure = draw_class_distances(
        {"coco": means(missing={("bus", "cow"), ("cow", "bus")})}, title="Where?", axis="layers"
    )
    names, values = shown(figure, 0)
    assert {frozenset(names[:2]), frozenset(names[2:])} == NEAR
    assert np.isnan(values).sum() == 2
    first = list_maps(figure)[0]
    assert len(first.lines) == 2
    assert any(panel.collections for panel in figure.axes if panel not in list_maps(figure))


@pytest.mark.parametrize("classes", [["bus"], ["bus", "cow"]])
def test_fewer_than_three_classes_have_no_tree(classes):
    table = means()
    table = table[table["class_a"].isin(classes) & table["class_b"].isin(classes)]
    figure = draw_class_distances({"coco": table}, title="Where?", axis="layers")
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == classes


def test_classes_of_which_nothing_is_known_are_drawn():
    table = means().assign(mean=np.nan)
    assert draw_class_distances({"coco": table}, title="Where?", axis="layers").axes


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


def test_of_many_classes_ten_are_named_and_the_others_are_grey():
    names = [f"class {number:02}" for number in range(15)]
    counts = [20 - number for number in range(15)]
    rng = np.random.default_rng(0)
    total = sum(counts)
    positions = pd.DataFrame(
        {
            "condition": "enc16.1",
            "class_name": np.repeat(names, counts),
            "x": rng.standard_normal(total),
            "y": rng.standard_normal(total),
            "explained": 0.4,
        }
    )
    figure = draw_pca({"coco": positions}, title="", axis="layers")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*names[:10], "5 others"]
    parts = [np.asarray(part.get_offsets()) for part in figure.axes[0].collections]
    assert len(parts[0]) == sum(counts[10:]) and sum(map(len, parts)) == total
