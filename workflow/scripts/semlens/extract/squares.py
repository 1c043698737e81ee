"""Images as squares, read ahead of what computes with them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from semlens.images.paths import find_image
from semlens.images.reading import ORIENTATION, read_image
from semlens.images.rendering import render_view
from semlens.images.samples import Sample
from semlens.images.views import View
from semlens.runtime.logs import log


class ImageReader:
    """Reads images of a folder, and notes of each the hash of its pixels and what was done about its orientation."""

    def __init__(self, folder: str | Path, exif: str) -> None:
        self._folder, self._exif = folder, exif
        self._hashes: dict[str, str] = {}
        self._turns: dict[str, str] = {}

    def read(self, instance: pd.Series) -> Image.Image:
        """Return the image of a row of the manifest; called by several threads at once."""
        file = instance["file"]
        path = find_image(self._folder, file)
        image = read_image(path, width=instance["width"], height=instance["height"], exif=self._exif)
        self._hashes[file] = hashlib.sha256(image.tobytes()).hexdigest()
        if ORIENTATION in image.info:
            self._turns[file] = image.info[ORIENTATION]
        return image

    def digest_pixels(self) -> str:
        """Return the SHA-256 of what was read."""
        return hashlib.sha256(json.dumps(self._hashes, sort_keys=True).encode()).hexdigest()

    def log_turns(self) -> None:
        """Say how many images have an EXIF orientation, by what was done about it."""
        for done, count in sorted(Counter(self._turns.values()).items()):
            example = min(file for file, turn in self._turns.items() if turn == done)
            log.info("EXIF orientation of %d images %s; such as %s", count, done, example)


def read_squares(
    view: View, batches: Sequence[Sequence[Sample]], reader: ImageReader, **how: Any
) -> Iterator[np.ndarray]:  # (batch, 3, size, size)
    """Yield the images of each batch; while one is used, threads read the next.

    Parameters
    ----------
    how
        As :func:`semlens.images.rendering.render_view` takes it.
    """
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:

        def read(batch: Sequence[Sample]) -> list[Future]:
            return [pool.submit(_render_sample, view, sample, reader, **how) for sample in batch]

        coming = read(batches[0])
        for batch in [*batches[1:], []]:
            ready, coming = coming, read(batch)
            yield np.stack([square.result() for square in ready])


def _render_sample(view: View, sample: Sample, reader: ImageReader, **how: Any) -> np.ndarray:  # (3, size, size)
    first = sample.instances.iloc[0]
    return render_view(view, reader.read(first), first, **how)
