"""Checksums of chunks: HDF5's own, byte for byte, and what they notice."""

import h5py
import numpy as np
import pytest

from semlens.storage.fletcher import BYTES, is_whole, seal_chunk
from semlens.storage.shard_reader import open_shard, read_samples
from semlens.storage.shard_writer import create_shard, write_samples

RNG = np.random.default_rng(0)
SHAPES = [(1,), (2, 7), (3, 5, 9), (1280, 16, 16), (320, 64, 64)]  # of a sample


def draw_values(kind, shape, dtype):
    size = 3 * np.prod(shape) * np.dtype(dtype).itemsize
    values = {
        "random": RNG.integers(0, 256, size, dtype=np.uint8),
        "zeros": np.zeros(size, np.uint8),
        "ones": np.full(size, 255, np.uint8),  # each word is 0 modulo 65535, and yet not 0
    }[kind]
    return values.view(dtype).reshape(3, *shape)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["random", "zeros", "ones"])
def test_a_sealed_chunk_is_what_hdf5_stores(tmp_path, kind, shape, dtype):
    values = draw_values(kind, shape, dtype)
    with h5py.File(tmp_path / "hdf5.h5", "w") as file:
        dataset = file.create_dataset("x", data=values, chunks=(1, *shape), fletcher32=True)
        stored = [dataset.id.read_direct_chunk((row, *[0] * len(shape)))[1] for row in range(len(values))]
    assert [seal_chunk(sample).tobytes() for sample in values] == stored


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_hdf5_reads_what_is_written_and_the_other_way_round(tmp_path, dtype):
    values = draw_values("random", (4, 8, 8), dtype)
    with create_shard(tmp_path / "ours.h5", {}, {}) as file:
        write_samples(file, "x", 0, values, total=3)
    with h5py.File(tmp_path / "ours.h5") as file:
        assert file["x"].fletcher32 and file["x"][:].tobytes() == values.tobytes()
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(1, 4, 8, 8), fletcher32=True)
    with open_shard(tmp_path / "theirs.h5") as file:
        assert read_samples(file, "x", slice(1, 3)).tobytes() == values[1:].tobytes()


@pytest.mark.parametrize("bit", [0, 7, 8 * 700 + 3, 8 * 1023 + 7, 8 * 1024, 8 * (1024 + BYTES) - 1])
def test_any_flipped_bit_is_found(bit):
    sealed = seal_chunk(draw_values("random", (256,), "float32")[0])
    assert is_whole(sealed)
    sealed[bit // 8] ^= 1 << bit % 8
    assert not is_whole(sealed)


def test_swapped_words_are_found():
    """A sum alone would not."""
    sealed = seal_chunk(np.arange(256, dtype=np.float32))
    sealed[4:8], sealed[40:44] = sealed[40:44].copy(), sealed[4:8].copy()
    assert not is_whole(sealed)
