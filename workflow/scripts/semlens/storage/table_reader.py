"""Reading Parquet tables: every checksum is verified, and errors name the file."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as arrow
import pyarrow.dataset as arrow_dataset
import pyarrow.parquet as parquet

from semlens.runtime.files import quarantine_if_corrupt
from semlens.storage.parquet_seal import check_footer

_VERIFIED = arrow_dataset.ParquetFileFormat(
    default_fragment_scan_options=arrow_dataset.ParquetFragmentScanOptions(page_checksum_verification=True)
)


def read_table(
    path: str | Path, columns: Sequence[str] | None = None, where: arrow_dataset.Expression | None = None
) -> pd.DataFrame:
    """Return a table, or some of its columns and those rows for which an expression is true.

    Raises
    ------
    ValueError
        If it cannot be decoded; it is set aside.
    """
    return read_arrow(path, columns, where).to_pandas()


def read_arrow(
    path: str | Path, columns: Sequence[str] | None = None, where: arrow_dataset.Expression | None = None
) -> arrow.Table:
    """Return the same as Arrow has it."""
    with quarantine_if_corrupt(path):
        check_footer(path)
        return arrow_dataset.dataset(path, format=_VERIFIED).to_table(columns=columns, filter=where)


def read_schema(path: str | Path) -> arrow.Schema:
    """Return columns, types and metadata of a table.

    Raises
    ------
    ValueError
        If they cannot be decoded; the table is set aside.
    """
    with quarantine_if_corrupt(path):
        check_footer(path)
        found = parquet.read_metadata(path)
        return found.schema.to_arrow_schema().with_metadata(found.metadata)
