"""Samples: what goes through the model one by one under a view."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from semlens.images.views import View


class Sample(NamedTuple):
    """One image that goes through the model: its id, and the rows of the manifest that it shows."""

    id: str
    instances: pd.DataFrame


def iterate_samples(view: View, manifest: pd.DataFrame) -> Iterator[Sample]:
    """Yield the samples of a view in the manifest's order: its images, or its instances where each has a crop."""
    key = "instance_id" if view.per_instance else "image_id"
    for name, instances in manifest.groupby(key, sort=False):
        yield Sample(name, instances)
