"""CSV tables: text comes back as it was written, whatever it looks like, and no spreadsheet takes it for a formula."""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

TEXT = (
    *("condition", "condition_a", "condition_b", "best", "model", "model_a", "model_b", "dataset"),
    *("experiment", "experiment_a", "experiment_b", "layers", "sequence"),
    *(
        "class_name",
        "class_a",
        "class_b",
        "instance_id",
        "instance_a",
        "instance_b",
        "image_id",
        "unit",
        "set",
        "set_a",
        "set_b",
        "few",
    ),
)
_FORMULA = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet's formula may begin with, perhaps guarded already


def guard_formula(text: object) -> object:
    """Return a text with an apostrophe in front if it could be taken for a formula; all else as it is."""
    return f"'{text}" if isinstance(text, str) and _FORMULA.match(text) else text


def read_csv(path: str | Path, *, text: Iterable[str] = ()) -> pd.DataFrame:
    """Return a table as it was before it was written: a class may be called NA or 1.0.

    Parameters
    ----------
    text
        Columns that hold text, beside those of ``TEXT``.
    """
    text = [*TEXT, *text]
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""], encoding="utf-8")
    for name in table.columns.intersection(text):
        table[name] = table[name].str.replace(rf"^'(?={_FORMULA.pattern})", "", regex=True)
    return table
