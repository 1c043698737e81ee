"""J and F of propagated masks, frame by frame, to means over objects with intervals over videos."""

import os
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from semlens.runtime.logs import log
from semlens.statistics.intervals import Estimates
from semlens.storage.csv_tables import read_csv
from semlens.storage.tables import write_csv

GOOD = 0.5  # a mask counts as recalled above this
N_PARTS = 4  # of a video, of which the last is set against the first
_SHARE = pa.Check.in_range(0, 1)


def _share(description: str) -> pa.Column:
    return pa.Column("float64", _SHARE, nullable=True, description=description)


PROPAGATION = pa.DataFrameSchema(
    {
        "layers": pa.Column(str, description="Layer set."),
        "timestep": pa.Column("int64", pa.Check.in_range(0, 999), description="Timestep."),
        "jf_mean": _share("J&F: mean of `j_mean` and `f_mean`, the measure of DAVIS 2017."),
        "low": _share("Lower end of its 95 % interval (t over videos); null for one video."),
        "high": _share("Upper end."),
        "band_low": _share("Lower end of the interval that holds for all rows at once."),
        "band_high": _share("Upper end."),
        "among_best": pa.Column(bool, description="Whether no other row lies significantly above this one."),
        **{
            f"{key}_{name}": pa.Column("float64", pa.Check.in_range(least, 1), description=text.format(what))
            for key, what in (("j", "region similarity J"), ("f", "contour accuracy F"))
            for name, least, text in (
                ("mean", 0, "Mean {} over objects, each a mean over frames but the first and the last."),
                ("recall", 0, "Mean over objects of the share of these frames with a {} above 0.5."),
                ("decay", -1, "Mean over objects: {} in the first quarter of these frames less that in the last."),
            )
        },
        "n_units": pa.Column("int64", pa.Check.gt(0), description="Number of videos."),
        "n_objects": pa.Column("int64", pa.Check.gt(0), description="Number of objects of all videos."),
        "n_frames": pa.Column("int64", pa.Check.gt(0), description="Number of frames of all videos that are judged."),
    },
    unique=["layers", "timestep"],
    strict=True,
    coerce=True,
    ordered=True,
)


def evaluate_propagation(*, scores: Sequence[str | Path], seed: int, out: str | Path) -> None:
    """Write how good the masks of every layer set and timestep are, see ``PROPAGATION``.

    Every object counts once, however many its video has, as in the official toolkit. Videos are independent units: the
    mean is a ratio of totals over videos, whose influences are those of its linearization.

    Parameters
    ----------
    scores
        Of each video: :data:`semlens.propagate.masks.FRAME_SCORES`.
    seed
        Of bands and of what is tied with the best.
    """
    frames = pd.concat(map(read_csv, scores), ignore_index=True)
    keys = ["layers", "timestep"]
    rows, values, influence = [], [], []
    sequences = list(dict.fromkeys(frames["sequence"]))
    for condition, table in frames.groupby(keys, sort=False):
        objects = pd.DataFrame(
            [
                {"sequence": sequence, **describe_object(one.sort_values("frame"))}
                for (sequence, _), one in table.groupby(["sequence", "object"], sort=False)
            ]
        )
        means = objects.drop(columns=["sequence", "n_frames"]).mean()
        both = objects[["j_mean", "f_mean"]].mean(axis=1)
        totals = (both - both.mean()).groupby(objects["sequence"]).sum().reindex(sequences)
        values.append(both.mean())
        influence.append(totals.to_numpy() / len(objects))
        n_frames = objects.drop_duplicates("sequence")["n_frames"].sum()
        counts = {"n_units": len(sequences), "n_objects": len(objects), "n_frames": n_frames}
        rows.append({**dict(zip(keys, condition, strict=True)), **means, **counts})
    table = pd.DataFrame(rows)
    estimates = Estimates(
        [f"{layers} t{timestep}" for layers, timestep in zip(table["layers"], table["timestep"], strict=True)],
        np.array(values),
        np.stack(influence),
        table["n_units"].to_numpy(),
    )
    low, high = estimates.compute_interval(share=True)
    band_low, band_high = estimates.compute_band(seed, share=True)
    known = {"jf_mean": estimates.values, "low": low, "high": high, "band_low": band_low, "band_high": band_high}
    table = table.assign(**known, among_best=estimates.list_best(seed))[list(PROPAGATION.columns)]
    write_csv(table, PROPAGATION, out)
    best = table.loc[table["jf_mean"].idxmax()]
    log.info("J&F %.3f with %s at t = %d, the highest", best["jf_mean"], best["layers"], best["timestep"])


def describe_object(scores: pd.DataFrame) -> dict[str, float]:
    """Return mean, recall and decay of J and F of one object, and of how many frames, without the first and the last.

    Parameters
    ----------
    scores
        Columns ``j`` and ``f``, a row per frame, in order.
    """
    judged = scores.iloc[1:-1]
    described = {"n_frames": len(judged)}
    for key in ("j", "f"):
        values = judged[key].to_numpy()
        described |= {
            f"{key}_mean": values.mean(),
            f"{key}_recall": np.mean(values > GOOD),
            f"{key}_decay": measure_decay(values),
        }
    return described


def measure_decay(values: np.ndarray) -> float:
    """Return the mean of the first quarter of the frames less that of the last, quarters as the toolkit divides them.

    Neighbouring quarters share a frame.
    """
    edges = np.round(np.linspace(1, len(values), N_PARTS + 1) + 1e-10).astype(int) - 1
    parts = [values[first : last + 1].mean() for first, last in pairwise(edges)]
    return float(parts[0] - parts[-1])


def gather_masks(folders: Sequence[str | Path], out: str | Path) -> None:
    """Lay out the masks of videos as the official toolkit reads them: ``{layers}/t{timestep}/{sequence}/{frame}.png``.

    Files are hard links, which take no space, or copies where the file system has none.

    Parameters
    ----------
    folders
        Of one video each, whose name they have: ``{layers}/t{timestep}/{frame}.png``.
    """
    for folder in map(Path, folders):
        for file in sorted(folder.glob("*/t*/*.png")):
            layers, timestep, name = file.relative_to(folder).parts
            place = Path(out, layers, timestep, folder.name, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file, place)
            except OSError:
                shutil.copy2(file, place)
