"""Curves follow the means."""

import matplotlib.pyplot as plt
import pytest
from statistics_tables import make_sets

from semlens.draw.curves import draw_curves


def test_curves_follow_the_means():
    offsets = ["1", "5", "10", "40"]
    sets = {
        "davis": make_sets(offsets, sets=["sidi", "scdi"], empty=[("40", "sidi")]),
        "own": make_sets(offsets, sets=["sidi", "scdi"], shift=0.5),
    }
    figure = draw_curves(sets, title="Video", axis="offset", metric="cosine")
    panels = figure.axes
    assert [panel.get_ylabel().split("\n")[0] for panel in panels] == ["davis", "own"]
    assert panels[0].get_ylabel() == "davis\nmean cosine distance"
    assert panels[-1].get_xlabel() == "offset (frames)"
    lines = {
        dataset: [(list(line.get_xdata()), list(line.get_ydata())) for line in panel.lines]
        for dataset, panel in zip(sets, panels, strict=True)
    }
    assert [x for x, _ in lines["davis"]] == [[1, 5, 10], [1, 5, 10, 40]]
    assert lines["own"][1][1] == pytest.approx([0.65, 0.66, 0.67, 0.68])
    band = panels[0].collections[0].get_paths()[0].get_extents()
    assert (band.x0, band.x1, band.y0, band.y1) == pytest.approx((1, 10, 0.04, 0.08))
    plt.close("all")
