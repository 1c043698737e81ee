"""Text comes back from a CSV table as it was, and a spreadsheet takes none for a formula."""

import pandas as pd
import pandera.pandas as pa
import pytest

from semlens.storage.csv_tables import read_csv
from semlens.storage.tables import write_csv

NAMES = [
    *("=cmd|' /C calc'!A0", "+1", "-1", "@sum", "\ttab", "'quoted'", "'=", "NA", "nan", "null", "None", "1.0", "007"),
    *("True", 'a "b", c', "two\nlines", "猫", "🐕", "$x^2$", "a|b", "a & b", "<b>"),
]
SCHEMA = pa.DataFrameSchema({"class_name": pa.Column(str), "mean": pa.Column(float, nullable=True)})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "t.csv"
    write_csv(pd.DataFrame({"class_name": NAMES, "mean": [0.1, None] * 11}), SCHEMA, path)
    return path


def test_names_come_back(path):
    table = read_csv(path)
    assert table["class_name"].tolist() == NAMES
    assert table["mean"].isna().tolist() == [False, True] * 11


def test_no_cell_begins_like_a_formula(path):
    cells = pd.read_csv(path, dtype=str, keep_default_na=False)["class_name"]
    assert not [cell for cell in cells if cell[0] in "=+-@\t"]


def test_columns_are_text_where_they_are_asked_to_be(tmp_path):
    path = tmp_path / "t.csv"
    schema = pa.DataFrameSchema({name: pa.Column(str, nullable=True) for name in ("seed", "timestep")})
    write_csv(pd.DataFrame({"seed": ["-1", "007", None], "timestep": [None, None, None]}), schema, path)
    table = read_csv(path, text=["seed", "timestep"])
    assert table["seed"].tolist()[:2] == ["-1", "007"] and pd.isna(table["seed"][2])
    assert table["timestep"].isna().all()
