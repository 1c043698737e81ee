"""Fill the tables of docs/data.md from the contracts of the library: make docs.

A table stands between ``<!-- contract: extract.latents.LATENTS -->`` and ``<!-- end -->``. All else is written by hand.
"""

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import pandera.pandas as pa

from semlens.storage.shard_writer import Item, ShardContract

DATA = Path(__file__).with_name("data.md")
TABLE = re.compile(r"(<!-- contract: ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)
TYPES = {"string[pyarrow]": "text", "str": "text", "category": "text", "list<item: float>[pyarrow]": "list of float32"}

Contract = pa.DataFrameSchema | ShardContract


def load_contract(name: str) -> Contract:
    """Return a contract by its place in the library, such as ``extract.latents.LATENTS``."""
    module, _, constant = name.rpartition(".")
    return getattr(import_module(f"semlens.{module}"), constant)


def fill_tables(text: str) -> str:
    """Return a page with the tables that its contracts give now."""
    return TABLE.sub(lambda match: f"{match[1]}\n{render_contract(load_contract(match[2]))}\n{match[3]}", text)


def render_contract(contract: Contract) -> str:
    """Return the tables of a contract: of columns and metadata, or of datasets and attributes."""
    if isinstance(contract, ShardContract):
        datasets = [(name, item.shape, *_describe_item(item)) for name, item in contract.datasets.items()]
        attributes = [(name, *_describe_item(item)) for name, item in contract.attributes.items()]
        tables = [
            _render_table(("dataset", "shape", "type", "meaning"), datasets),
            _render_table(("attribute", "type", "meaning"), attributes),
        ]
    else:
        columns = [
            (column.title or name, _name_type(column), _describe_values(column), column.description)
            for name, column in contract.columns.items()
        ]
        metadata = [(key.decode(), "JSON", text) for key, text in (contract.metadata or {}).items()]
        tables = [
            _render_table(("column", "type", "values", "meaning"), columns),
            _render_table(("metadata", "type", "meaning"), metadata),
        ]
    return "\n".join(filter(None, tables))


def _render_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table whose first cells are code, or nothing if it has no rows."""
    lines = [f"| `{name}` | {' | '.join(cells)} |\n" for name, *cells in rows]
    if not lines:
        return ""
    return "".join([f"| {' | '.join(header)} |\n", "|---" * len(header), "|\n", *lines]).replace("|  |", "| |")


def _describe_item(item: Item) -> tuple[str, str]:
    dtypes = (item.dtype,) if isinstance(item.dtype, str) else item.dtype
    return " or ".join(dtypes), f"{item.description}{' Not always there.' if item.optional else ''}"


def _name_type(column: pa.Column) -> str:
    return TYPES.get(str(column.dtype), str(column.dtype).lower())


def _describe_values(column: pa.Column) -> str:
    """Return the range of a column's values, and whether one may be missing."""
    ranges = [_describe_check(check.name, check.statistics) for check in column.checks]
    return "; ".join([*ranges, *(["or empty"] if column.nullable else [])])


def _describe_check(name: str, limits: dict) -> str:
    match name:
        case "isin":
            return ", ".join(limits["allowed_values"])
        case "in_range":
            return f"{'' if limits['include_min'] else 'over '}{limits['min_value']} to {limits['max_value']:g}"
        case "greater_than":
            return f"> {limits['min_value']}"
        case "greater_than_or_equal_to":
            return f"≥ {limits['min_value']}"
        case "less_than_or_equal_to":
            return f"≤ {limits['max_value']}"
        case "str_length":
            return "not empty"
    raise ValueError(f"no words for the check {name!r}; add them to docs/write_data.py")


if __name__ == "__main__":
    DATA.write_text(fill_tables(DATA.read_text(encoding="utf-8")), encoding="utf-8")
