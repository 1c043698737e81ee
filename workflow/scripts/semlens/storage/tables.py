"""Tables that are checked against their contract when they are written, and written at once or not at all.

Every page of a Parquet table has a checksum, and so has its footer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from semlens.runtime.files import write_atomically
from semlens.storage.csv_tables import TEXT, guard_formula
from semlens.storage.parquet_seal import seal_footer


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
    with create_table(path, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def create_table(
    path: str | Path, schema: arrow.Schema, *, use_dictionary: bool | list[str] = True
) -> Iterator[parquet.ParquetWriter]:
    """Give a writer of a Parquet table, which appears under its name when the block ends without an error.

    Parameters
    ----------
    use_dictionary
        Whether to write repeated values once; or the columns where to.
    """
    with write_atomically(path) as file:
        with parquet.ParquetWriter(file, schema, use_dictionary=use_dictionary, write_page_checksum=True) as writer:
            yield writer
        seal_footer(file)


def write_csv(frame: pd.DataFrame, schema: pa.DataFrameSchema, path: str | Path) -> None:
    """Check ``frame`` against ``schema`` and write it at once or not at all."""
    with write_atomically(path) as file:
        checked = check_table(frame, schema, path)
        text = checked.columns.intersection(TEXT)
        checked.assign(**{name: checked[name].map(guard_formula) for name in text}).to_csv(file, index=False)
