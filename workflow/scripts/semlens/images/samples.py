"""Samples: what goes through the model one by one under a view."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from semlens.images.views import View


class Sample(NamedTuple):
    """One image that goes through the model: its id, and the rows of the manifest that it shows."""

    id: str
    instances: pd.DataFrame


def iterate_samples(view: View, manifest: pd.DataFrame) -> Iterator[Sample]:
    """Yield the samples of a view in the manifest's order: its images, or its instances where each has a crop."""
    for name, instances in manifest.groupby(_find_key(view), sort=False):
        yield Sample(name, instances)


def find_samples(view: View, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the places of each sample's rows in the manifest, by the sample's id."""
    return manifest.groupby(_find_key(view), sort=False).indices


def _find_key(view: View) -> str:
    return "instance_id" if view.per_instance else "image_id"
