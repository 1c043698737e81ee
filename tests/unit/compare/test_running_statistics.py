"""Moments that are joined piece by piece against those of the whole."""

import json

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from semlens.compare.running_statistics import RunningStatistics, encode_running_statistics, read_running_statistics


@pytest.mark.parametrize("cuts", [[], [1], [0, 500, 500], [1, 2, 3, 999]])
@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_pieces_add_up_to_the_whole(cuts, shift):
    x = np.random.default_rng(0).gamma(2, size=1000) + shift
    found = sum(map(RunningStatistics.from_values, np.split(x, cuts)), start=RunningStatistics())
    assert (found.n, found.min, found.max) == (1000, x.min(), x.max())
    assert found.mean == pytest.approx(x.mean(), rel=1e-14)
    assert found.std == pytest.approx(np.std(x, ddof=1), rel=1e-10)


def test_float32_is_summed_in_float64():
    x = np.full(1_000_000, 0.1, dtype=np.float32)
    assert RunningStatistics.from_values(x).mean == pytest.approx(float(np.float32(0.1)), rel=1e-15)
    assert RunningStatistics.from_values(x).std == pytest.approx(0, abs=1e-12)


def test_the_numbers_given_are_left_as_they_are():
    x = np.array([1.0, 3.0])
    RunningStatistics.from_values(x)
    assert x.tolist() == [1, 3]


def test_nothing_has_no_mean_and_one_number_no_deviation():
    assert RunningStatistics() + RunningStatistics() == RunningStatistics.from_values(np.array([])) and np.isnan(
        RunningStatistics().std
    )
    one = RunningStatistics.from_values(np.array([5.0]))
    assert (one.n, one.mean, one.min, one.max) == (1, 5, 5, 5)
    assert np.isnan(one.std)


def test_a_table_carries_them_exactly(tmp_path):
    x = np.random.default_rng(0).random(77)
    said = encode_running_statistics(
        {"cosine": {"scsi": RunningStatistics.from_values(x), "dcsi": RunningStatistics()}, "1": {}}
    )
    parquet.write_table(arrow.table({"distance": x}).replace_schema_metadata(said), tmp_path / "d.parquet")
    assert read_running_statistics(tmp_path / "d.parquet") == {
        "cosine": {"scsi": RunningStatistics.from_values(x)},
        "1": {},
    }
    assert "NaN" not in json.dumps(json.loads(said[b"running_statistics"]))
