"""The figure of a search and its table: every size, what is tied, what other images say, and the layers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from layer_vectors import multiply, plant_layers

from semlens.draw.search import Found, draw_search, list_best_of_sizes, list_layers, read_searches, split_layers
from semlens.draw.search_table import format_searches, tabulate_searches
from semlens.draw.tables import MARKUP
from semlens.statistics.search import Options, search
from semlens.statistics.search_tables import (
    SEARCH_SUMMARY,
    SEARCH_TABLE,
    summarize_search,
    tabulate_search,
)
from semlens.storage.tables import write_csv

MODELS = [
    {"name": "trained", "weights": "pretrained", "controls": None},
    {"name": "untrained", "weights": "random", "controls": "trained"},
]


def find(model, n_layers=4, dataset="coco", **planted):
    _, labels, layers = plant_layers(0, n_layers, images=planted.pop("images", 60), **planted)
    products = multiply(layers)
    found, told = search(products, "euclidean", labels, Options("classes", 2, 0, n_anchors=40, n_exact=5))
    summary = summarize_search(products, "euclidean", found, told, labels, len(labels))
    return Found(model, dataset, tabulate_search(products, "euclidean", found, told), summary)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def found():
    return [find("trained", signal=(0, 2)), find("untrained")]


def read_marks(panel, marker):
    lines = [line for line in panel.lines if line.get_marker() == marker]
    return sorted((float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True))


def test_the_best_subset_of_each_size_is_drawn_with_its_exact_value(found):
    figure = draw_search(found, MODELS, title="Which?")
    curves, *_ = figure.axes
    best = list_best_of_sizes(found[0].table)
    assert list(best["n_layers"]) == [1, 2, 3, 4] and best.loc[best["exact"].idxmax(), "layers"] == "l0+l2"
    marks = read_marks(curves, "o")
    np.testing.assert_allclose([y for _, y in marks], best["exact"])
    np.testing.assert_allclose([x for x, _ in marks], [1, 2, 3, 4], atol=0.2)
    assert len(read_marks(curves, "s")) == 4
    assert figure.get_suptitle() == "Which?"


def test_filled_marks_are_tied_with_the_best_and_diamonds_stand_where_the_choices_do(found):
    curves = draw_search(found[:1], MODELS, title="").axes[0]
    filled = [line for line in curves.lines if line.get_marker() == "o" and line.get_markerfacecolor() != "white"]
    best = list_best_of_sizes(found[0].table)
    assert sum(len(line.get_xdata()) for line in filled) == best["among_best"].sum() < 4
    told = found[0].summary.set_index("choice")["elsewhere"]
    diamonds = read_marks(curves, "D")
    np.testing.assert_allclose([x for x, _ in diamonds], [1, 2, 4], atol=0.4)
    np.testing.assert_allclose([y for _, y in diamonds], told[["best single layer", "best", "all layers"]])


@pytest.mark.parametrize(("single", "count"), [(0.9, 2), (0.8, 1)])
def test_choices_of_one_size_have_a_diamond_each_unless_they_are_worth_the_same(found, single, count):
    values = {"best": 0.8, "smallest tied": 0.8, "best single layer": single, "all layers": np.nan}
    summary = found[0].summary.assign(n_layers=1, elsewhere=found[0].summary["choice"].map(values))
    panel = draw_search([found[0]._replace(summary=summary)], MODELS, title="").axes[0]
    diamonds = read_marks(panel, "D")
    assert [y for _, y in diamonds] == [0.8, 0.9][:count]
    assert len({x for x, _ in diamonds}) == count
    assert all(1 < x < 1.5 for x, _ in diamonds)


def test_the_layers_of_the_best_subsets_are_named_below_for_each_model(found):
    figure = draw_search(found, MODELS, title="")
    below = figure.axes[1]
    assert [label.get_text() for label in below.get_yticklabels()] == ["l0", "l1", "l2", "l3"]
    assert [panel.get_title(loc="left") for panel in figure.axes[1:3]] == ["trained", "untrained"]
    of_two = {y for x, y in read_marks(below, "o") if x == 2}
    assert of_two == {0, 2}


def test_each_dataset_has_a_panel(found):
    other = [find("trained", dataset="voc", signal=(1,)), find("untrained", dataset="voc")]
    titles = [panel.get_title() for panel in draw_search([*found, *other], MODELS, title="").axes]
    assert [title.split(":")[0] for title in titles if title] == ["coco, euclidean", "voc, euclidean"]


def test_sums_of_layers_are_parts_of_a_subset():
    assert split_layers("64+32+16", ["16", "64+32"]) == ["64+32", "16"]
    assert split_layers("enc16.1+mid8", ["enc16", "enc16.1", "mid8", "16"]) == ["enc16.1", "mid8"]


def test_where_nothing_was_measured_the_figure_and_the_table_say_so():
    nothing = [find("trained", images=1)]
    texts = [text.get_text() for text in draw_search(nothing, MODELS, title="").axes[0].texts]
    assert any("no class has objects" in text for text in texts)
    assert tabulate_searches(nothing, ["coco"]).empty


def test_the_table_has_what_was_chosen_and_the_best_subsets(found):
    values = tabulate_searches(found, ["coco, trained", "coco, untrained"])
    of_trained = values.loc["coco, trained", "euclidean"]
    assert list(of_trained.index[:4]) == ["best", "smallest tied", "best single layer", "all layers"]
    assert list(of_trained.index[4:6]) == ["1", "2"]
    assert of_trained.loc["best", "layers"] == of_trained.loc["1", "layers"] == "l0+l2"
    assert of_trained.loc["1", "elsewhere"] == pytest.approx(of_trained.loc["best", "elsewhere"])
    printed = format_searches(values, MARKUP["md"])
    assert printed["separation"].iloc[0].startswith("**") and not printed["separation"].iloc[2].startswith("**")
    assert printed["above the best single layer"].iloc[0].startswith("+")


def test_tables_are_read_as_they_were_written(found, tmp_path):
    files = [tmp_path / "table.csv", tmp_path / "summary.csv"]
    write_csv(found[0].table, SEARCH_TABLE, files[0])
    write_csv(found[0].summary, SEARCH_SUMMARY, files[1])
    (again,) = read_searches([{"model": "trained", "dataset": "coco"}], files[:1], files[1:])
    assert list_layers(again.table) == ["l0", "l1", "l2", "l3"]
    np.testing.assert_allclose(again.table["exact"], found[0].table["exact"])
