"""Separation is drawn as it was measured: a panel per study, a line per model."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from studies import SETTINGS, make_comparison

from semlens.draw.separation import draw_separation, draw_studies
from semlens.statistics.studies import collect_studies

MODELS = [
    {"name": "trained", "weights": "pretrained", "controls": None},
    {"name": "untrained", "weights": "random", "controls": "trained"},
]
FAMILIES = [{"name": name, "weights": "pretrained", "controls": None} for name in ("unet", "vit", "rgb")]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def draw(comparisons, models=MODELS):
    return draw_studies(collect_studies(comparisons), models, title="All", seed=0)


def read_points(panel, *, filled):
    """The marks of a panel, as names on the axis by colour: {colour: {name: value}}."""
    names = {tick: text.get_text() for tick, text in zip(panel.get_xticks(), panel.get_xticklabels(), strict=True)}
    points = {}
    for line in panel.lines:
        if line.get_linestyle() == "None" and (line.get_markerfacecolor() != "white") == filled:
            for x, y in line.get_xydata():
                points.setdefault(line.get_marker(), {})[names[x]] = y
    return points


def test_every_study_has_a_panel_and_every_model_its_marks():
    comparisons = [
        make_comparison(values={"enc16.1": 0.8, "mid8": 0.55}),
        make_comparison(values={"enc16.1": 0.6, "mid8": 0.595}, model="untrained", seed=1),
        make_comparison("timestep", {"0": 0.7, "50": 0.6}, settings={**SETTINGS, "inference_steps": 5}),
    ]
    layers, noise = draw(comparisons).axes
    assert layers.get_title() == "classes, between images (coco)"
    assert noise.get_title() == "classes, between images (coco; denoised in 5 steps)"
    assert (layers.get_xlabel(), noise.get_xlabel()) == ("layer", "noise: timestep")
    assert read_points(layers, filled=True) == {"o": {"enc16.1": 0.8}, "s": {"enc16.1": 0.6, "mid8": 0.595}}
    assert read_points(layers, filled=False)["o"] == {"mid8": 0.55}  # told from the best
    colours = {line.get_color() for line in layers.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2}
    assert "C0" in colours


def test_no_two_ticks_have_the_same_label():
    (panel,) = draw([make_comparison(values={"enc16.1": 0.52, "mid8": 0.5}, noise=0.002)]).axes
    panel.figure.canvas.draw()
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert len(labels) == len(set(labels))


def test_bands_are_simultaneous_intervals():
    comparison = make_comparison(values={"enc16.1": 0.8, "mid8": 0.6}, noise=0.05)
    (study,) = collect_studies([comparison])
    (panel,) = draw([comparison]).axes
    expected = study.estimates["trained"].compute_band(0)
    filled = panel.collections[0].get_paths()[0].vertices
    assert {round(y, 9) for y in filled[:, 1]} >= {round(y, 9) for y in expected.ravel()}


def test_layers_stand_in_forward_order_behind_sums():
    values = {"dec16.1": 0.6, "enc64.1": 0.7, "16": 0.8, "mid8": 0.5}
    (panel,) = draw([make_comparison(values=values)]).axes
    assert [label.get_text() for label in panel.get_xticklabels()] == ["16", "enc64.1", "mid8", "dec16.1"]
    (line,) = [line for line in panel.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 3]
    assert list(line.get_ydata()) == [0.7, 0.5, 0.6]


def test_numbers_stand_at_their_square_roots():
    (panel,) = draw([make_comparison("timestep", {"400": 0.5, "0": 0.7, "100": 0.6})]).axes
    ticks = dict(zip((text.get_text() for text in panel.get_xticklabels()), panel.get_xticks(), strict=True))
    assert ticks == {"0": 0, "100": 10, "400": 20}


def test_an_experiment_is_drawn_on_each_dataset_by_itself():
    comparisons = [
        make_comparison(values={"16": 0.7}, dataset="coco"),
        make_comparison(values={"16": 0.9}, dataset="voc"),
    ]
    figure = draw_separation(comparisons, MODELS, title="One", seed=0)
    assert [panel.get_title() for panel in figure.axes] == [
        "classes, between images (coco)",
        "classes, between images (voc)",
    ]
    assert [read_points(panel, filled=True)["o"]["16"] for panel in figure.axes] == [0.7, 0.9]
    assert figure.get_suptitle() == "One"


def test_what_was_not_measured_is_said():
    figure = draw([make_comparison("view", {"hflip": None}, comparison="identity")])
    (panel,) = figure.axes
    assert "no class" in panel.texts[0].get_text()
    assert not np.any([line.get_xdata() for line in panel.lines])


def draw_families(**levels):
    comparisons = [
        make_comparison(values={"enc16.1": 0.8, "mid8": 0.7, "64+32": 0.75}, model="unet", experiment="u"),
        make_comparison(values={"block00": 0.6, "block01": 0.9}, model="vit", experiment="v", seed=1),
        make_comparison(values={"baseline": 0.55}, model="rgb", experiment="r", seed=2),
    ]
    (panel,) = draw_studies(collect_studies(comparisons), FAMILIES, title="All", seed=0, **levels).axes
    return panel


def test_layers_of_different_models_stand_at_their_depth():
    depths = {"unet": {"enc16.1": 0.25, "mid8": 0.5}, "vit": {"block00": 0.0, "block01": 1.0}, "rgb": {"baseline": 0}}
    panel = draw_families(depths=depths)
    assert panel.get_xlabel() == "relative depth of the layer"
    marks = {tuple(point) for line in panel.lines if line.get_marker() == "o" for point in line.get_xydata().tolist()}
    assert marks == {(0.25, 0.8), (0.5, 0.7), (0.0, 0.6), (1.0, 0.9)}  # sums of layers have no depth
    across = [line for line in panel.lines if line.get_color() == "C2"]
    assert [line.get_ydata()[0] for line in across] == [0.55]  # a baseline holds along all of it
    assert list(across[0].get_xdata()) == [0, 1]


def test_without_depths_layers_stand_one_after_the_other():
    labels = [label.get_text() for label in draw_families().get_xticklabels()]
    assert labels == ["64+32", "baseline", "enc16.1", "mid8", "block00", "block01"]


def test_noise_of_different_kinds_stands_at_its_signal_to_noise_ratio():
    comparisons = [
        make_comparison("timestep", {"0": 0.8, "100": 0.7}, model="unet"),
        make_comparison("timestep", {"0": 0.9, "100": 0.6}, model="vit", seed=1),
    ]
    noise = {"unet": {"0": 1000.0, "100": 10.0}, "vit": {"0": np.inf, "100": 81.0}}
    (panel,) = draw_studies(collect_studies(comparisons), FAMILIES, title="All", seed=0, noise=noise).axes
    assert panel.get_xlabel() == "signal-to-noise ratio"
    assert [label.get_text() for label in panel.get_xticklabels()] == ["10000", "100", "1", "0.01", "0.0001"]
    marks = {
        (round(x, 3), y) for line in panel.lines if line.get_marker() == "o" for x, y in line.get_xydata().tolist()
    }
    assert marks == {(-3.0, 0.8), (-1.0, 0.7), (-4.0, 0.9), (-1.908, 0.6)}


def test_the_same_noise_stands_at_its_timestep():
    comparisons = [make_comparison("timestep", {"0": 0.8, "100": 0.7}, model=name) for name in ("unet", "vit")]
    noise = {key: {"0": 1000.0, "100": 10.0} for key in ("unet", "vit")}
    (panel,) = draw_studies(collect_studies(comparisons), FAMILIES, title="All", seed=0, noise=noise).axes
    assert panel.get_xlabel() == "noise: timestep"


def test_the_same_block_of_a_deeper_network_stands_elsewhere():
    comparisons = [make_comparison(values={"block00": 0.6, "block11": 0.8}, model=name) for name in ("unet", "vit")]
    depths = {"unet": {"block00": 0.0, "block11": 1.0}, "vit": {"block00": 0.0, "block11": 0.5}}
    (panel,) = draw_studies(collect_studies(comparisons), FAMILIES, title="All", seed=0, depths=depths).axes
    marks = {tuple(point) for line in panel.lines if line.get_marker() == "o" for point in line.get_xydata().tolist()}
    assert marks == {(0.0, 0.6), (1.0, 0.8), (0.5, 0.8)}
