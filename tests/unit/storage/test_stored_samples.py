"""Samples that threads read past HDF5: those that are asked for, of that file, or an error that says what is wrong."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from semlens.storage import stored_samples
from semlens.storage.shard_reader import open_shard
from semlens.storage.shard_writer import create_shard, write_samples
from semlens.storage.stored_samples import locate_samples

COUNT = 40


def number_samples(side):
    """Samples that say in every value which they are."""
    return np.repeat(np.arange(COUNT, dtype=np.float32), 8 * side * side).reshape(COUNT, 8, side, side)


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard.h5"
    with create_shard(path, {}, {}) as file:
        write_samples(file, "large", 0, number_samples(64), total=COUNT)
        write_samples(file, "small", 0, number_samples(16), total=COUNT)
        file.create_dataset("packed", data=number_samples(16), chunks=(1, 8, 16, 16), compression="gzip")
    return path


def test_threads_read_side_by_side(shard):
    with open_shard(shard) as file, ThreadPoolExecutor(8) as pool:
        stored = locate_samples(file, ["large", "small", "packed"])
        chosen = {name: samples.select(slice(10, COUNT)) for name, samples in stored.items()}

        def read_one(name, place):
            sample = chosen[name][place]
            return all((sample == place + 10).all() for _ in range(20))

        asked = [(name, place) for place in range(COUNT - 10) for name in chosen] * 5
        assert all(pool.map(read_one, *zip(*asked, strict=True)))
    assert [len(samples) for samples in chosen.values()] == [COUNT - 10] * 3


def test_samples_that_hdf5_wrote_without_a_checksum_among_others_are_read(tmp_path):
    """A filter may be left out of a chunk."""
    values = number_samples(16)
    with h5py.File(tmp_path / "shard.h5", "w") as file:
        dataset = file.create_dataset("x", data=values, chunks=(1, 8, 16, 16), fletcher32=True)
        dataset.id.write_direct_chunk((3, 0, 0, 0), values[3].tobytes(), filter_mask=1)
    with open_shard(tmp_path / "shard.h5") as file:
        samples = locate_samples(file, ["x"])["x"]
        assert [samples[place].max() for place in range(COUNT)] == list(range(COUNT))


def test_samples_of_another_file_are_read_there(shard, tmp_path):
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file["small"] = h5py.ExternalLink(shard.name, "large")
    with open_shard(tmp_path / "linked.h5") as file:
        samples = locate_samples(file, ["small"])["small"]
        assert (samples[7] == 7).all()


def test_a_thread_may_read_on_while_the_shard_is_closed(shard):
    """A second interrupt may close it, and its number may be given to another file."""
    with open_shard(shard) as file:
        samples = locate_samples(file, ["small"])["small"]
    with (shard.parent / "other").open("wb") as other:
        other.write(bytes(10_000_000))
        assert (samples[7] == 7).all()
    assert shard.exists()


def test_files_are_closed_once_nobody_reads(shard):
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    for _ in range(3):
        with open_shard(shard) as file:
            locate_samples(file, ["small"])["small"][0]
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208


def test_a_list_of_samples_cannot_be_made(shard):
    """All of them would be the last."""
    with open_shard(shard) as file:
        samples = locate_samples(file, ["small"])["small"]
        with pytest.raises(TypeError):
            list(samples)
        with pytest.raises(TypeError):
            np.stack(samples)


def test_what_the_system_reports_names_the_file_and_leaves_it(shard, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    with open_shard(shard) as file:
        samples = locate_samples(file, ["small"])["small"]
        monkeypatch.setattr(stored_samples.os, "preadv", fail)
        with pytest.raises(OSError, match=r"Input/output error: '.*shard\.h5'"):
            samples[0]
    assert shard.exists()


def test_a_dataset_with_fewer_samples_than_there_are_is_refused(shard):
    with (
        open_shard(shard) as file,
        pytest.raises(ValueError, match=r"shard\.h5 is corrupt \(/small has 40 samples, not 41"),
    ):
        locate_samples(file, ["small"])["small"].select(slice(38, 41))


@pytest.mark.parametrize("part", [0, 1, 7])
def test_what_is_read_in_pieces_is_whole(shard, monkeypatch, part):
    """The system may give fewer bytes than it was asked for; none at the end of the file."""
    preadv = os.preadv
    monkeypatch.setattr(
        stored_samples.os, "preadv", lambda file, parts, at: preadv(file, [parts[0][: part * 1000]], at)
    )
    with open_shard(shard) as file:
        samples = locate_samples(file, ["small"])["small"]
        if part:
            assert (samples[7] == 7).all()
        else:
            with pytest.raises(ValueError, match="ends too early"):
                samples[7]
