"""Tables that are checked against their contract when they are written, and written at once or not at all."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from semlens.runtime.files import write_atomically


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
