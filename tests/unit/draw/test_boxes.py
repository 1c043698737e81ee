"""Figures by what they show, tables by what is printed."""

import io
import re
from functools import partial
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from semlens.compare.pairs import SETS as KNOWN
from semlens.draw.boxes import draw_boxes
from semlens.draw.curves import draw_curves
from semlens.draw.style import COLOURS, NAMES, format_heading, read_statistics, save_figure
from semlens.draw.tables import describe_sampling, format_table, save_table, tabulate_means, tabulate_tests

SHAPE = ["mean", "std", "min", "whisker_low", "q1", "median", "q3", "whisker_high", "max"]
METRICS = ["cosine", "distance_correlation"]
SETS = ["scsi", "scdi", "dcsi"]


def sets_of(conditions, *, empty=(), sets=SETS, shift=0.0):
    rows = []
    for place, condition in enumerate(conditions):
        for step, name in enumerate(sets):
            low = shift + 0.1 * step + 0.01 * place
            values = [low + 0.05, 0.02, low, low + 0.01, low + 0.03, low + 0.04, low + 0.07, low + 0.09, low + 0.2]
            if (condition, name) in empty:
                values = [np.nan] * len(SHAPE)
            n = 0 if (condition, name) in empty else 1000 * (step + 1) + place
            rows.append({"condition": condition, "set": name, "n": n, **dict(zip(SHAPE, values, strict=True))})
    return pd.DataFrame(rows)


def order_of(conditions, verdict="holds"):
    rows = [{"condition": name, "expected": "", "observed": "", "verdict": verdict} for name in conditions]
    return pd.DataFrame(rows)


def pairs_of(conditions, values):
    """Statistics of one pair of sets, or more: (set_a, set_b, p, log10 p, Dunn index) for every condition."""
    rows = [
        {
            **{"condition": condition, "set_a": a, "set_b": b, "h": 1.0, "p": p, "log10_p": log10_p},
            **{"dunn_table1": dunn, "dunn_eq10": dunn / 100},
        }
        for condition in conditions
        for a, b, p, log10_p, dunn in values
    ]
    return pd.DataFrame(rows)


def panels_of(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def drawn():
    sets = {"voc": sets_of(METRICS), "coco": sets_of(METRICS, empty=[("cosine", "scdi")], shift=0.3)}
    order = {"voc": order_of(METRICS), "coco": order_of(METRICS, "does not hold")}
    return draw_boxes(sets, order, title="Which distance?", axis="metric")


def test_a_title_says_where_quartiles_and_tests_rest_on_a_part():
    whole = sets_of(METRICS)
    whole["n_stored"] = whole["n"]
    part = sets_of(METRICS).assign(n=5_000_000, n_stored=10_010)
    assert describe_sampling({"voc": whole}) == ""
    assert "a random 10,010 of up to 5,000,000 distances" in describe_sampling({"voc": whole, "coco": part})


@pytest.fixture
def written(tmp_path):
    def run(values, title="A title", table=lambda values: tabulate_tests(values, dunn="table1"), axis="metric"):
        paths = {kind: str(tmp_path / f"table.{kind}") for kind in ("csv", "md", "tex", "html")}
        save_table(table(values), partial(format_table, table(values), axis), title=title, **paths)
        return {kind: (tmp_path / f"table.{kind}").read_text() for kind in paths}

    return run


def test_there_is_a_panel_per_dataset_and_condition(drawn):
    panels = panels_of(drawn)
    assert len(panels) == 4
    assert [panel.get_ylabel() for panel in panels] == ["voc\ndistance", "", "coco\ndistance", ""]
    headings = [[text.get_text() for text in panel.texts] for panel in panels]
    assert headings == [["cosine"], ["distance correlation"], [], []]
    assert "as expected" in panels[0].get_title() and "not as expected" not in panels[0].get_title()
    assert "not as expected" in panels[2].get_title()
    assert drawn.get_suptitle() == "Which distance?"


def test_boxes_span_the_quartiles(drawn):
    for place, panel in enumerate(panels_of(drawn)):
        expected = sets_of(METRICS, shift=0.3 * (place // 2))
        expected = expected[expected["condition"] == METRICS[place % 2]].set_index("set")
        shown = {round(box.get_path().get_extents().x0 + 0.325): box.get_path().get_extents() for box in panel.patches}
        for number, box in shown.items():
            assert (box.y0, box.y1) == pytest.approx(tuple(expected.loc[SETS[number], ["q1", "q3"]]))
        ends = {round(value, 6) for line in panel.lines for value in np.atleast_1d(line.get_ydata())}
        for number in shown:
            for name in ("whisker_low", "whisker_high", "median", "mean"):
                assert round(expected.loc[SETS[number], name], 6) in ends


def test_an_empty_set_leaves_its_place(drawn):
    counts = [len(panel.patches) for panel in panels_of(drawn)]
    assert counts == [3, 3, 2, 3]
    without = panels_of(drawn)[2]
    assert [label.get_text() for label in without.get_xticklabels()] == ["scsi\n1,000", "scdi\n0", "dcsi\n3,000"]
    # Whole boxes stand at 0 and 2.
    assert sorted(round(box.get_path().get_extents().x0 + 0.325, 6) for box in without.patches) == [0, 2]
    assert len({panel.get_xlim() for panel in panels_of(drawn)}) == 1


def test_sets_keep_their_colours_though_one_is_empty(drawn):
    full, without = (panels_of(drawn)[place] for place in (0, 2))
    colours = [box.get_facecolor() for box in full.patches]
    assert [box.get_facecolor() for box in without.patches] == [colours[0], colours[2]]
    assert len(set(colours)) == 3


def test_an_experiment_without_any_pair_is_drawn():
    empty = [("cosine", name) for name in SETS]
    figure = draw_boxes(
        {"voc": sets_of(["cosine"], empty=empty)},
        {"voc": order_of(["cosine"], "empty set")},
        title="Nothing",
        axis="metric",
    )
    (panel,) = panels_of(figure)
    assert not panel.patches
    assert panel.get_title() == "a set is empty"


def test_distances_share_a_scale_unless_metrics_differ():
    sets, order = {"voc": sets_of(["0", "50"])}, {"voc": order_of(["0", "50"])}
    shared = panels_of(draw_boxes(sets, order, title="Noise", axis="timestep"))
    assert shared[0].get_ylim() == shared[1].get_ylim()
    sets = {"voc": pd.concat([sets_of(["cosine"]), sets_of(["euclidean"], shift=50)], ignore_index=True)}
    order = {"voc": order_of(["cosine", "euclidean"])}
    own = panels_of(draw_boxes(sets, order, title="Metrics", axis="metric"))
    assert own[0].get_ylim()[1] < 10 < own[1].get_ylim()[0]


def test_curves_follow_the_means():
    offsets = ["1", "5", "10", "40"]
    sets = {
        "davis": sets_of(offsets, sets=["sidi", "scdi"], empty=[("40", "sidi")]),
        "own": sets_of(offsets, sets=["sidi", "scdi"], shift=0.5),
    }
    figure = draw_curves(sets, title="Video", axis="offset")
    panels = panels_of(figure)
    assert [panel.get_ylabel().split("\n")[0] for panel in panels] == ["davis", "own"]
    assert panels[-1].get_xlabel() == "offset (frames)"
    lines = {
        dataset: [(list(line.get_xdata()), list(line.get_ydata())) for line in panel.lines]
        for dataset, panel in zip(sets, panels, strict=True)
    }
    assert [x for x, _ in lines["davis"]] == [[1, 5, 10], [1, 5, 10, 40]]
    assert lines["own"][1][1] == pytest.approx([0.65, 0.66, 0.67, 0.68])
    band = panels[0].collections[0].get_paths()[0].get_extents()
    assert (band.x0, band.x1, band.y0, band.y1) == pytest.approx((1, 10, 0.03, 0.09))


@pytest.mark.parametrize("kind", ["boxes", "curves"])
def test_the_same_bytes_on_two_runs(tmp_path, kind):
    for run in ("one", "two"):
        if kind == "boxes":
            sets, order = {"voc": sets_of(METRICS)}, {"voc": order_of(METRICS)}
            figure = draw_boxes(sets, order, title="Twice", axis="metric")
        else:
            figure = draw_curves({"davis": sets_of(["1", "2"])}, title="Twice", axis="offset")
        save_figure(figure, png=tmp_path / f"{run}.png", pdf=tmp_path / f"{run}.pdf")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")
    for kind in ("png", "pdf"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
    assert not plt.get_fignums()


def test_statistics_are_read_with_conditions_as_text(tmp_path):
    sets_of(["1", "50"]).to_csv(tmp_path / "voc.sets.csv", index=False)
    (frame,) = read_statistics(["voc"], [tmp_path / "voc.sets.csv"]).values()
    assert frame["condition"].unique().tolist() == ["1", "50"]


def test_the_table_has_the_layout_of_table_1():
    voc = pairs_of(["cosine", "euclidean"], [("scsi", "scdi", 0.2, -0.7, 1.5), ("scsi", "dcsi", 0.01, -2.0, 2.5)])
    coco = pairs_of(["cosine", "euclidean"], [("scsi", "scdi", 0.3, -0.5, 3.5), ("scsi", "dcsi", 0.0, -400, 4.5)])
    coco["dunn_table1"] += [0, 0, 10, 10]
    result = tabulate_tests({"voc": voc, "coco": coco}, dunn="table1")
    assert list(result.columns) == [
        ("voc", "cosine"),
        ("voc", "euclidean"),
        ("coco", "cosine"),
        ("coco", "euclidean"),
    ]
    pairs = ["scsi vs. scdi", "scsi vs. dcsi"]
    assert list(result.index) == [(pair, value) for pair in pairs for value in ("p", "log10 p", "Dunn index")]
    np.testing.assert_array_equal(
        result.to_numpy(),
        [
            [0.2, 0.2, 0.3, 0.3],
            [-0.7, -0.7, -0.5, -0.5],
            [1.5, 1.5, 3.5, 13.5],
            [0.01, 0.01, 0.0, 0.0],
            [-2, -2, -400, -400],
            [2.5, 2.5, 4.5, 14.5],
        ],
    )


def test_csv_keeps_the_numbers(written):
    values = {"voc": pairs_of(["cosine"], [("scsi", "scdi", 1.23456789e-7, np.log10(1.23456789e-7), 1.5)])}
    back = pd.read_csv(io.StringIO(written(values)["csv"]), header=[0, 1], index_col=[0, 1])
    pd.testing.assert_frame_equal(back, tabulate_tests(values, dunn="table1"), check_names=False)


@pytest.mark.parametrize(
    ("p", "log10_p", "text", "bold"),
    [
        (0.2, np.log10(0.2), "0.20000", False),
        (0.05, np.log10(0.05), "0.05000", False),
        (0.0499, np.log10(0.0499), "0.04990", True),
        (0.00123, np.log10(0.00123), "0.00123", True),
        (0.0000999, np.log10(0.0000999), ("1.0", "-4"), True),
        (3.2e-7, np.log10(3.2e-7), ("3.2", "-7"), True),
        (1.5e-300, np.log10(1.5e-300), ("1.5", "-300"), True),
        (0.0, -412.3, ("5.0", "-413"), True),
        (np.nan, np.nan, "–", False),
    ],
)
def test_p_values_are_printed_to_be_read(written, p, log10_p, text, bold):
    files = written({"voc": pairs_of(["cosine"], [("scsi", "scdi", p, log10_p, 1.23456789)])})
    marks = {"md": "**{}**", "tex": r"\textbf{{{}}}", "html": "<b>{}</b>"}
    powers = {"md": "{}e{}", "tex": r"${}\times10^{{{}}}$", "html": "{}&thinsp;×&thinsp;10<sup>{}</sup>"}
    shown = text
    for kind, mark in marks.items():
        text = shown if isinstance(shown, str) else powers[kind].format(*shown)
        assert text in files[kind]
        assert (mark.format(text) in files[kind]) == bold
        assert "1.23457" in files[kind] and mark.format("1.23457") not in files[kind]
        assert "log10" not in files[kind]


def test_latex_raises_only_in_mathematics(written):
    tex = written({"voc": pairs_of(["cosine"], [("scsi", "scdi", 0.0, -412.3, 1.5)])})["tex"]
    outside = re.sub(r"\$[^$]*\$", "", tex)
    assert "^" not in outside  # "Missing $ inserted"
    assert "413" in tex


def test_latex_escapes_names(written):
    tex = written({"my_voc": pairs_of(["distance_correlation"], [("scsi", "scdi", 0.2, -0.7, 1.5)])})["tex"]
    assert r"my\_voc" in tex and "distance correlation" in tex and "$S_{scsi}$ vs. $S_{scdi}$" in tex
    assert not re.search(r"(?<!\\)_", re.sub(r"\$[^$]*\$|\\(c?line|begin|end)\S*", "", tex))


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text.append(data.strip())


def parsed(page):
    cells = Cells()
    cells.feed(page)
    return cells


def test_names_in_html_are_text(written):
    page = parsed(written({"my_<i>voc": pairs_of(["<50"], [("scsi", "scdi", 0.01, -2, 1.5)])})["html"])
    assert "i" not in page.tags
    assert "my_<i>voc" in page.text and "<50" in page.text


def test_html_sets_names_of_sets_below_the_line(written):
    page = parsed(written({"my_voc": pairs_of(["distance_correlation"], [("scsi", "scdi", 0.2, -0.7, 1.5)])})["html"])
    assert {"my_voc", "distance correlation", "scsi", "scdi", "0.20000", "1.50000"} <= set(page.text)
    assert {"table", "th", "td", "sub"} <= page.tags


def test_markdown_has_a_row_per_pair_and_value_and_a_column_per_condition(written):
    values = {"voc": pairs_of(["cosine", "euclidean"], [("scsi", "scdi", 0.2, -0.7, 1.5), ("scsi", "dcsi", 1, 0, 2.5)])}
    title, blank, *lines = written(values)["md"].splitlines()
    assert (title, blank) == ("A title", "")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["sets", "value", "voc cosine", "voc euclidean"]
    assert cells[2:] == [
        ["scsi vs. scdi", "p", "0.20000", "0.20000"],
        ["scsi vs. scdi", "Dunn index", "1.50000", "1.50000"],
        ["scsi vs. dcsi", "p", "1.00000", "1.00000"],
        ["scsi vs. dcsi", "Dunn index", "2.50000", "2.50000"],
    ]


def test_the_classical_index_takes_the_place_of_the_other_where_asked_for():
    values = {"voc": pairs_of(["cosine"], [("scsi", "scdi", 0.2, -0.7, 1.5)])}
    for dunn, expected in (("table1", 1.5), ("eq10", 0.015)):
        assert tabulate_tests(values, dunn=dunn).loc[("scsi vs. scdi", "Dunn index"), ("voc", "cosine")] == expected


def test_moments_are_laid_out_as_the_supplements_tables(written):
    """By hand: sets_of puts the mean of its k-th set at 0.05 + 0.1 k, with a deviation of 0.02."""
    values = {"voc": sets_of(["1", "50"], sets=["scsi", "scdi"]), "coco": sets_of(["1", "50"], empty=[("50", "scdi")])}
    numbers = tabulate_means(values)
    assert list(numbers.columns) == [("voc", "1"), ("voc", "50"), ("coco", "1"), ("coco", "50")]
    assert numbers.loc[("scdi", "mean"), ("voc", "50")] == pytest.approx(0.16)
    assert numbers.loc[("scdi", "n"), ("coco", "50")] == 0
    assert np.isnan(numbers.loc[("dcsi", "mean"), ("voc", "1")])  # a set that only coco has
    values = {name: table[table["set"] != "dcsi"] for name, table in values.items()}
    _, _, *lines = written(values, table=tabulate_means, axis="timestep")["md"].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["sets", "value", "voc t = 1", "voc t = 50", "coco t = 1", "coco t = 50"]
    assert cells[2:] == [
        ["scsi", "mean ± std", "0.05000 ± 0.02000", "0.06000 ± 0.02000", "0.05000 ± 0.02000", "0.06000 ± 0.02000"],
        ["scsi", "n", "1,000", "1,001", "1,000", "1,001"],
        ["scdi", "mean ± std", "0.15000 ± 0.02000", "0.16000 ± 0.02000", "0.15000 ± 0.02000", "–"],
        ["scdi", "n", "2,000", "2,001", "2,000", "0"],
    ]


def test_one_distance_has_no_deviation(written):
    one = sets_of(["1"], sets=["sidi"]).assign(n=1, std=np.nan)
    assert "0.05000 ± –" in written({"davis": one}, table=tabulate_means, axis="offset")["md"]


def test_large_counts_are_short_below_their_boxes():
    sets = {"voc": sets_of(["cosine"]).assign(n=[9_999, 243_899, 4_500_000])}
    (panel,) = panels_of(draw_boxes(sets, {"voc": order_of(["cosine"])}, title="Many", axis="metric"))
    assert [label.get_text() for label in panel.get_xticklabels()] == ["scsi\n9,999", "scdi\n244k", "dcsi\n4.5M"]


@pytest.mark.parametrize(
    ("axis", "condition", "expected"),
    [("timestep", "50", "t = 50"), ("offset", "5", "+5"), ("metric", "distance_correlation", "distance correlation")],
)
def test_headings_say_what_a_condition_is(axis, condition, expected):
    assert format_heading(axis, condition) == expected


def test_ten_conditions_are_one_row_per_dataset():
    names = [f"view{number}" for number in range(10)]
    sets = {"voc": sets_of(names), "coco": sets_of(names)}
    figure = draw_boxes(sets, {name: order_of(names) for name in sets}, title="Ten", axis="view")
    rows = {round(panel.get_position().y0, 3) for panel in panels_of(figure)}
    assert len(panels_of(figure)) == 20 and len(rows) == 2


def test_every_set_has_a_colour_and_a_name():
    assert set(COLOURS) == set(NAMES) == set(KNOWN)
