"""Boxes show the quartiles, counts and verdicts that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from statistics_tables import SETS, make_order, make_sets

from semlens.draw.boxes import draw_boxes

METRICS = ["cosine", "distance_correlation"]


def list_panels(figure):
    return figure.axes


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def drawn():
    sets = {"voc": make_sets(METRICS), "coco": make_sets(METRICS, empty=[("cosine", "scdi")], shift=0.3)}
    order = {"voc": make_order(METRICS), "coco": make_order(METRICS, "observed")}
    return draw_boxes(sets, order, title="Which distance?", axis="metric")


def test_there_is_a_panel_per_comparison_and_condition(drawn):
    panels = list_panels(drawn)
    assert len(panels) == 4
    assert [panel.get_ylabel() for panel in panels] == ["voc\ndistance", "", "coco\ndistance", ""]
    headings = [[text.get_text() for text in panel.texts] for panel in panels]
    assert headings == [["cosine"], ["distance correlation"], [], []]
    assert [panels[0].get_title(), panels[2].get_title()] == ["order established", "order observed"]
    assert drawn.get_suptitle() == "Which distance?"


def test_boxes_span_the_quartiles(drawn):
    for place, panel in enumerate(list_panels(drawn)):
        expected = make_sets(METRICS, shift=0.3 * (place // 2))
        expected = expected[expected["condition"] == METRICS[place % 2]].set_index("set")
        shown = {round(box.get_path().get_extents().x0 + 0.325): box.get_path().get_extents() for box in panel.patches}
        for number, box in shown.items():
            assert (box.y0, box.y1) == pytest.approx(tuple(expected.loc[SETS[number], ["q1", "q3"]]))
        ends = {round(value, 6) for line in panel.lines for value in np.atleast_1d(line.get_ydata())}
        for number in shown:
            for name in ("whisker_low", "whisker_high", "median", "mean"):
                assert round(expected.loc[SETS[number], name], 6) in ends


def test_an_empty_set_leaves_its_place(drawn):
    counts = [len(panel.patches) for panel in list_panels(drawn)]
    assert counts == [3, 3, 2, 3]
    without = list_panels(drawn)[2]
    assert [label.get_text() for label in without.get_xticklabels()] == ["scsi\n1,000", "scdi\n0", "dcsi\n3,000"]
    # Whole boxes stand at 0 and 2.
    assert sorted(round(box.get_path().get_extents().x0 + 0.325, 6) for box in without.patches) == [0, 2]
    assert len({panel.get_xlim() for panel in list_panels(drawn)}) == 1


def test_sets_keep_their_colours_though_one_is_empty(drawn):
    full, without = (list_panels(drawn)[place] for place in (0, 2))
    colours = [box.get_facecolor() for box in full.patches]
    assert [box.get_facecolor() for box in without.patches] == [colours[0], colours[2]]
    assert len(set(colours)) == 3


def test_an_experiment_without_any_pair_is_drawn():
    empty = [("cosine", name) for name in SETS]
    figure = draw_boxes(
        {"voc": make_sets(["cosine"], empty=empty)},
        {"voc": make_order(["cosine"], "empty")},
        title="Nothing",
        axis="metric",
    )
    (panel,) = list_panels(figure)
    assert not panel.patches
    assert panel.get_title() == "no scsi, scdi, dcsi"


def test_distances_share_a_scale_unless_metrics_differ():
    sets, order = {"voc": make_sets(["0", "50"])}, {"voc": make_order(["0", "50"])}
    shared = list_panels(draw_boxes(sets, order, title="Noise", axis="timestep"))
    assert shared[0].get_ylim() == shared[1].get_ylim()
    sets = {"voc": pd.concat([make_sets(["cosine"]), make_sets(["euclidean"], shift=50)], ignore_index=True)}
    order = {"voc": make_order(["cosine", "euclidean"])}
    own = list_panels(draw_boxes(sets, order, title="Metrics", axis="metric"))
    assert own[0].get_ylim()[1] < 10 < own[1].get_ylim()[0]


def test_large_counts_are_short_below_their_boxes():
    sets = {"voc": make_sets(["cosine"]).assign(n=[9_999, 243_899, 4_500_000])}
    (panel,) = list_panels(draw_boxes(sets, {"voc": make_order(["cosine"])}, title="Many", axis="metric"))
    assert [label.get_text() for label in panel.get_xticklabels()] == ["scsi\n9,999", "scdi\n244k", "dcsi\n4.5M"]


def test_ten_conditions_are_one_row_per_comparison():
    names = [f"view{number}" for number in range(10)]
    sets = {"voc": make_sets(names), "coco": make_sets(names)}
    figure = draw_boxes(sets, {name: make_order(names) for name in sets}, title="Ten", axis="layers")
    rows = {round(panel.get_position().y0, 3) for panel in list_panels(figure)}
    assert len(list_panels(figure)) == 20 and len(rows) == 2


def test_means_have_their_intervals_beside_them(drawn):
    expected = make_sets(METRICS)
    (bars,) = list_panels(drawn)[0].collections
    spans = [(segment[0][1], segment[1][1]) for segment in bars.get_segments()]
    assert spans == [pytest.approx(ends) for ends in expected.loc[:2, ["low", "high"]].to_numpy()]


def test_few_distances_are_points():
    sets = make_sets(["cosine"])
    sets.loc[0, ["n", "few"]] = [3, "0.1 0.2 0.4"]
    (panel,) = list_panels(draw_boxes({"voc": sets}, {"voc": make_order(["cosine"])}, title="Few", axis="metric"))
    assert len(panel.patches) == 2
    points = [line for line in panel.lines if list(line.get_xdata()) == [0, 0, 0]]
    assert [list(line.get_ydata()) for line in points] == [[0.1, 0.2, 0.4]]


@pytest.mark.parametrize("n_conditions", [1, 2, 4, 6, 12])
def test_the_legend_stands_inside_the_figure(n_conditions):
    conditions = [str(number) for number in range(n_conditions)]
    empty = [(condition, name) for condition in conditions for name in SETS]
    figure = draw_boxes(
        {"voc": make_sets(conditions, empty=empty)}, {"voc": make_order(conditions, "empty")}, title="", axis="timestep"
    )
    figure.canvas.draw()
    legend, page = figure.legends[0].get_window_extent(), figure.bbox
    assert legend.x0 >= page.x0
    assert legend.x1 <= page.x1


def test_distances_that_are_all_but_equal_look_equal():
    table = make_sets(["cosine"])
    table[["q1", "median", "q3", "mean", "whisker_low", "whisker_high", "low", "high"]] = 0.7788794
    table.loc[0, "mean"] += 5e-7
    figure = draw_boxes({"voc": table}, {"voc": make_order(["cosine"])}, title="", axis="metric")
    low, high = list_panels(figure)[0].get_ylim()
    assert low < 0.776 < 0.782 < high


def test_the_metric_stands_on_the_axis():
    figure = draw_boxes(
        {"voc": make_sets(["16"])}, {"voc": make_order(["16"])}, title="", axis="layers", metric="cosine"
    )
    assert list_panels(figure)[0].get_ylabel() == "voc\ncosine distance"


def test_views_share_a_panel_and_what_they_do_not_change_is_a_band():
    views = ["hflip", "rot90", "crop_pad"]
    table = pd.concat(
        [
            make_sets(views, sets=["sidi"]),
            *(make_sets(["hflip"], sets=["scsi"]).assign(condition=view) for view in views),
        ]
    )
    figure = draw_boxes({"voc": table}, {"voc": make_order(views)}, title="", axis="view")
    (panel,) = list_panels(figure)
    assert [label.get_text().split("\n")[0] for label in panel.get_xticklabels()] == views
    fixed = make_sets(["hflip"], sets=["scsi"]).iloc[0]
    spans = [patch.get_extents().transformed(panel.transData.inverted()) for patch in panel.patches]
    assert any((span.y0, span.y1) == pytest.approx((fixed["q1"], fixed["q3"])) for span in spans)
    assert len(spans) == len(views) + 1


def test_views_that_change_several_sets_have_panels_of_their_own():
    views = ["hflip", "rot90", "crop_pad"]
    tables = {"voc": make_sets(views), "coco": make_sets(views, sets=["sidi"])}
    figure = draw_boxes(tables, {name: make_order(views) for name in tables}, title="", axis="view")
    panels = list_panels(figure)
    assert len(panels) == 2 * len(views)
    assert [len(panel.patches) for panel in panels] == [3, 3, 3, 1, 1, 1]
    assert [panel.texts[0].get_text() for panel in panels[:3]] == ["hflip", "rot90", "crop pad"]
    assert [label.get_text().split("\n")[0] for label in panels[0].get_xticklabels()] == SETS
