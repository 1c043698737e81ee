"""J and F of videos to means, recall, decay and intervals, against the toolkit's own arithmetic and plain formulas."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from semlens.propagate.masks import FRAME_SCORES
from semlens.statistics.propagation import PROPAGATION, evaluate_propagation, gather_masks, measure_decay
from semlens.storage.csv_tables import read_csv
from semlens.storage.tables import write_csv

ROUNDING = 1e-9
VIDEOS = {"walk": (2, 12), "run": (1, 9), "sit": (3, 30)}  # objects, frames


def measure_as_toolkit(values):
    """Mean, recall and decay as db_statistics of davis2017-evaluation has them."""
    edges = np.round(np.linspace(1, len(values), 5) + 1e-10) - 1
    edges = edges.astype(np.uint8)
    bins = [values[edges[i] : edges[i + 1] + 1] for i in range(4)]
    return np.nanmean(values), np.nanmean(values > 0.5), np.nanmean(bins[0]) - np.nanmean(bins[3])


@pytest.fixture
def write_scores(tmp_path):
    def write(videos=VIDEOS, conditions=(("64", 0), ("16", 100))):
        rng, paths = np.random.default_rng(0), []
        for name, (n_objects, n_frames) in videos.items():
            rows = [
                {
                    "sequence": name, "object": label, "layers": layers, "timestep": timestep, "frame": frame,
                    "j": rng.random(), "f": rng.random(),
                }
                for layers, timestep in conditions
                for label in range(1, n_objects + 1)
                for frame in range(n_frames)
            ]  # fmt: skip
            paths.append(tmp_path / f"{name}.csv")
            write_csv(pd.DataFrame(rows), FRAME_SCORES, paths[-1])
        return paths

    return write


def evaluate(paths, tmp_path):
    evaluate_propagation(scores=paths, seed=0, out=tmp_path / "out.csv")
    return PROPAGATION.validate(read_csv(tmp_path / "out.csv"))


def test_means_are_those_of_the_toolkit(write_scores, tmp_path):
    paths = write_scores()
    table, frames = evaluate(paths, tmp_path), pd.concat(map(read_csv, paths))
    assert list(zip(table["layers"], table["timestep"], strict=True)) == [("64", 0), ("16", 100)]
    for row in table.itertuples():
        rows = frames[(frames["layers"] == row.layers) & (frames["timestep"] == row.timestep)]
        objects = [one.iloc[1:-1] for _, one in rows.groupby(["sequence", "object"])]
        for key in ("j", "f"):
            expected = np.mean([measure_as_toolkit(one[key].to_numpy()) for one in objects], axis=0)
            found = [getattr(row, f"{key}_{name}") for name in ("mean", "recall", "decay")]
            np.testing.assert_allclose(found, expected, atol=ROUNDING)
        assert row.jf_mean == pytest.approx((row.j_mean + row.f_mean) / 2, abs=ROUNDING)
        assert (row.n_units, row.n_objects, row.n_frames) == (3, 6, 10 + 7 + 28)


def test_intervals_are_those_of_a_ratio_over_videos(write_scores, tmp_path):
    paths = write_scores({f"v{number}": (1 + number % 3, 8) for number in range(12)}, [("16", 0)])
    row, frames = evaluate(paths, tmp_path).iloc[0], pd.concat(map(read_csv, paths))
    judged = frames[frames["frame"].between(1, 6)]
    by_object = judged.groupby(["sequence", "object"])[["j", "f"]].mean().mean(axis=1)
    totals, counts = by_object.groupby("sequence").sum(), by_object.groupby("sequence").size()
    mean = totals.sum() / counts.sum()
    error = np.sqrt(12 / 11 * ((totals - mean * counts) ** 2).sum()) / counts.sum()
    assert row["jf_mean"] == pytest.approx(mean, abs=ROUNDING)
    assert row["high"] - mean == pytest.approx(stats.t.ppf(0.975, 11) * error, rel=1e-6)
    assert mean - row["low"] == pytest.approx(stats.t.ppf(0.975, 11) * error, rel=1e-6)


def test_one_video_has_no_interval_and_tells_no_condition_from_another(write_scores, tmp_path):
    table = evaluate(write_scores({"walk": (2, 12)}), tmp_path)
    assert table[["low", "high", "band_low", "band_high"]].isna().all(axis=None)
    assert len(table) == 2 and table["among_best"].all()


def test_a_worse_condition_is_told_apart(write_scores, tmp_path):
    paths = write_scores({f"v{number}": (1, 20) for number in range(10)})
    for path in paths:
        scores = read_csv(path)
        scores.loc[scores["layers"] == "16", ["j", "f"]] *= 0.3
        write_csv(scores, FRAME_SCORES, path)
    assert evaluate(paths, tmp_path)["among_best"].tolist() == [True, False]


@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 5, 17, 82, 300])
def test_decay_is_of_the_toolkits_quarters(n_frames):
    values = np.random.default_rng(n_frames).random(n_frames)
    if n_frames > 256:  # where the toolkit's edges, which have eight bits, wrap around
        assert measure_decay(np.linspace(1, 0, n_frames)) == pytest.approx(0.75, abs=0.01)
    else:
        assert measure_decay(values) == pytest.approx(measure_as_toolkit(values)[2], abs=ROUNDING)


def test_masks_lie_as_the_toolkit_reads_them(tmp_path):
    for sequence in ("walk", "run"):
        for place in ("16+8/t0", "64/t100"):
            file = tmp_path / "by_sequence" / sequence / place / "00000.png"
            file.parent.mkdir(parents=True)
            file.write_text(f"{sequence} {place}")
        (tmp_path / "by_sequence" / sequence / ".snakemake_timestamp").touch()
    gather_masks([tmp_path / "by_sequence" / name for name in ("walk", "run")], tmp_path / "masks")
    files = {str(file.relative_to(tmp_path / "masks")): file.read_text() for file in (tmp_path / "masks").rglob("*.*")}
    assert files == {
        f"{place}/{sequence}/00000.png": f"{sequence} {place}"
        for sequence in ("walk", "run")
        for place in ("16+8/t0", "64/t100")
    }
