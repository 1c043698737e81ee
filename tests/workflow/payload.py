"""What artefacts hold, apart from how and when they were written: two runs are alike if nothing here differs."""

import json
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet


def differing(a: Path, b: Path, names: set[str]) -> set[str]:
    """Return those of some files, in both folders, that hold different things."""
    return {name for name in names if not alike(a / name, b / name)}


def alike(a: Path, b: Path) -> bool:
    """Whether two files hold the same: numbers bit by bit, texts byte by byte."""
    if a.suffix == ".parquet":
        first, second = _read_table(a), _read_table(b)
        return first.equals(second) and first.schema.equals(second.schema, check_metadata=True)
    if a.suffix == ".h5":
        with h5py.File(a) as first, h5py.File(b) as second:
            return _contents(first) == _contents(second)
    return a.read_bytes() == b.read_bytes()


def _undated(environment: str | bytes) -> str:
    """What every stage ran on, without the time at which it did."""
    stages = json.loads(environment)
    assert all(stage.pop("date") for stage in stages.values())
    return json.dumps(stages, sort_keys=True)


def _read_table(path: Path) -> pa.Table:
    table = parquet.read_table(path)
    metadata = dict(parquet.read_metadata(path).metadata or {})
    metadata.pop(b"ARROW:schema", None)  # of types, which are compared
    if b"environment" in metadata:
        metadata[b"environment"] = _undated(metadata[b"environment"])
    return table.replace_schema_metadata(metadata)


def _contents(shard: h5py.File) -> dict[str, object]:
    found = {f"attribute {name}": np.asarray(value).tolist() for name, value in shard.attrs.items()}
    if "environment" in shard.attrs:
        found["attribute environment"] = _undated(np.asarray(shard.attrs["environment"]).tolist())

    def add(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[:].tolist() if item.dtype == object else (item.dtype, item.shape, item[:].tobytes())

    shard.visititems(add)
    return found
