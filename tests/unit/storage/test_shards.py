"""Shards are whole or absent, say what they are, and name themselves when they are damaged."""

import h5py
import numpy as np
import pytest

from semlens.storage.environment import describe_environment
from semlens.storage.shard_reader import open_shard, read_attribute, read_environment, read_samples, read_texts
from semlens.storage.shard_writer import create_shard, write_array, write_samples
from semlens.storage.stored_samples import locate_samples

MADE = describe_environment("extract", "a GPU")
VALUES = np.arange(24, dtype=np.float32).reshape(4, 2, 3)


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard.h5"
    with create_shard(path, {"extraction": "plain"}, MADE) as file:
        write_array(file, "identity/sample_id", ["a", "ü", "c", "d"])
        for start in (0, 3):
            write_samples(file, "identity/t0/enc16.1", start, VALUES[start : start + 3], total=4)
    return path


def test_what_is_put_in_parts_is_read_whole(shard):
    with open_shard(shard) as file:
        np.testing.assert_array_equal(read_samples(file, "identity/t0/enc16.1"), VALUES)
        np.testing.assert_array_equal(read_samples(file, "identity/t0/enc16.1", 2), VALUES[2])
        assert read_texts(file, "identity/sample_id") == ["a", "ü", "c", "d"]
        assert file["identity/t0/enc16.1"].chunks == (1, 2, 3)


def test_a_shard_says_what_it_is_and_what_wrote_it(shard):
    with open_shard(shard) as file:
        assert read_attribute(file, "extraction") == "plain"
        assert read_environment(file) == MADE
    assert (MADE["extract"]["device"], MADE["extract"]["h5py"]) == ("a GPU", h5py.__version__)


def test_a_failure_leaves_what_was_there_before(shard):
    before = shard.read_bytes()
    with pytest.raises(RuntimeError, match="interrupted"), create_shard(shard, {}, MADE) as file:
        write_samples(file, "identity/t0/enc16.1", 0, VALUES, total=4)
        raise RuntimeError("interrupted")
    assert shard.read_bytes() == before
    assert list(shard.parent.iterdir()) == [shard]


@pytest.mark.parametrize("damage", [lambda data: data[:500], lambda data: b"", lambda data: b"x" * len(data)])
def test_what_is_no_shard_is_named_with_the_way_out(shard, damage):
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(ValueError, match="run again, and only") as error, open_shard(shard):
        pass
    assert str(shard) in str(error.value)


def read_one_by_one(file, key):
    samples = locate_samples(file, [key])[key]
    return np.stack([samples[place].copy() for place in range(len(samples))])


READERS = {"at once": read_samples, "one by one": read_one_by_one}


@pytest.fixture(params=READERS)
def read(request):
    return READERS[request.param]


def test_a_flipped_bit_in_the_values_is_noticed(shard, read):
    data = bytearray(shard.read_bytes())
    place = data.index(VALUES[1].tobytes())
    data[place] ^= 1
    shard.write_bytes(data)
    with open_shard(shard) as file, pytest.raises(ValueError, match=r"shard\.h5 is corrupt \(.* at sample 1\)"):
        read(file, "identity/t0/enc16.1")
    assert not shard.exists()


def test_a_sample_that_was_never_written_is_not_taken_for_zeros(tmp_path, read):
    with create_shard(tmp_path / "shard.h5", {}, {}) as file:
        write_samples(file, "x", 0, np.ones((1, 4, 4), np.float32), total=2)
    with open_shard(tmp_path / "shard.h5") as file, pytest.raises(ValueError, match="is corrupt"):
        read(file, "x")


def test_a_file_that_is_cut_while_it_is_read_is_noticed(shard, read):
    with open_shard(shard) as file:
        place = shard.read_bytes().index(VALUES[3].tobytes())
        with shard.open("r+b") as other:
            other.truncate(place + 5)
        with pytest.raises(ValueError, match="is corrupt"):
            read(file, "identity/t0/enc16.1")


HOW = {
    "sealed": {"chunks": (1, 2, 3), "fletcher32": True},
    "several in a chunk": {"chunks": (3, 2, 3), "fletcher32": True},
    "parts of one in a chunk": {"chunks": (1, 1, 3), "fletcher32": True},
    "compressed": {"chunks": (1, 2, 3), "compression": "gzip", "fletcher32": True},
    "shuffled": {"chunks": (1, 2, 3), "shuffle": True, "fletcher32": True},
    "without checksums": {"chunks": (1, 2, 3)},
    "in one piece": {},
    "with the other byte first": {"chunks": (1, 2, 3), "fletcher32": True, "dtype": ">f4"},
}


@pytest.mark.parametrize("block", [0, 512], ids=["", "behind other bytes"])
@pytest.mark.parametrize("how", HOW)
def test_however_values_are_stored_they_are_read(tmp_path, how, block, read):
    with h5py.File(tmp_path / "shard.h5", "w", userblock_size=block) as file:
        file.create_dataset("x", data=VALUES, **HOW[how])
    with open_shard(tmp_path / "shard.h5") as file:
        np.testing.assert_array_equal(read(file, "x"), VALUES)


def test_a_missing_dataset_is_a_corrupt_shard(shard):
    with open_shard(shard) as file, pytest.raises(ValueError, match=r"shard\.h5 is corrupt"):
        read_samples(file, "identity/t50/enc16.1")
