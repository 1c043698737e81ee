"""Figures and tables of agreement show the numbers that they are given, models together and layers in forward order."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from semlens.draw.agreement import (
    TITLES,
    draw_agreement,
    format_agreement,
    label_representations,
    order_representations,
    tabulate_agreement,
)
from semlens.draw.tables import MARKUP
from semlens.statistics.agreement.measure import MEASURES


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def entry(model, name, experiment="where", axis="layers"):
    return {"experiment": experiment, "model": model, "name": name, "axis": axis}


FEW = [entry("unet", "dec16.1"), entry("unet", "enc16.1"), entry("vit", "block01", "blocks"), entry("rgb", "baseline")]


def make_table(representations, value=lambda a, b, measure: (a + 1) * (b + 1) / 100, interval=0.01):
    rows = [
        {
            **{f"{key}_a": representations[a][source] for key, source in KEYS},
            **{f"{key}_b": representations[b][source] for key, source in KEYS},
            "measure": measure,
            "value": value(a, b, measure),
        }
        for a in range(len(representations))
        for b in range(a + 1, len(representations))
        for measure in MEASURES
    ]
    table = pd.DataFrame(rows).assign(k=10, n_objects=1200, n_units=400)
    return table.assign(low=table["value"] - interval, high=table["value"] + interval)


KEYS = (("experiment", "experiment"), ("model", "model"), ("condition", "name"))


def list_maps(figure):
    return [panel for panel in figure.axes if panel.get_title()]


def read_map(panel):
    labels = [label.get_text() for label in panel.get_yticklabels()]
    values = np.ma.filled(panel.collections[0].get_array(), np.nan).reshape((len(labels),) * 2)
    return pd.DataFrame(values, labels, labels)


def test_a_map_has_every_pair_on_both_sides_in_forward_order():
    figure = draw_agreement({"coco": make_table(FEW)}, FEW, title="Alike?")
    found = read_map(list_maps(figure)[0])
    assert list(found) == ["unet, enc16.1", "unet, dec16.1", "vit, block01", "rgb"]
    assert found.loc["unet, enc16.1", "vit, block01"] == found.loc["vit, block01", "unet, enc16.1"] == 0.06
    assert found.loc["unet, dec16.1", "rgb"] == 0.04
    assert np.isnan(np.diag(found)).all()


def test_each_measure_has_one_scale_in_all_datasets():
    tables = {"coco": make_table(FEW), "voc": make_table(FEW, lambda a, b, measure: -0.5)}
    figure = draw_agreement(tables, FEW, title="Alike?")
    limits = {panel.get_title(): panel.collections[0].get_clim() for panel in list_maps(figure)}
    assert len(limits) == 2 * len(TITLES)
    assert set(limits.values()) == {(-0.5, 0.12)}


@pytest.mark.parametrize(("count", "numbered"), [(2, True), (14, True), (15, False), (40, False)])
def test_cells_have_numbers_where_they_are_few(count, numbered):
    many = [entry("vit", f"block{number:02d}") for number in range(count)]
    figure = draw_agreement({"coco": make_table(many, lambda a, b, measure: 0.25)}, many, title="Alike?")
    texts = {text.get_text() for panel in list_maps(figure) for text in panel.texts}
    assert texts == ({".25"} if numbered else set())


def test_a_representation_that_agrees_with_nothing_is_crossed_out():
    table = make_table(FEW, lambda a, b, measure: np.nan if b == 3 else 0.5)
    figure = draw_agreement({"coco": table}, FEW, title="Alike?")
    for panel in list_maps(figure):
        crosses = [line for line in panel.lines if len(line.get_xdata()) == 5]
        assert len(crosses) == 2 * 3


def test_nothing_known_is_a_figure_and_a_table_too():
    tables = {"coco": make_table(FEW, lambda a, b, measure: np.nan)}
    draw_agreement(tables, FEW, title="Alike?").draw_without_rendering()
    assert set(format_agreement(tabulate_agreement(tables), MARKUP["md"]).to_numpy().ravel()) == {"–"}


def test_the_same_condition_of_two_experiments_is_told_apart():
    both = [entry("unet", "mid8"), entry("unet", "mid8", "again"), entry("unet", "50", "noise", "timestep")]
    assert label_representations(order_representations(both)) == [
        "unet, mid8 (where)",
        "unet, mid8 (again)",
        "unet, t = 50",
    ]


def test_a_table_has_the_conditions_of_two_models_that_agree_most():
    table = make_table(FEW, lambda a, b, measure: {"cknna": 0.3, "rsa": 0.1}.get(measure, 0.2) + 0.01 * (a == 0))
    values = tabulate_agreement({"coco": table})
    assert values.index.tolist() == [
        ("coco", "unet", "unet"), ("coco", "unet", "vit"), ("coco", "unet", "rgb"), ("coco", "vit", "rgb"),
    ]  # fmt: skip
    printed = format_agreement(values, MARKUP["md"]).loc[("coco", "unet", "vit")]
    assert printed.to_dict() == {
        "CKA, debiased": "0.210 (0.200 to 0.220): dec16.1 and block01",
        "CKNNA": "0.310 (0.300 to 0.320): dec16.1 and block01",
        "mutual kNN": "0.210 (0.200 to 0.220): dec16.1 and block01",
        "RSA": "0.110 (0.100 to 0.120): dec16.1 and block01",
    }
