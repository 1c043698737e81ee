"""Separation with intervals and permutation test, beside the tests that others use, in one run.

    python benchmarks/separation.py                # 3,000 objects x 1,280
    python benchmarks/separation.py --many         # 100,000 objects, of which a stated part is measured; once

All start from prototypes. scipy's Kruskal-Wallis compares the pairs of scdi with those of dcdi. scikit-bio's PERMANOVA
permutes objects 999 times; it has a row where it is installed (pip install scikit-bio), which nothing else needs.
Neither says how large the difference is, nor how sure.
"""

import argparse
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import distances
import measure
import numpy as np
import pandas as pd
from scipy import stats

from semlens.compare.pairs import SETS, DistanceSets
from semlens.compare.prototypes import load_prototypes, open_prototypes
from semlens.statistics.measure import Options, measure_condition, measure_images
from semlens.statistics.neighbours import fill_distances

METRIC = "correlation"
CONDITION = distances.CONDITION | {"metric": METRIC}


def make_options(permutations: int) -> Options:
    return Options(average="classes", permutations=permutations, max_objects=20_000, seed=0, device="cpu")


def measure_ours(rows: pd.DataFrame, vectors: np.ndarray, permutations: int) -> None:
    for separation, _ in measure_images(rows, vectors, METRIC, make_options(permutations)).values():
        separation.average("classes")


def test_pairs(rows: pd.DataFrame, vectors: np.ndarray) -> None:
    i, j = np.triu_indices(len(rows), 1)
    values = fill_distances(vectors, METRIC)[i, j]
    sets = DistanceSets(rows).label(i, j)
    stats.kruskal(*(values[sets == SETS.index(name)] for name in ("scdi", "dcdi")))


def permute_objects(rows: pd.DataFrame, vectors: np.ndarray, permutations: int) -> None:
    from skbio.stats.distance import DistanceMatrix, permanova

    matrix = DistanceMatrix(fill_distances(vectors, METRIC).astype(float), validate=False)
    permanova(matrix, list(rows["class_name"]), permutations=permutations, seed=0)


def beside(n: int, dimensions: int, permutations: int, runs: int) -> list[dict[str, object]]:
    """A row per way: seconds, and how many times those of semlens."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "prototypes")
        distances.write_shards(folder, n, dimensions)
        rows, vectors = load_prototypes(open_prototypes(sorted(folder.glob("*.parquet"))), CONDITION)
    work = {
        f"semlens: separation between and inside images, intervals, {permutations} permutations": lambda: measure_ours(
            rows, vectors, permutations
        ),
        "scipy: Kruskal-Wallis on pairs": lambda: test_pairs(rows, vectors),
    }
    if find_spec("skbio"):
        work[f"scikit-bio: PERMANOVA, {permutations} permutations"] = lambda: permute_objects(
            rows, vectors, permutations
        )
    seconds = measure.timed(work, runs)
    ours = next(iter(seconds.values()))
    return [
        {
            "objects": f"{n} x {dimensions}",
            "way": way,
            "s": measure.spread(values),
            "times semlens": measure.spread(measure.ratios(values, ours)),
        }
        for way, values in seconds.items()
    ]


def measure_many(folder: Path) -> None:
    measure_condition(open_prototypes(sorted(folder.glob("*.parquet"))), CONDITION, "all", make_options(999))


def many(n: int, dimensions: int, runs: int) -> list[dict[str, object]]:
    """Time and peak memory of one condition, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "prototypes")
        distances.write_shards(folder, n, dimensions)
        seconds, peaks = measure.in_processes([sys.executable, __file__, "--folder", str(folder)], runs)
    row = {"objects": f"{n} x {dimensions}", "measured": min(n, make_options(1).max_objects)}
    return [row | {"s": measure.spread(seconds), "peak, GB": f"{max(peaks):.2f}"}]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", action="store_true", help="time and memory of a hundred thousand objects")
    parser.add_argument("--toy", action="store_true", help="sizes that take seconds and say nothing")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.folder:
        measure_many(arguments.folder)
    elif arguments.many:
        measure.report(many(*((400, 32) if arguments.toy else (100_000, 1280)), 1), "numpy", "scipy")
    else:
        size = (200, 32, 19, 1) if arguments.toy else (3_000, 1_280, 999, arguments.runs)
        measure.report(beside(*size), "numpy", "scipy", *(["scikit-bio"] if find_spec("skbio") else []))
