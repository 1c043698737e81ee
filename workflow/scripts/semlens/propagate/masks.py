"""A video's first masks to those of all its frames, and how good they are: label propagation of DAVIS."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import torch
import torch.nn.functional as F
from PIL import Image

from semlens.extract.features import FeatureExtractor
from semlens.models.layers import expand_layers
from semlens.propagate.affinity import LabelPropagator
from semlens.propagate.labels import place_labels, restore_labels
from semlens.propagate.segmentation import measure_contour, measure_region
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log
from semlens.select.formats._palettes import build_colours
from semlens.storage.tables import write_csv

FRAME_SCORES = pa.DataFrameSchema(
    {
        "sequence": pa.Column(str, description="Name of the sequence (video)."),
        "object": pa.Column("int64", pa.Check.gt(0), description="Object, as masks number it."),
        "layers": pa.Column(str, description="Layer set."),
        "timestep": pa.Column("int64", pa.Check.in_range(0, 999), description="Timestep."),
        "frame": pa.Column("int64", pa.Check.ge(0), description="Number of the frame; the first has the given mask."),
        "j": pa.Column("float64", pa.Check.in_range(0, 1), description="Region similarity J: intersection over union."),
        "f": pa.Column("float64", pa.Check.in_range(0, 1), description="Contour accuracy F."),
    },
    unique=["object", "layers", "timestep", "frame"],
    strict=True,
    coerce=True,
    ordered=True,
)


def propagate_masks(
    extractor: FeatureExtractor,
    *,
    sequence: str,
    frames: pd.DataFrame,
    masks: Iterator[np.ndarray],
    layer_sets: Sequence[str],
    resize: str,
    mask: str,
    context: int,
    radius: int,
    neighbours: int,
    temperature: float,
    out: str | Path,
    folder: str | Path,
) -> None:
    """Propagate the masks of a video's first frame, and write those of all frames and how good they are.

    The map of a sum of layers is theirs, upsampled bilinearly to the largest, one after the other along the channels.
    Tables are described in ``FRAME_SCORES``. A mask is ``{layers}/t{timestep}/{frame}.png`` of the folder, as DAVIS
    stores masks. Memory holds the features of a batch, and of the frames that labels come from.

    Parameters
    ----------
    extractor
        Reads the frames, by a reader of :mod:`semlens.propagate.frames`.
    frames, masks
        As :func:`semlens.propagate.videos.list_frames` returns them.
    resize, mask
        See :func:`semlens.propagate.labels.place_labels`.
    context, radius, neighbours, temperature
        See :class:`semlens.propagate.affinity.LabelPropagator`.

    Raises
    ------
    ValueError
        If a feature is not finite, or a mask has another size than the first.
    """
    names = [layer.name for layer in extractor.layers]
    parts = {layer_set: expand_layers(layer_set, names) for layer_set in layer_sets}
    mixing = {"context": context, "radius": radius, "neighbours": neighbours, "temperature": temperature}
    propagators: dict[tuple[str, int], LabelPropagator] = {}
    rows, labels = [], []
    files = [Path(file).stem for file in frames["file"]]
    for batch, passes in groupby(extractor.iterate_passes(extractor.layers), key=attrgetter("batch")):
        truths = [next(masks) for _ in batch.ids]
        for truth, name in zip(truths, batch.ids, strict=True):
            _check_size(truth, frames, name)
        if not labels:
            labels = sorted(set(np.unique(truths[0]).tolist()) - {0})
            numbers = np.array([0, *labels], np.uint8)
        for _, timestep, maps in passes:
            for layer_set, of_set in parts.items():
                features = _join_maps([maps[layer] for layer in of_set])
                if not features.isfinite().all():
                    ids = ", ".join(batch.ids)
                    raise ValueError(
                        f"{layer_set} at t = {timestep} is not finite for a frame of {ids}; use dtype: float32"
                    )
                key = (layer_set, timestep)
                if key not in propagators:
                    placed = place_labels(truths[0], labels, features.shape[-1], resize=resize, mask=mask)
                    propagators[key] = LabelPropagator(torch.from_numpy(placed).to(features.device), **mixing)
                for place, (truth, of_frame) in enumerate(zip(truths, features, strict=True), start=batch.start):
                    soft = propagators[key].propagate(of_frame)
                    found = numbers[restore_labels(soft, *truth.shape, resize=resize)] if place else truth
                    _write_mask(found, Path(folder, layer_set, f"t{timestep}", f"{files[place]}.png"))
                    scores = {"layers": layer_set, "timestep": timestep, "frame": frames["frame"].iloc[place]}
                    rows += [{**scores, "object": label, **_judge(found == label, truth == label)} for label in labels]
    table = pd.DataFrame(rows).assign(sequence=sequence)[list(FRAME_SCORES.columns)]
    order = {layer_set: place for place, layer_set in enumerate(layer_sets)}
    table = table.sort_values(
        ["layers", "timestep", "object", "frame"], key=lambda column: column.replace(order), ignore_index=True
    )
    write_csv(table, FRAME_SCORES, out)
    log.info("%s: %d objects in %d frames", sequence, len(labels), len(frames))


def _join_maps(maps: Sequence[torch.Tensor]) -> torch.Tensor:  # (batch, channels, side, side) float32
    side = max(values.shape[-1] for values in maps)
    large = [
        values.float()
        if values.shape[-1] == side
        else F.interpolate(values.float(), (side, side), mode="bilinear", align_corners=False)
        for values in maps
    ]
    return torch.cat(large, dim=1)


def _check_size(truth: np.ndarray, frames: pd.DataFrame, name: str) -> None:
    height, width = frames[["height", "width"]].iloc[0]
    if truth.shape != (height, width):
        raise ValueError(
            f"the mask of {name} is {truth.shape[1]}x{truth.shape[0]} pixels, that of the first frame {width}x{height}"
        )


def _judge(mask: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    return {"j": measure_region(mask, truth), "f": measure_contour(mask, truth)}


def _write_mask(objects: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(objects)
    image.putpalette(build_colours().tobytes())
    with write_atomically(path) as file:
        image.save(file, format="PNG")
