"""Contracts of tables: what breaks them is refused by file, column and row, and no half table is left behind."""

import numpy as np
import pandas as pd
import pytest

from semlens.compare.distances import DISTANCES
from semlens.compare.unit_totals import UNIT_TOTALS
from semlens.extract.prototypes import PROTOTYPES
from semlens.statistics.compute import STATISTICS
from semlens.statistics.separation_tables import INFLUENCE
from semlens.storage.instances import INSTANCES
from semlens.storage.tables import check_table, write_csv, write_parquet

INSTANCE = {
    "dataset": "voc",
    "image_id": "2007_000032",
    "file": "2007_000032.jpg",
    "width": 500,
    "height": 281,
    "instance_id": "2007_000032/1",
    "class_name": "dog",
    "identity": None,
    "video": None,
    "frame": None,
    "area_fraction": 0.2,
    "bbox_x": 10.0,
    "bbox_y": 0.0,
    "bbox_w": 100.0,
    "bbox_h": 90.0,
    "rle": "a1b2",
}
POOLED = {name: value for name, value in INSTANCE.items() if name not in ("file", "width", "height", "rle")}
ROW = {
    "instances": INSTANCE,
    "prototypes": {**POOLED, "view": "identity", "timestep": 0, "n_cells@16": 9, "area_weighted@16": False},
    "distances": {"condition": "cosine", "set": "scsi", "instance_a": "a/1", "instance_b": "b/2", "distance": 0.5},
    "sets": {
        "condition": "cosine",
        "set": "scsi",
        "n": 10,
        "n_stored": 8,
        **dict.fromkeys(["mean", "std", "min", "whisker_low", "q1", "median", "q3", "whisker_high", "max"], 0.5),
        **{
            "n_units": 5,
            "se": 0.1,
            "low": 0.4,
            "high": 0.6,
            "few": "0.4 0.5",
            "n_shapiro": 8,
            "shapiro_w": 0.9,
            "shapiro_p": 0.2,
        },
    },
    "tests": {
        "condition": "cosine",
        "set_a": "scsi",
        "set_b": "scdi",
        "n_a": 10,
        "n_b": 12,
        "h": 12.0,
        "p": 0.001,
        "log10_p": -3.0,
        **{"gap": 0.1, "gap_se": 0.01, "gap_low": 0.0, "gap_high": 0.2},
        **{"dunn_table1": 0.1, "dunn_table1_se": 0.01, "dunn_table1_low": 0.0, "dunn_table1_high": 0.2},
        "dunn_eq10": 0.1,
        "cliffs_delta": -0.5,
    },
    "order": {
        **{"condition": "cosine", "expected": "scsi < scdi", "observed": "scsi < scdi", "verdict": "observed"},
        **{"gaps": "scsi < scdi by 0.1 (-0.1 to 0.3)", "n_units": 5},
    },
    "separation": {
        **{"condition": "cosine", "comparison": "between", "n_objects": 9, "n_all": 10, "n_classes": 1, "n_units": 6},
        **{"n_units_rarest": 6, "separation": 0.7, "se": 0.1, "low": 0.5, "high": 0.9, "band_low": 0.4},
        **{"band_high": 1.0, "p": 0.01, "p_adjusted": 0.02, "among_best": True, "elsewhere": 0.6},
    },
    "class_separation": {
        **{"condition": "cosine", "comparison": "inside", "class_name": "dog", "n_objects": 9, "n_units": 6},
        **{"counts": True, "separation": 0.7, "se": 0.1, "low": 0.5, "high": 0.9},
    },
    "contrasts": {
        **{"comparison": "identity", "condition_a": "hflip", "condition_b": "vflip", "difference": -0.1, "se": 0.1},
        **{"low": -0.3, "high": 0.1, "band_low": -0.4, "band_high": 0.2},
    },
    "artefacts": {
        **{
            "condition": "cosine",
            "n_objects": 9,
            "n_channels": 320,
            "largest_channels": "mid8:7, mid8:9, mid8:1, mid8:0",
        },
        **{"variance_share": 0.5, "magnitude_share": 0.6, "discarded_channels": "mid8:3", "n_probed": 9, "n_units": 6},
        **{"place_r2": 0.5, "place_low": 0.4, "place_high": 0.6, "x_r2": 0.4, "y_r2": 0.6},
        **{"size_r2": -0.1, "size_low": -0.3, "size_high": 0.1},
    },
    "influence": {"condition": "cosine", "comparison": "between", "unit": "2007_000032", "influence": -0.01},
    "unit_totals": {
        **{"condition": "cosine", "set": "scsi", "unit": "2007_000032", "n": 2, "sum": 0.5, "sum_of_squares": 0.2},
    },
}
SCHEMAS = {
    "instances": INSTANCES,
    "prototypes": PROTOTYPES,
    "distances": DISTANCES,
    **STATISTICS,
    "influence": INFLUENCE,
    "unit_totals": UNIT_TOTALS,
}
KEY = {"instances": "instance_id", "prototypes": "instance_id"}


def table(kind, **last):
    """Three good rows, but for what is said about the last one."""
    rows = [dict(ROW[kind]) for _ in range(3)]
    if kind in KEY:
        for number, row in enumerate(rows):
            row[KEY[kind]] = f"2007_000032/{number}"
    rows[-1].update(last)
    frame = pd.DataFrame(rows)
    if kind in KEY:
        frame = frame.astype({"identity": "str", "video": "str"})
    if kind == "distances":
        frame = frame.astype(
            {**dict.fromkeys(("condition", "set", "instance_a", "instance_b"), "category"), "distance": "float32"}
        )
    return frame


@pytest.mark.parametrize("kind", SCHEMAS)
def test_good_tables_pass_unchanged(kind):
    frame = table(kind)
    pd.testing.assert_frame_equal(check_table(frame, SCHEMAS[kind], "t.parquet"), frame, check_dtype=False)


def test_columns_get_the_types_of_the_contract():
    frame = check_table(table("instances", frame=3), INSTANCES, "t.parquet")
    assert frame["frame"].tolist() == [pd.NA, pd.NA, 3]
    assert {name: str(frame[name].dtype) for name in ("width", "height", "frame", "bbox_x")} == {
        "width": "int32",
        "height": "int32",
        "frame": "Int32",
        "bbox_x": "float64",
    }


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        ("instances", "class_name", None),
        ("instances", "image_id", None),
        ("instances", "width", 0),
        ("instances", "height", -5),
        ("instances", "width", "wide"),
        ("instances", "frame", -1),
        ("instances", "area_fraction", 0.0),
        ("instances", "area_fraction", 1.01),
        ("instances", "area_fraction", np.nan),
        ("instances", "bbox_x", -1.0),
        ("instances", "bbox_w", 0.0),
        ("instances", "rle", ""),
        ("instances", "rle", None),
        ("prototypes", "timestep", 1000),
        ("prototypes", "timestep", -1),
        ("prototypes", "n_cells@16", -1),
        ("prototypes", "view", None),
        ("distances", "set", "sisi"),
        ("distances", "condition", None),
        ("distances", "distance", np.nan),
        ("sets", "set", "sisi"),
        ("sets", "n", -1),
        ("tests", "set_b", "sisi"),
        ("tests", "p", 1.5),
        ("tests", "log10_p", 0.1),
        ("separation", "comparison", "across"),
        ("separation", "separation", 1.1),
        ("separation", "p", 0.0 - 1e-9),
        ("class_separation", "n_units", -1),
        ("contrasts", "se", -0.1),
        ("artefacts", "variance_share", 1.1),
        ("artefacts", "place_r2", 1.1),
        ("influence", "influence", np.nan),
        ("unit_totals", "n", 0),
        ("tests", "dunn_table1", -0.1),
        ("tests", "cliffs_delta", 1.5),
        ("order", "verdict", "perhaps"),
        ("sets", "shapiro_w", 1.1),
    ],
)
def test_bad_value_is_refused_by_file_column_and_row(kind, column, value):
    with pytest.raises(ValueError, match=rf"^somewhere/t\.parquet: column '{column}', row 2: "):
        check_table(table(kind, **{column: value}), SCHEMAS[kind], "somewhere/t.parquet")


@pytest.mark.parametrize("kind", KEY)
def test_repeated_row_is_refused(kind):
    with pytest.raises(ValueError, match=r"^t\.parquet: column 'instance_id', row 1: '2007_000032/1'"):
        check_table(table(kind, instance_id="2007_000032/1"), SCHEMAS[kind], "t.parquet")


def test_prototypes_repeat_an_instance_under_another_view_or_timestep():
    frame = table("prototypes")
    frame["instance_id"] = "2007_000032/1"
    frame["timestep"] = [0, 0, 1]
    frame["view"] = ["identity", "hflip", "identity"]
    assert len(check_table(frame, PROTOTYPES, "t.parquet")) == 3


@pytest.mark.parametrize(("kind", "column"), [("instances", "rle"), ("tests", "dunn_table1")])
def test_missing_column_is_refused_by_name(kind, column):
    with pytest.raises(ValueError, match=rf"^t\.parquet: .*'{column}'"):
        check_table(table(kind).drop(columns=column), SCHEMAS[kind], "t.parquet")


@pytest.mark.parametrize("kind", SCHEMAS)
def test_unknown_column_is_refused_by_name(kind):
    with pytest.raises(ValueError, match=r"^t\.parquet: .*'colour'"):
        check_table(table(kind).assign(colour="red"), SCHEMAS[kind], "t.parquet")


def test_all_failures_are_counted():
    frame = table("instances", width=0, height=0)
    with pytest.raises(ValueError, match=r"\(2 failures in all\)"):
        check_table(frame, INSTANCES, "t.parquet")


WRITERS = pytest.mark.parametrize(
    ("write", "read"), [(write_parquet, pd.read_parquet), (write_csv, pd.read_csv)], ids=["parquet", "csv"]
)


@WRITERS
def test_what_is_written_is_read_back(tmp_path, write, read):
    path = tmp_path / "t"
    write(table("tests"), STATISTICS["tests"], path)
    pd.testing.assert_frame_equal(read(path), table("tests"), check_dtype=False)


@WRITERS
def test_bad_table_is_not_written(tmp_path, write, read):
    path = tmp_path / "t"
    write(table("tests"), STATISTICS["tests"], path)
    with pytest.raises(ValueError, match=rf"{path}: column 'p', row 2"):
        write(table("tests", p=7), STATISTICS["tests"], path)
    pd.testing.assert_frame_equal(read(path), table("tests"), check_dtype=False)
    assert list(tmp_path.iterdir()) == [path]
