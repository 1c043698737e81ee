"""A map of layers and timesteps shows values where they belong, and outlines what cannot be told from the best."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from semlens.draw.grids import list_maps
from semlens.draw.heat_maps import MOST_NUMBERS, draw_heat_maps, list_edges

LAYERS, TIMESTEPS = ["dec16.1", "64+32", "enc64.1"], [0, 50, 200]  # asked in this order; drawn in forward order
DRAWN = ["64+32", "enc64.1", "dec16.1"]
BEST = {("enc64.1", 0), ("enc64.1", 50), ("dec16.1", 200)}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def make_table(layers=LAYERS, timesteps=TIMESTEPS, inside=np.nan):
    """Separation of a grid; between images, a value says which condition it is of."""
    return pd.DataFrame(
        [
            {
                "condition": f"{layer}@t{timestep}",
                "comparison": comparison,
                "separation": value,
                "among_best": comparison == "between" and (layer, timestep) in BEST,
            }
            for comparison in ("between", "inside")
            for row, layer in enumerate(layers)
            for timestep in timesteps
            for value in [0.5 + row / 10 + timestep / 10_000 if comparison == "between" else inside]
        ]
    )


def read_cells(panel):
    return np.asarray(panel.collections[0].get_array()).reshape(panel.get_yticks().size, -1)


def test_every_value_stands_at_its_layer_and_timestep():
    figure = draw_heat_maps(list_maps({"coco": make_table()}, {}), title="Which?")
    panel = figure.axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == DRAWN
    assert [label.get_text() for label in panel.get_xticklabels()] == ["0", "50", "200"]
    expected = [[0.5 + LAYERS.index(layer) / 10 + t / 10_000 for t in TIMESTEPS] for layer in DRAWN]
    assert read_cells(panel) == pytest.approx(np.array(expected))
    assert {text.get_text() for text in panel.texts} == {f"{value:.2f}" for row in expected for value in row}


def test_the_outline_goes_around_the_best():
    panel = draw_heat_maps(list_maps({"coco": make_table()}, {}), title="Which?").axes[0]
    drawn = {tuple(map(tuple, line.get_xydata().astype(int))) for line in panel.lines}
    cells = np.array([[(layer, timestep) in BEST for timestep in TIMESTEPS] for layer in DRAWN])
    assert drawn == set(list_edges(cells))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([[True]], {((0, 0), (0, 1)), ((1, 0), (1, 1)), ((0, 0), (1, 0)), ((0, 1), (1, 1))}),
        ([[False, False]], set()),
        ([[True, True]], {((0, 0), (0, 1)), ((2, 0), (2, 1)),
                          ((0, 0), (1, 0)), ((1, 0), (2, 0)), ((0, 1), (1, 1)), ((1, 1), (2, 1))}),
    ],
)  # fmt: skip
def test_edges_are_where_a_cell_and_its_neighbour_differ(cells, expected):
    assert set(list_edges(np.array(cells))) == expected


def test_maps_of_a_measure_share_a_scale():
    low = make_table().assign(separation=lambda table: table["separation"] - 0.3)
    figure = draw_heat_maps(list_maps({"coco": make_table(), "voc": low}, {}), title="Which?")
    for panel in figure.axes[:2]:
        assert panel.collections[0].get_clim() == pytest.approx((0.2, 0.72))


def test_what_has_no_value_anywhere_is_left_out():
    assert list(list_maps({"coco": make_table()}, {})["coco"]) == ["separation of classes, between images"]
    assert len(list_maps({"coco": make_table(inside=0.6)}, {})["coco"]) == 2


def test_a_run_without_any_value_says_so():
    nothing = make_table().assign(separation=np.nan)
    figure = draw_heat_maps(list_maps({"coco": nothing}, {}), title="Which?")
    assert "no class has objects to compare in 5 images" in figure.axes[0].texts[0].get_text()


def test_a_large_grid_has_no_numbers():
    timesteps = list(range(MOST_NUMBERS // len(LAYERS) + 1))
    panel = draw_heat_maps(list_maps({"coco": make_table(timesteps=timesteps)}, {}), title="Which?").axes[0]
    assert not panel.texts and read_cells(panel).shape == (len(LAYERS), len(timesteps))


def test_tasks_have_maps_of_their_main_measures():
    keys = {"task": "retrieval", "target": "class"}
    values = make_table().query("comparison == 'between'").rename(columns={"separation": "value"})
    tasks = pd.concat([values.assign(**keys, measure=name) for name in ("average_precision", "recall_at_1")])
    maps = list_maps({"coco": make_table()}, {"coco": tasks})["coco"]
    assert list(maps) == ["separation of classes, between images", "retrieval (mAP)"]
    assert maps["retrieval (mAP)"].values.loc["dec16.1", 200] == pytest.approx(0.52)
