"""The specification curve and its tables: what is drawn is what the tables say, in order, with every choice."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from semlens.config.choices import CHOICES
from semlens.draw.multiverse_tables import format_choices, format_summary, tabulate_choices, tabulate_summary
from semlens.draw.specification_curve import (
    Multiverse,
    draw_specification_curve,
    list_rows,
    read_multiverse,
    sort_specifications,
)
from semlens.draw.tables import MARKUP, NOTHING
from semlens.statistics.multiverse_tables import CHOICES_TABLE, GAPS_TABLE, SPECIFICATIONS_TABLE, SUMMARY_TABLE
from semlens.statistics.order import VERDICTS
from semlens.storage.tables import write_csv

VARY = {"timestep": [100, 0], "metric": ["euclidean", "cosine"], "seed": [0, 1, 2]}
GAPS = ("scsi < scdi", "scdi < dcdi")
SCALE = 4.0
RUN = {"model": "sd15", "dataset": "coco", "name": "coco, sd15"}
OTHER = {"model": "random", "dataset": "coco", "name": "coco, random"}
OF_RUN = {"model": "sd15", "dataset": "coco"}


def make_specification(number, timestep, metric, seed):
    separation = 0.5 + 0.02 * (7 * number % 12)  # not in order
    return OF_RUN | dict.fromkeys(CHOICES) | {
        **{"specification": f"{metric} {timestep} {seed}", "metric": metric, "timestep": timestep, "seed": seed},
        **{"comparison": "between", "separation": separation, "low": separation - 0.03, "high": separation + 0.03},
        **{"p": 0.01, "inside": None, "inside_low": None, "inside_high": None, "dunn_index": 0.4},
        **{"verdict": list(VERDICTS)[number % 4], "n_objects": 99, "n_units": 9},
    }  # fmt: skip


def make_multiverse():
    values = [map(str, VARY[key]) for key in ("timestep", "metric", "seed")]
    rows = pd.DataFrame([make_specification(number, *each) for number, each in enumerate(product(*values))])
    gaps = [
        OF_RUN
        | {"specification": name, "gap": gap, "value": value, "low": value - 1, "high": value + 1, "scale": SCALE}
        for gap, start in zip(GAPS, (2.0, -2.0), strict=True)
        for name, value in zip(rows["specification"], start + np.arange(12) / 6, strict=True)
    ]
    shares = {"timestep": 0.1, "metric": 0.7, "seed": 0.05, "interactions": None}
    choices = [
        OF_RUN | {
            **{"outcome": outcome, "choice": key, "n_values": len(VARY.get(key, [])), "share": share},
            **{"low": share and max(share - 0.1, 0.0), "high": share and share + 0.1},
            **{"spread": share, "spread_low": share and share - 0.2, "spread_high": share},
            **{"highest": share and str(VARY[key][0]), "lowest": share and str(VARY[key][1])},
        }
        for outcome in ("separation", GAPS[0])
        for key, share in shares.items()
    ]  # fmt: skip
    summary = OF_RUN | {
        **{"expected": "scsi < scdi < dcdi", "n_specifications": 12, "n_possible": 1200, "median": 0.61},
        **{"median_low": 0.6, "median_high": 0.62, "smallest": 0.5, "largest": 0.72, "p": 0.0123},
        **{"n_above_chance": 10, **dict.fromkeys(VERDICTS, 3), "empty": 0, "n_seeds": 3, "seed_sd": 0.01},
        "image_se": None,
    }
    return Multiverse(rows, pd.DataFrame(gaps), pd.DataFrame(choices), pd.DataFrame([summary]))


@pytest.fixture
def multiverse():
    return make_multiverse()


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def draw(multiverse, *runs):
    return draw_specification_curve(multiverse, runs or [RUN], VARY, title="Whatever is chosen?")


def read_marks(panel):
    """Return the points of a panel, from left to right; lines across it are not points."""
    lines = [line for line in panel.lines if line.get_linestyle() == "None"]
    return sorted((float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True))


def read_bars(panel):
    ends = [path for lines in panel.collections for path in lines.get_segments()]
    return sorted((x, low, high) for (x, low), (_, high) in ends)


def test_the_curve_has_every_separation_in_order_with_its_interval(multiverse):
    figure = draw(multiverse)
    curve = figure.axes[0]
    expected = np.sort(multiverse.specifications["separation"])
    np.testing.assert_allclose(read_marks(curve), list(enumerate(expected)))
    np.testing.assert_allclose(read_bars(curve), [(x, y - 0.03, y + 0.03) for x, y in enumerate(expected)])
    assert figure.get_suptitle() == "Whatever is chosen?"


def test_gaps_stand_below_their_specification_over_the_mean_of_the_last_set(multiverse):
    _, first, second, _ = draw(multiverse).axes
    order = list(sort_specifications(multiverse.specifications)["specification"])
    for panel, gap in zip((first, second), GAPS, strict=True):
        values = multiverse.gaps[multiverse.gaps["gap"] == gap].set_index("specification")["value"][order] / SCALE
        np.testing.assert_allclose(read_marks(panel), list(enumerate(values)))
        bars = [(x, y - 1 / SCALE, y + 1 / SCALE) for x, y in enumerate(values)]
        np.testing.assert_allclose(read_bars(panel), bars)
        assert panel.get_ylabel() == f"{gap}\n(of mean dcdi)"


def test_a_gap_has_the_verdict_of_its_own_interval(multiverse):
    """In the first panel all gaps are positive; in the second none is, and some intervals lie below 0."""
    _, first, second, _ = draw(multiverse).axes
    marked = [
        {line.get_marker(): len(line.get_xdata()) for line in panel.lines if line.get_linestyle() == "None"}
        for panel in (first, second)
    ]
    values = multiverse.gaps.groupby("gap")["value"]
    assert [marked[0][mark] for mark in "Dvx"] == [0, 0, 0]
    assert marked[1]["v"] == (values.get_group(GAPS[1]) + 1 < 0).sum() > 0
    assert marked[1]["D"] == 12 - marked[1]["v"]


def test_a_specification_has_a_dot_for_every_choice_and_in_its_row(multiverse):
    matrix = draw(multiverse).axes[-1]
    labels = [label.get_text() for label in matrix.get_yticklabels()]
    assert labels == [
        *("timestep of noise", "100", "0"),
        *("metric", "euclidean", "cosine"),
        *("seed", "0", "1", "2"),
    ]
    rows = list_rows(multiverse.specifications, VARY)
    table, dots = sort_specifications(multiverse.specifications), read_marks(matrix)
    assert len(dots) == len(set(dots)) == len(table) * len(VARY)
    for x, y in dots:
        choice, value = rows[int(y)]
        assert table.loc[int(x), choice] == value


def test_verdicts_have_their_names_and_looks_in_the_legend(multiverse):
    figure = draw(multiverse)
    names = [text.get_text().split(":")[0] for text in figure.legends[0].get_texts()]
    assert names == ["established", "observed", "undecided", "violated"]  # none is empty
    handles = figure.legends[0].legend_handles
    assert len({(handle.get_marker(), handle.get_markerfacecolor()) for handle in handles}) == 4
    curve = {line.get_color(): len(line.get_xdata()) for line in figure.axes[0].lines if line.get_linestyle() == "None"}
    counts = multiverse.specifications["verdict"].value_counts()
    assert [curve[handle.get_color()] for handle in handles] == [counts[name] for name in names]


def test_the_heading_says_how_many_and_how_often(multiverse):
    heading = draw(multiverse).axes[0].get_title(loc="left")
    assert "coco, sd15: 12 of 1,200 possible specifications, 10 above chance" in heading
    assert "median separation 0.610 (0.600 to 0.620), p of the whole curve 0.012" in heading
    assert "scsi < scdi < dcdi: established in 3 of 12\n3 observed, 3 undecided, 3 violated" in heading
    whole = multiverse._replace(summary=multiverse.summary.assign(n_possible=12))
    assert "all 12 specifications" in draw(whole).axes[0].get_title(loc="left")


def test_choices_say_what_they_explain_of_separation(multiverse):
    texts = {text.get_position()[1]: text.get_text() for text in draw(multiverse).axes[-1].texts}
    assert texts[3] == "explains 70 % of the variance of separation (60 % to 80 %)"
    assert set(texts) == {0, 3, 6}


def test_each_model_has_a_block_on_the_same_scale(multiverse):
    other = [table.assign(model="random") for table in multiverse]
    other[0] = other[0].assign(**{key: other[0][key] - 0.2 for key in ("separation", "low", "high")})
    both = Multiverse(*(pd.concat(pair, ignore_index=True) for pair in zip(multiverse, other, strict=True)))
    figure = draw(both, RUN, OTHER)
    curves = figure.axes[:2]
    assert [panel.get_title(loc="left").split(":")[0] for panel in curves] == ["coco, sd15", "coco, random"]
    assert curves[0].get_ylim() == curves[1].get_ylim()
    low, high = curves[0].get_ylim()
    assert low < both.specifications["low"].min() and both.specifications["high"].max() < high
    for panel, shift in zip(curves, (0, 0.2), strict=True):
        values = np.sort(multiverse.specifications["separation"]) - shift
        np.testing.assert_allclose([y for _, y in read_marks(panel)], values)
    three = draw(both, RUN, OTHER, RUN)
    assert [panel.get_title(loc="left").split(":")[0] for panel in three.axes if panel.get_title(loc="left")] == [
        "coco, sd15",
        "coco, random",
        "coco, sd15",
    ]


def test_many_specifications_have_ticks_for_dots(multiverse):
    copies = [multiverse.specifications.assign(specification=str(number)) for number in range(30)]
    many = multiverse._replace(specifications=pd.concat(copies), gaps=multiverse.gaps[:0])
    matrix = draw(many).axes[-1]
    assert not read_marks(matrix)
    assert len(read_bars(matrix)) == 30 * 12 * len(VARY)


def test_specifications_without_separation_stand_last_and_keep_their_gaps(multiverse):
    unknown = multiverse.specifications["specification"].isin(["cosine 0 1", "cosine 0 2"])
    nulls = dict.fromkeys(("separation", "low", "high"), np.nan)
    table = multiverse.specifications.copy()
    table.loc[unknown, list(nulls)] = np.nan
    without_scale = multiverse.gaps["specification"] == "euclidean 0 0"
    gaps = multiverse.gaps.assign(scale=multiverse.gaps["scale"].mask(without_scale))
    curve, first, *_, matrix = draw(multiverse._replace(specifications=table, gaps=gaps)).axes
    assert [x for x, _ in read_marks(curve)] == list(range(10))
    place = list(sort_specifications(table)["specification"]).index("euclidean 0 0")
    assert [x for x, _ in read_marks(first)] == [x for x in range(12) if x != place]
    assert len(read_marks(matrix)) == 12 * len(VARY)
    assert ", 2 without separation" in curve.get_title(loc="left")


def test_where_nothing_was_measured_the_figure_and_the_tables_say_so(multiverse):
    tables = [table.copy() for table in multiverse]
    for table in tables:
        numbers = table.select_dtypes("float").columns
        table[numbers] = np.nan
    tables[0]["verdict"] = "empty"
    nothing = Multiverse(*tables)
    texts = [text.get_text() for text in draw(nothing).axes[0].texts]
    assert texts == ["no class has objects to compare in 5 images (videos)", "chance"]
    assert "median" not in draw(nothing).axes[0].get_title(loc="left")
    choices = format_choices(tabulate_choices(nothing, [RUN]), MARKUP["md"])
    assert (choices["share of variance"] == NOTHING).all()
    assert format_summary(tabulate_summary(nothing, [RUN]), MARKUP["md"]).loc["median separation"].item() == NOTHING


def test_tables_are_read_as_they_were_written(multiverse, tmp_path):
    schemas = {"specifications": SPECIFICATIONS_TABLE, "gaps": GAPS_TABLE, "choices": CHOICES_TABLE}
    schemas["summary"] = SUMMARY_TABLE
    paths = {name: tmp_path / f"{name}.csv" for name in schemas}
    for table, (name, schema) in zip(multiverse, schemas.items(), strict=True):
        write_csv(table[list(schema.columns)], schema, paths[name])
    again = read_multiverse(**paths)
    assert set(again.specifications["timestep"]) == {"0", "100"}
    assert list_rows(again.specifications, VARY) == list_rows(multiverse.specifications, VARY)
    assert again.choices["highest"].iloc[0] == "100"
    before, after = draw(multiverse), draw(again)
    for one, other in zip(before.axes, after.axes, strict=True):
        np.testing.assert_allclose(read_marks(other), read_marks(one))


def test_a_value_that_the_configuration_writes_otherwise_stands_after_the_others(multiverse):
    table = multiverse.specifications.assign(metric=multiverse.specifications["metric"].replace("euclidean", "l2"))
    values = [value for choice, value in list_rows(table, VARY) if choice == "metric"]
    assert values == [None, "cosine", "l2"]


def test_choices_stand_by_what_they_explain_in_each_outcome(multiverse):
    values = tabulate_choices(multiverse, [RUN])
    keys = ["metric", "timestep", "seed", "interactions"]
    assert list(values.index) == [(RUN["name"], outcome, key) for outcome in ("separation", GAPS[0]) for key in keys]
    printed = format_choices(values, MARKUP["html"])
    assert list(printed.index.get_level_values("choice")[:2]) == ["metric", "timestep of noise"]
    assert printed.index.get_level_values("outcome")[4] == "scsi &lt; scdi"
    assert list(printed.iloc[0]) == ["<b>0.700</b>", "0.600 to 0.800", "0.700", "0.500 to 0.700", "euclidean", "cosine"]
    assert printed["share of variance"].iloc[2] == "0.050"  # its interval includes 0
    assert list(printed.iloc[3]) == [NOTHING] * 6


def test_the_summary_has_a_column_for_each_model_and_dataset(multiverse):
    values = tabulate_summary(multiverse, [RUN])
    assert values.loc[RUN["name"], "n_possible"] == 1200
    printed = format_summary(values, MARKUP["md"])[RUN["name"]]
    said = {
        **{"specifications": "12", "of all possible": "1,200", "95 % interval": "0.600 to 0.620"},
        **{"p of the whole curve": "0.012", "order established": "3", "order empty": "0"},
        **{"expected order": "scsi &lt; scdi &lt; dcdi", "standard error over images (videos)": NOTHING},
    }
    assert {name: printed[name] for name in said} == said
