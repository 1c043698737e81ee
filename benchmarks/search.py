"""A search of all subsets of layers, beside the plain way: prototypes are joined and all their distances measured anew.

    python benchmarks/search.py        # 11 layers of 320 to 1,280 channels, 3,000 objects, 2,047 subsets

The search measures each subset by a sample of anchors, on all objects and on either half, and then the best hundred of
each by all objects, with intervals. The plain way measures every subset by all objects, with intervals, on all objects
and on either half. It is timed on subsets that are drawn at random, and its time is theirs times all subsets over them.
"""

import argparse
import time

import measure
import numpy as np
import pandas as pd

from semlens.statistics.gram import LayerProducts
from semlens.statistics.labels import Labels
from semlens.statistics.neighbours import fill_distances, iterate_between
from semlens.statistics.search import HALVES, Options, search
from semlens.statistics.separation import measure_separation
from semlens.statistics.subsets import list_subsets

CHANNELS = (320, 640, 1280, 1280, 1280, 1280, 1280, 640, 640, 640, 320)
METRIC = "correlation"
PER_IMAGE, CLASSES = 3, 20


def make_layers(n: int, channels: tuple[int, ...]) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Rows, and prototypes of each layer that know a little of the class."""
    rng = np.random.default_rng(0)
    classes = rng.integers(CLASSES, size=n)
    ids = np.arange(n).astype(str)
    images = np.char.add("image ", (np.arange(n) // PER_IMAGE).astype(str))
    rows = pd.DataFrame({"image_id": images, "instance_id": ids, "class_name": classes.astype(str)})
    rows["identity"] = rows["video"] = pd.array([None] * n, "string")
    layers = []
    for width in channels:
        of_class = 0.2 * rng.standard_normal((CLASSES, width), np.float32)
        layers.append(of_class[classes] + rng.standard_normal((n, width), np.float32))
    return rows, layers


def search_all(labels: Labels, layers: list[np.ndarray]) -> None:
    products = LayerProducts.from_vectors(((f"l{place}", one) for place, one in enumerate(layers)), len(layers))
    search(products, METRIC, labels, Options(average="classes", beam=1, seed=0))


def measure_plainly(rows: pd.DataFrame, layers: list[np.ndarray], subsets: list[tuple[int, ...]]) -> None:
    """The same subsets, by all objects: of all images, and of either half."""
    half = rows["image_id"].isin(rows["image_id"].unique()[::2]).to_numpy()
    for subset in subsets:
        vectors = np.hstack([layers[layer] for layer in subset])
        for part in (np.ones(len(rows), bool), half, ~half):
            labels = Labels.from_rows(rows[part])
            distances = fill_distances(vectors[part], METRIC)
            measure_separation(iterate_between(distances, labels), labels, labels.classes).average("classes")


def beside(n: int, channels: tuple[int, ...], n_plain: int, runs: int) -> list[dict[str, object]]:
    rows, layers = make_layers(n, channels)
    labels, subsets = Labels.from_rows(rows), list_subsets(len(channels))
    drawn = [subsets[place] for place in np.random.default_rng(0).choice(len(subsets), n_plain, replace=False)]
    ours, plain = [], []
    for _ in range(runs):
        start = time.perf_counter()
        search_all(labels, layers)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        measure_plainly(rows, layers, drawn)
        plain.append((time.perf_counter() - start) * len(subsets) / n_plain)
    size = {"subsets": f"{len(subsets):,} x {1 + len(HALVES)}", "objects": f"{n} x {sum(channels)}"}
    head = f"plain, s, from {n_plain} subsets"
    ratio = measure.spread(measure.ratios(plain, ours))
    return [size | {"search, s": measure.spread(ours), head: measure.spread(plain), "times faster": ratio}]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="sizes that take seconds and say nothing")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    size = (300, (8, 16, 8, 4), 3, 1) if arguments.toy else (3_000, CHANNELS, 12, arguments.runs)
    measure.report(beside(*size), "numpy")
