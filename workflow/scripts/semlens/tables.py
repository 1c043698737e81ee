"""Contracts of every table: columns, types and ranges, checked when a table is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

SETS = ("scsi", "scdi", "dcsi", "dcdi", "sidi")


def _fraction() -> pa.Check:
    return pa.Check.in_range(0, 1)


_SEEN = {
    "dataset": pa.Column(str),
    "image_id": pa.Column(str),
    "file": pa.Column(str),
    "width": pa.Column("int32", pa.Check.gt(0)),
    "height": pa.Column("int32", pa.Check.gt(0)),
    "instance_id": pa.Column(str),
    "category": pa.Column(str),
    "identity": pa.Column(str, nullable=True),
    "video": pa.Column(str, nullable=True),
    "frame": pa.Column("Int32", pa.Check.ge(0), nullable=True),
    "area_fraction": pa.Column("float64", pa.Check.in_range(0, 1, include_min=False)),
    "bbox_x": pa.Column("float64", pa.Check.ge(0)),
    "bbox_y": pa.Column("float64", pa.Check.ge(0)),
    "bbox_w": pa.Column("float64", pa.Check.gt(0)),
    "bbox_h": pa.Column("float64", pa.Check.gt(0)),
}

INDEX = pa.DataFrameSchema(_SEEN, unique=["instance_id"], strict=True, coerce=True, ordered=True)
INSTANCES = INDEX.add_columns({"rle": pa.Column(str, pa.Check.str_length(min_value=1))})

PROTOTYPES = pa.DataFrameSchema(
    {
        **{name: column for name, column in _SEEN.items() if name not in ("file", "width", "height")},
        "view": pa.Column(str),
        "timestep": pa.Column("int32", pa.Check.in_range(0, 999)),
        r"cells@\d+": pa.Column("int32", pa.Check.ge(0), regex=True),
        r"fallback@\d+": pa.Column(bool, regex=True),
    },
    unique=["instance_id", "view", "timestep"],
    strict=True,
    coerce=True,
)

DISTANCES = pa.DataFrameSchema(
    {
        "condition": pa.Column("category"),
        "set": pa.Column("category", pa.Check.isin(SETS)),
        "i": pa.Column("int32", pa.Check.ge(0)),
        "j": pa.Column("int32", pa.Check.ge(0)),
        "distance": pa.Column("float32"),
    },
    strict=True,
    ordered=True,
)

_PAIR = {
    "condition": pa.Column(str),
    "set_a": pa.Column(str, pa.Check.isin(SETS)),
    "set_b": pa.Column(str, pa.Check.isin(SETS)),
}

STATISTICS = {
    "sets": pa.DataFrameSchema(
        {
            "condition": pa.Column(str),
            "set": pa.Column(str, pa.Check.isin(SETS)),
            "n": pa.Column("int64", pa.Check.ge(0)),
            **{
                name: pa.Column("float64", nullable=True)
                for name in ("mean", "std", "min", "whisker_low", "q1", "median", "q3", "whisker_high", "max")
            },
        },
        strict=True,
        coerce=True,
    ),
    "pairs": pa.DataFrameSchema(
        {
            **_PAIR,
            "h": pa.Column("float64", nullable=True),
            "p": pa.Column("float64", _fraction(), nullable=True),
            "log10_p": pa.Column("float64", pa.Check.le(0), nullable=True),
            "p_holm": pa.Column("float64", _fraction(), nullable=True),
            "dunn": pa.Column("float64", pa.Check.ge(0), nullable=True),
            "dunn_classical": pa.Column("float64", pa.Check.ge(0), nullable=True),
            "cliffs_delta": pa.Column("float64", pa.Check.in_range(-1, 1), nullable=True),
        },
        strict=True,
        coerce=True,
    ),
    "trend": pa.DataFrameSchema(
        {
            "condition": pa.Column(str),
            "expected": pa.Column(str),
            "observed": pa.Column(str),
            "verdict": pa.Column(str, pa.Check.isin(["holds", "does not hold", "empty set"])),
        },
        strict=True,
        coerce=True,
    ),
    "normality": pa.DataFrameSchema(
        {
            "condition": pa.Column(str),
            "set": pa.Column(str, pa.Check.isin(SETS)),
            "n": pa.Column("int64", pa.Check.ge(0)),
            "n_tested": pa.Column("int64", pa.Check.ge(0)),
            "w": pa.Column("float64", pa.Check.in_range(0, 1 + 1e-9), nullable=True),
            "p": pa.Column("float64", _fraction(), nullable=True),
        },
        strict=True,
        coerce=True,
    ),
}


def check(frame: pd.DataFrame, schema: pa.DataFrameSchema, path: str | Path) -> pd.DataFrame:
    """Return ``frame`` coerced to ``schema``.

    Raises
    ------
    ValueError
        Naming the file, the column and the first offending row.
    """
    try:
        return schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        first = errors.failure_cases.iloc[0]
        raise ValueError(
            f"{path}: column {first['column']!r}, row {first['index']}: {first['failure_case']!r} fails "
            f"{first['check']} ({len(errors.failure_cases)} failures in all)"
        ) from None


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Give a name beside ``path`` to write under; what was written becomes ``path`` if the block ends well."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(path)


def write_parquet(frame: pd.DataFrame, schema: pa.DataFrameSchema, path: str | Path) -> None:
    """Check ``frame`` against ``schema`` and write it at once or not at all."""
    table = arrow.Table.from_pandas(check(frame, schema, path), preserve_index=False)
    with whole(path) as file:
        parquet.write_table(table, file)


def write_csv(frame: pd.DataFrame, schema: pa.DataFrameSchema, path: str | Path) -> None:
    """Check ``frame`` against ``schema`` and write it at once or not at all."""
    with whole(path) as file:
        check(frame, schema, path).to_csv(file, index=False)
