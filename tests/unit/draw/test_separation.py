"""The overview has a line per model and a panel per question."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from semlens.draw.overview import draw_overview
from semlens.statistics.findings import ModelFindings, collect_findings


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def make_findings(**series) -> ModelFindings:
    return collect_findings([], "none")._replace(**{name: pd.Series(values) for name, values in series.items()})


def read_line(panel, label):
    """The connected points of a model: {name on the axis: value}."""
    (line,) = [line for line in panel.lines if line.get_label() == label]
    names = [text.get_text() for text in panel.get_xticklabels()]
    return {names[int(x)]: y for x, y in line.get_xydata() if not np.isnan(y)}


def test_a_panel_for_layers_and_one_for_noise():
    timestep = {"0": 0.7, "50": 0.6, "200": 0.5}
    findings = {
        "trained": make_findings(layers={"enc16.1": 0.8, "mid8": 0.55}, timestep=timestep),
        "untrained": make_findings(layers={"enc16.1": 0.6, "mid8": 0.55}, timestep=timestep),
    }
    models = [
        {"name": "trained", "weights": "pretrained", "controls": None},
        {"name": "untrained", "weights": "random", "controls": "trained"},
    ]
    layers, noise = draw_overview(findings, models).axes
    assert read_line(layers, "trained") == {"enc16.1": 0.8, "mid8": 0.55}
    assert read_line(layers, "untrained") == {"enc16.1": 0.6, "mid8": 0.55}
    assert [label.get_text() for label in noise.get_xticklabels()] == ["0", "50", "200"]
    styles = {line.get_label(): (line.get_color(), line.get_linestyle()) for line in layers.lines}
    assert (styles["trained"][0], styles["untrained"][0]) == ("C0", "C0")
    assert (styles["trained"][1], styles["untrained"][1]) == ("-", "--")


def test_models_with_different_layers_share_an_axis():
    """In forward order, sums first; a layer that a model was not compared at has no point."""
    findings = {
        "one": make_findings(layers={"dec16.1": 0.6, "enc64.1": 0.7, "16": 0.8}),
        "other": make_findings(layers={"enc16.1": 0.9, "dec16.1": 0.5}),
    }
    models = [{"name": name, "weights": "pretrained", "controls": None} for name in findings]
    (panel,) = draw_overview(findings, models).axes
    assert [label.get_text() for label in panel.get_xticklabels()] == ["16", "enc64.1", "enc16.1", "dec16.1"]
    assert read_line(panel, "one") == {"enc64.1": 0.7, "dec16.1": 0.6}
    assert read_line(panel, "other") == {"enc16.1": 0.9, "dec16.1": 0.5}
    sums = [line for line in panel.lines if list(line.get_xdata()) == [0] and line.get_marker() == "o"]
    assert (sums[0].get_ydata()[0], sums[0].get_linestyle()) == (0.8, "None")
    assert len({line.get_color() for line in panel.lines if not line.get_label().startswith("_")}) == 2


def test_a_run_without_findings_has_an_empty_panel():
    models = [{"name": "one", "weights": "pretrained", "controls": None}]
    assert len(draw_overview({"one": make_findings()}, models).axes) == 1
