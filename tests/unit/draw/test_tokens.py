"""What layers hold beside objects is drawn as it was measured: a panel per dataset and measure, a line per model."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from semlens.draw.tokens import draw_tokens, read_tokens

MODELS = [
    {"name": "trained", "weights": "pretrained", "controls": None},
    {"name": "untrained", "weights": "random", "controls": "trained"},
]
LAYERS = [{"name": name, "layers": name, "timestep": 0} for name in ("dec16.1", "64+32", "enc64.1", "mid8")]
NOISE = [{"name": str(timestep), "layers": "mid8", "timestep": timestep} for timestep in (400, 0, 100)]
MEASURES = ("variance_share", "position_r2", "norm_p99")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def write_table(path, values):
    """A table of artefacts: by (layer, timestep), a share, an R2 and a 99th percentile; medians are 2."""
    rows = [
        {"layer": layer, "timestep": timestep, "norm_median": 2, **dict(zip(MEASURES, row, strict=True))}
        for (layer, timestep), row in values.items()
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def files(tmp_path):
    """Of two models on a dataset, and of one on another, with the source of each."""
    trained = {
        ("enc64.1", 0): (0.5, 0.9, 4),
        ("mid8", 0): (0.2, 0.1, 2),
        ("dec16.1", 0): (0.3, -0.1, 20),
        ("mid8", 100): (0.6, 0.5, 6),
        ("mid8", 400): (0.7, 0.6, 8),
    }
    untrained = {key: (0.01, 0.02, 2.2) for key in trained}
    tables = {("trained", "coco"): trained, ("untrained", "coco"): untrained, ("trained", "voc"): trained}
    paths = [write_table(tmp_path / f"{number}.csv", values) for number, values in enumerate(tables.values())]
    return paths, [{"model": model, "dataset": dataset} for model, dataset in tables]


def draw(files, conditions, axis="layers"):
    return draw_tokens(read_tokens(*files, conditions), MODELS, title="Where?", axis=axis)


def read_line(panel, style):
    """The values of a model's line, by the names on the axis."""
    names = dict(zip(panel.get_xticks(), (text.get_text() for text in panel.get_xticklabels()), strict=True))
    (line,) = [line for line in panel.lines if line.get_marker() != "None" and line.get_linestyle() == style]
    return {names[x]: y for x, y in line.get_xydata()}


def test_layers_stand_in_forward_order_and_sums_are_left_out(files):
    panel = draw(files, LAYERS).axes[0]
    assert [text.get_text() for text in panel.get_xticklabels()] == ["enc64.1", "mid8", "dec16.1"]
    assert list(panel.get_xticks()) == [0, 1, 2]


def test_each_panel_has_its_measure(files):
    share, position, norms = draw(files, LAYERS).axes[:3]
    assert read_line(share, "-") == {"enc64.1": 0.5, "mid8": 0.2, "dec16.1": 0.3}
    assert read_line(position, "-") == {"enc64.1": 0.9, "mid8": 0.1, "dec16.1": -0.1}
    assert read_line(norms, "-") == {"enc64.1": 2, "mid8": 1, "dec16.1": 10}


def test_a_control_is_dashed_in_the_colour_of_its_model(files):
    panel = draw(files, LAYERS).axes[0]
    assert set(read_line(panel, "--").values()) == {0.01}
    assert len({line.get_color() for line in panel.lines if line.get_marker() != "None"}) == 1


def test_every_dataset_has_a_row(files):
    figure = draw(files, LAYERS)
    assert [panel.get_ylabel() for panel in figure.axes[::3]] == ["coco", "voc"]


def test_timesteps_stand_at_their_square_roots(files):
    panel = draw(files, NOISE, axis="timestep").axes[1]
    assert read_line(panel, "-") == {"0": 0.1, "100": 0.5, "400": 0.6}
    assert list(panel.get_xticks()) == [0, 10, 20]
    assert panel.get_xlabel() == ""


def test_what_was_not_measured_is_said(tmp_path):
    file = write_table(tmp_path / "tokens.csv", {("mid8", 0): (0.2, np.nan, 4)})
    share, position, norms = draw(([file], [{"model": "trained", "dataset": "coco"}]), LAYERS).axes
    assert [text.get_text() for text in position.texts] == ["not measured"]
    assert not share.texts and not norms.texts
