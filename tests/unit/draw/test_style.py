"""What all figures share: text conditions, headings, files that do not depend on the day, no side effects."""

import matplotlib.pyplot as plt
import pytest
from statistics_tables import make_order, make_sets

from semlens.compare.pairs import SETS
from semlens.draw.boxes import draw_boxes
from semlens.draw.curves import draw_curves
from semlens.draw.style import PALETTES, SET_NAMES, format_condition, read_statistics, save_figure

METRICS = ["cosine", "distance_correlation"]


@pytest.mark.parametrize("kind", ["boxes", "curves"])
def test_the_same_bytes_on_two_runs(tmp_path, kind):
    for run in ("one", "two"):
        if kind == "boxes":
            sets, order = {"voc": make_sets(METRICS)}, {"voc": make_order(METRICS)}
            figure = draw_boxes(sets, order, title="Twice", axis="metric")
        else:
            figure = draw_curves({"davis": make_sets(["1", "2"])}, title="Twice", axis="offset")
        save_figure(figure, png=tmp_path / f"{run}.png", pdf=tmp_path / f"{run}.pdf")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")
    for kind in ("png", "pdf"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
    assert not plt.get_fignums()


def test_statistics_are_read_with_conditions_as_text(tmp_path):
    make_sets(["1", "50"]).to_csv(tmp_path / "voc.sets.csv", index=False)
    (frame,) = read_statistics(["voc"], [tmp_path / "voc.sets.csv"]).values()
    assert frame["condition"].unique().tolist() == ["1", "50"]


@pytest.mark.parametrize(
    ("axis", "condition", "expected"),
    [("timestep", "50", "t = 50"), ("offset", "5", "+5"), ("metric", "distance_correlation", "distance correlation")],
)
def test_headings_say_what_a_condition_is(axis, condition, expected):
    assert format_condition(axis, condition) == expected


def test_every_set_has_a_colour_and_a_name():
    for colours in PALETTES.values():
        assert set(colours) == set(SET_NAMES) == set(SETS)
        assert len(set(colours.values())) == len(SETS)


def test_drawing_and_saving_leave_the_style_of_a_notebook_alone(tmp_path):
    plt.rcParams["lines.linewidth"] = 7
    before = dict(plt.rcParams)
    figure = draw_curves({"davis": make_sets(["1", "2"])}, title="Once", axis="offset")
    save_figure(figure, png=tmp_path / "one.png", pdf=tmp_path / "one.pdf")
    assert dict(plt.rcParams) == before
    plt.rcdefaults()
