"""No changed bit of a table or shard is believed, wherever it is; and what is whole is not taken for damaged."""

import resource
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from semlens.storage.shard_reader import open_shard, read_attribute, read_names, read_samples, read_texts
from semlens.storage.shard_writer import create_shard, write_array, write_samples
from semlens.storage.table_reader import read_arrow, read_schema
from semlens.storage.tables import create_table

VALUES = np.random.default_rng(0).random((5, 3, 4, 4), dtype=np.float32)
NAMES = ["walk/0", "walk/1", "ü", "d", "e"]


@contextmanager
def opened_elsewhere(path, mode):
    """Another process that has the file open, with a lock."""
    code = f"import h5py; file = h5py.File({str(path)!r}, {mode!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as notebook:
        assert notebook.stdout.readline() == b"open\n"
        yield
        notebook.communicate(b"\n")


def write_shard(path):
    with create_shard(path, {"layers": ["enc16.1", "mid8"], "size": 512}, {"extract": {"device": "cpu"}}) as file:
        write_array(file, "identity/sample_id", NAMES)
        write_samples(file, "identity/enc16.1", 0, VALUES, total=len(VALUES))


def read_shard(path):
    with open_shard(path) as file:
        return (
            [read_attribute(file, name) for name in ("layers", "size", "environment")],
            [read_names(file), read_names(file, "identity"), read_texts(file, "identity/sample_id")],
            read_samples(file, "identity/enc16.1").tobytes(),
        )


def write_table(path):
    vectors = arrow.FixedSizeListArray.from_arrays(arrow.array(VALUES.ravel()), 48)
    table = arrow.table({"instance_id": NAMES, "timestep": [0, 0, 1, 1, 2], "enc16.1@16": vectors})
    table = table.replace_schema_metadata({"layer_sets": '{"16": ["enc16.1@16"]}'})
    with create_table(path, table.schema, use_dictionary=["timestep"]) as writer:
        writer.write_table(table)


def read_whole_table(path):
    return read_schema(path).metadata, read_arrow(path).to_pydict()


KINDS = {"shard.h5": (write_shard, read_shard), "table.parquet": (write_table, read_whole_table)}


@pytest.fixture(params=KINDS)
def stored(request, tmp_path):
    write, read = KINDS[request.param]
    path = tmp_path / request.param
    write(path)
    return path, read


def test_a_changed_bit_is_harmless_or_refused(stored):
    path, read = stored
    whole, content = read(path), path.read_bytes()
    random = np.random.default_rng(1)
    tail = np.arange(len(content) - 40, len(content))  # where Parquet's checksum of the footer, length and magic are
    refused = 0
    for place in [*random.integers(len(content), size=400), *tail]:
        changed = bytearray(content)
        changed[place] ^= 1 << random.integers(8)
        path.write_bytes(changed)
        try:
            assert read(path) == whole, f"byte {place} of {len(content)}"
        except ValueError as error:
            assert "is corrupt" in str(error)
            assert path.with_name(f"{path.name}.corrupt").read_bytes() == changed
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(stored, share):
    path, read = stored
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="is corrupt"):
        read(path)
    assert not path.exists()


def test_without_file_handles_nothing_is_set_aside(stored):
    path, read = stored
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                held.append(open("/dev/null"))  # noqa: PTH123, SIM115
        with pytest.raises(OSError, match="Too many open files"):
            read(path)
    finally:
        for file in held:
            file.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert path.exists() and read(path)


def test_a_shard_that_a_notebook_has_open_is_read(tmp_path):
    path = tmp_path / "shard.h5"
    write_shard(path)
    whole = read_shard(path)
    with opened_elsewhere(path, "r"):
        assert read_shard(path) == whole


def test_a_shard_that_a_notebook_changes_is_neither_read_nor_set_aside(tmp_path):
    path = tmp_path / "shard.h5"
    write_shard(path)
    with opened_elsewhere(path, "r+"), pytest.raises(OSError, match=r"opened it to change it.*shard\.h5"):
        read_shard(path)
    assert [file.name for file in tmp_path.iterdir()] == ["shard.h5"]


def test_tables_of_other_programs_are_read(tmp_path):
    path = tmp_path / "table.parquet"
    parquet.write_table(arrow.table({"a": [1, 2]}), path)
    assert read_arrow(path).to_pydict() == {"a": [1, 2]}
