"""Tables hold what is printed."""

import io
import re
from functools import partial
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from statistics_tables import make_separation, make_sets, make_tasks, make_tests

from semlens.draw.style import apply_style, save_figure
from semlens.draw.tables import (
    MARKUP,
    describe_sampling,
    format_table,
    save_table,
    tabulate_means,
    tabulate_separation,
    tabulate_tasks,
    tabulate_tests,
)

METRICS = ["cosine", "distance_correlation"]


def test_a_title_names_a_sample_where_quartiles_and_tests_use_one():
    whole = make_sets(METRICS)
    whole["n_stored"] = whole["n"]
    part = make_sets(METRICS).assign(n=5_000_000, n_stored=10_010)
    assert describe_sampling({"voc": whole}) == ""
    assert "10,010 of up to 5,000,000 distances" in describe_sampling({"voc": whole, "coco": part})


@pytest.fixture
def written(tmp_path):
    def run(values, title="A title", table=lambda values: tabulate_tests(values, dunn="table1"), axis="metric", **more):
        paths = {kind: str(tmp_path / f"table.{kind}") for kind in ("csv", "md", "tex", "html")}
        save_table(table(values), partial(format_table, table(values), axis), title=title, files=paths, **more)
        return {kind: (tmp_path / f"table.{kind}").read_text() for kind in paths}

    return run


def test_the_table_has_the_layout_of_table_1():
    voc = make_tests(["cosine", "euclidean"], [("scsi", "scdi", 0.2, -0.7, 1.5), ("scsi", "dcsi", 0.01, -2.0, 2.5)])
    coco = make_tests(["cosine", "euclidean"], [("scsi", "scdi", 0.3, -0.5, 3.5), ("scsi", "dcsi", 0.0, -400, 4.5)])
    coco["dunn_table1"] += [0, 0, 10, 10]
    result = tabulate_tests({"voc": voc, "coco": coco}, dunn="table1")
    assert list(result.columns) == [
        ("voc", "cosine"),
        ("voc", "euclidean"),
        ("coco", "cosine"),
        ("coco", "euclidean"),
    ]
    pairs = ["scsi vs. scdi", "scsi vs. dcsi"]
    assert list(result.index) == [
        (pair, value) for pair in pairs for value in ("p", "log10 p", "Dunn index", "low", "high")
    ]
    np.testing.assert_array_equal(
        result.drop(["low", "high"], level="value").to_numpy(),
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
    values = {"voc": make_tests(["cosine"], [("scsi", "scdi", 1.23456789e-7, np.log10(1.23456789e-7), 1.5)])}
    back = pd.read_csv(io.StringIO(written(values)["csv"]), header=[0, 1], index_col=[0, 1])
    pd.testing.assert_frame_equal(back, tabulate_tests(values, dunn="table1"), check_names=False)


@pytest.mark.parametrize(
    ("p", "log10_p", "text"),
    [
        (0.2, np.log10(0.2), "0.20000"),
        (0.0499, np.log10(0.0499), "0.04990"),
        (0.00123, np.log10(0.00123), "0.00123"),
        (0.0000999, np.log10(0.0000999), ("1.0", "-4")),
        (1.5e-300, np.log10(1.5e-300), ("1.5", "-300")),
        (0.0, -412.3, ("5.0", "-413")),
        (np.nan, np.nan, "–"),
    ],
)
def test_p_values_are_printed_to_be_read_and_stand_out_nowhere(written, p, log10_p, text):
    files = written({"voc": make_tests(["cosine"], [("scsi", "scdi", p, log10_p, 1.23456789)])})
    marks = {"md": "**", "tex": r"\textbf", "html": "<b>"}
    powers = {"md": "{}e{}", "tex": r"${}\times10^{{{}}}$", "html": "{}&thinsp;×&thinsp;10<sup>{}</sup>"}
    for kind, mark in marks.items():
        assert (text if isinstance(text, str) else powers[kind].format(*text)) in files[kind]
        assert mark not in files[kind]
        assert "1.23457" in files[kind] and "log10" not in files[kind] and "descriptive" in files[kind]


def test_latex_raises_only_in_mathematics(written):
    tex = written({"voc": make_tests(["cosine"], [("scsi", "scdi", 0.0, -412.3, 1.5)])})["tex"]
    outside = re.sub(r"\$[^$]*\$", "", tex)
    assert "^" not in outside  # "Missing $ inserted"
    assert "413" in tex


def test_latex_escapes_names(written):
    tex = written({"my_voc": make_tests(["distance_correlation"], [("scsi", "scdi", 0.2, -0.7, 1.5)])})["tex"]
    assert r"my\_voc" in tex and "distance correlation" in tex and "$S_{scsi}$ vs. $S_{scdi}$" in tex
    assert not re.search(r"(?<!\\)_", re.sub(r"\$[^$]*\$|\\(c?line|begin|end)\S*", "", tex))


def test_a_percent_sign_begins_no_comment_in_latex(tmp_path):
    values = pd.DataFrame({"95 % interval": ["0.1 to 0.2"], r"done \%": ["5 %"]}, index=["a"])
    files = {form: tmp_path / f"table.{form}" for form in ("csv", "md", "tex", "html")}
    save_table(values, lambda _: values, title="Shares in %", files=files)
    tex, markdown = files["tex"].read_text(), files["md"].read_text()
    assert tex.count(r"\%") == tex.count("%") == 3 and r"\\%" not in tex
    assert "95 % interval" in markdown


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
    page = parsed(written({"my_<i>voc": make_tests(["<50"], [("scsi", "scdi", 0.01, -2, 1.5)])})["html"])
    assert "i" not in page.tags
    assert "my_<i>voc" in page.text and "<50" in page.text


def test_html_sets_names_of_sets_below_the_line(written):
    page = parsed(written({"my_voc": make_tests(["distance_correlation"], [("scsi", "scdi", 0.2, -0.7, 1.5)])})["html"])
    assert {"my_voc", "distance correlation", "scsi", "scdi", "0.20000", "1.50000"} <= set(page.text)
    assert {"table", "th", "td", "sub"} <= page.tags


def test_markdown_has_a_row_per_pair_and_value_and_a_column_per_condition(written):
    values = {
        "voc": make_tests(["cosine", "euclidean"], [("scsi", "scdi", 0.2, -0.7, 1.5), ("scsi", "dcsi", 1, 0, 2.5)])
    }
    title, blank, *lines = written(values)["md"].splitlines()
    assert (title, blank) == ("A title", "")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["sets", "value", "voc cosine", "voc euclidean"]
    assert cells[2:] == [
        ["scsi vs. scdi", "p (descriptive)", "0.20000", "0.20000"],
        ["scsi vs. scdi", "Dunn index", "1.50000", "1.50000"],
        ["scsi vs. scdi", "95 % interval", "1.000 to 2.000", "1.000 to 2.000"],
        ["scsi vs. dcsi", "p (descriptive)", "1.00000", "1.00000"],
        ["scsi vs. dcsi", "Dunn index", "2.50000", "2.50000"],
        ["scsi vs. dcsi", "95 % interval", "2.000 to 3.000", "2.000 to 3.000"],
    ]


def test_the_dunn_index_is_the_one_that_is_asked():
    values = {"voc": make_tests(["cosine"], [("scsi", "scdi", 0.2, -0.7, 1.5)])}
    for dunn, expected in (("table1", 1.5), ("eq10", 0.015)):
        assert tabulate_tests(values, dunn=dunn).loc[("scsi vs. scdi", "Dunn index"), ("voc", "cosine")] == expected


def test_means_are_laid_out_as_the_supplements_tables(written):
    """By hand: make_sets puts the mean of its k-th set at 0.05 + 0.1 k, with a deviation of 0.02."""
    values = {
        "voc": make_sets(["1", "50"], sets=["scsi", "scdi"]),
        "coco": make_sets(["1", "50"], empty=[("50", "scdi")]),
    }
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
        ["scsi", "95 % interval", "0.040 to 0.060", "0.050 to 0.070", "0.040 to 0.060", "0.050 to 0.070"],
        ["scsi", "n", "1,000", "1,001", "1,000", "1,001"],
        ["scsi", "Shapiro-Wilk p", "0.250", "0.250", "0.250", "0.250"],
        ["scdi", "mean ± std", "0.15000 ± 0.02000", "0.16000 ± 0.02000", "0.15000 ± 0.02000", "–"],
        ["scdi", "95 % interval", "0.140 to 0.160", "0.150 to 0.170", "0.140 to 0.160", "–"],
        ["scdi", "n", "2,000", "2,001", "2,000", "0"],
        ["scdi", "Shapiro-Wilk p", "0.250", "0.250", "0.250", "–"],
    ]


def test_one_distance_has_no_deviation(written):
    one = make_sets(["1"], sets=["sidi"]).assign(n=1, std=np.nan)
    assert "0.05000 ± –" in written({"davis": one}, table=tabulate_means, axis="offset")["md"]


def test_separation_has_its_interval_and_what_cannot_be_told_from_the_best_is_bold(written):
    inside = make_separation(["16", "64"], comparison="inside", separation=None)
    values = {"coco": pd.concat([make_separation(["16", "64"], best=["16"]), inside])}
    _, _, *lines = written(values, table=tabulate_separation, axis="layers")["md"].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[2:] == [
        ["between images", "separation", "**0.750**", "0.750"],
        ["between images", "95 % interval", "0.700 to 0.800", "0.700 to 0.800"],
        ["between images", "p", "0.001", "0.001"],
        ["between images", "objects", "1,234", "1,234"],
        ["between images", "images", "99", "99"],
        ["between images", "classes", "7", "7"],
    ]  # nothing of inside images, where no class counts


def test_lines_that_say_nothing_are_left_out(written):
    values = {"voc": make_separation(["hflip"], comparison="identity").assign(p_adjusted=np.nan)}
    text = written(values, table=tabulate_separation, axis="view")["md"]
    assert "identity" in text and "| p " not in text


def test_a_table_of_nothing_is_written(written):
    values = {"voc": make_separation(["16"], separation=None)}
    files = written(values, table=tabulate_separation, axis="layers", nothing="Nothing at all.")
    assert all("Nothing at all." in files[form] for form in ("md", "tex", "html")) and "<table" not in files["html"]


@pytest.mark.parametrize(
    ("form", "escaped"),
    [
        ("tex", r"a\&b 5\% \#1 \$x\_y\$ \{\} \textasciitilde{}\textasciicircum{}\textbackslash{}n | c"),
        ("md", r"a&amp;b 5% #1 $x_y$ {} ~^\\n \| c"),
        ("html", "a&amp;b 5% #1 $x_y$ {} ~^\\n | c"),
    ],
)
def test_names_keep_what_they_are_in_every_markup(form, escaped):
    assert MARKUP[form].escape("a&b 5% #1 $x_y$ {} ~^\\n | c") == escaped


def test_dollars_in_a_title_are_no_mathematics(tmp_path):
    with apply_style():
        figure = plt.figure()
        figure.suptitle("from $5^ to $6^")
        save_figure(figure, png=tmp_path / "f.png", pdf=tmp_path / "f.pdf")
    assert (tmp_path / "f.png").stat().st_size > 0


def test_every_measure_of_a_task_has_its_lines(written):
    itself = make_tasks(["16", "64"], task="reidentification", measure="rank_1", target="identity")
    values = {"coco": pd.concat([make_tasks(["16", "64"], best=["16"]), itself])}
    _, _, *lines = written(values, table=tabulate_tasks, axis="layers")["md"].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert rows == [
        ["retrieval: average precision", "value", "**0.500**", "0.500"],
        ["retrieval: average precision", "95 % interval", "0.400 to 0.600", "0.400 to 0.600"],
        ["retrieval: average precision", "chance", "0.250", "0.250"],
        ["retrieval: average precision", "p", "0.010", "0.010"],
        ["retrieval: average precision", "objects", "1,234", "1,234"],
        ["retrieval: average precision", "images", "99", "99"],
        ["retrieval: average precision", "classes", "7", "7"],
        ["reidentification of the object itself: rank 1", "value", "0.500", "0.500"],
        ["reidentification of the object itself: rank 1", "95 % interval", "0.400 to 0.600", "0.400 to 0.600"],
        ["reidentification of the object itself: rank 1", "chance", "0.250", "0.250"],
        ["reidentification of the object itself: rank 1", "objects", "1,234", "1,234"],
        ["reidentification of the object itself: rank 1", "images", "99", "99"],
        ["reidentification of the object itself: rank 1", "classes", "7", "7"],
    ]
