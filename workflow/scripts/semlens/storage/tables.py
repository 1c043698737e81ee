"""Tables: the contract of instances, and files that are checked when written, whole or not at all.

Other contracts stand beside what writes them: prototypes, comparison, statistics.
"""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from semlens.runtime.files import write_atomically

INSTANCE_COLUMNS = {
    "dataset": pa.Column(str),
    "image_id": pa.Column(str),
    "file": pa.Column(str),
    "width": pa.Column("int32", pa.Check.gt(0)),
    "height": pa.Column("int32", pa.Check.gt(0)),
    "instance_id": pa.Column(str),
    "class_name": pa.Column(str),
    "identity": pa.Column(str, nullable=True),
    "video": pa.Column(str, nullable=True),
    "frame": pa.Column("Int32", pa.Check.ge(0), nullable=True),
    "area_fraction": pa.Column("float64", pa.Check.in_range(0, 1, include_min=False)),
    "bbox_x": pa.Column("float64", pa.Check.ge(0)),
    "bbox_y": pa.Column("float64", pa.Check.ge(0)),
    "bbox_w": pa.Column("float64", pa.Check.gt(0)),
    "bbox_h": pa.Column("float64", pa.Check.gt(0)),
}


INSTANCES = pa.DataFrameSchema(
    {**INSTANCE_COLUMNS, "rle": pa.Column(str, pa.Check.str_length(min_value=1))},
    unique=["instance_id"],
    strict=True,
    coerce=True,
    ordered=True,
)


def check_table(frame: pd.DataFrame, schema: pa.DataFrameSchema, path: str | Path) -> pd.DataFrame:
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


def write_parquet(frame: pd.DataFrame, schema: pa.DataFrameSchema, path: str | Path) -> None:
    """Check ``frame`` against ``schema`` and write it at once or not at all."""
    table = arrow.Table.from_pandas(check_table(frame, schema, path), preserve_index=False)
    with write_atomically(path) as file:
        parquet.write_table(table, file)


def write_csv(frame: pd.DataFrame, schema: pa.DataFrameSchema, path: str | Path) -> None:
    """Check ``frame`` against ``schema`` and write it at once or not at all."""
    with write_atomically(path) as file:
        check_table(frame, schema, path).to_csv(file, index=False)
