"""How long agreement takes, and whether its errors are what samples differ by.

python benchmarks/agreement.py              # 30 representations of 1,000 objects, and of more and fewer
python benchmarks/agreement.py --errors     # standard errors over the standard deviation of 59 samples
"""

import argparse
from collections.abc import Callable

import measure
import numpy as np

from semlens.statistics.agreement.measure import MEASURES, measure_agreement
from semlens.statistics.jackknife import deal_units

METRIC = "correlation"


def make(seed: int, images: int, objects: int, ways: np.ndarray, noise: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Representations that see what an image and an object are in some ways, (ways, 3, channels); and the images."""
    rng, units = np.random.default_rng(seed), np.repeat(np.arange(images), objects)
    common = rng.standard_normal((images, 3))[units] + rng.standard_normal((len(units), 3))
    return [(common @ way + noise * rng.standard_normal((len(units), way.shape[1]))) for way in ways], units


def time_sizes(counts: list[int], images: int, channels: int) -> list[dict[str, object]]:
    """A row per number of representations; three objects are in an image."""

    def work(count: int) -> Callable[[], object]:
        ways = np.random.default_rng(0).standard_normal((count, 3, channels))
        vectors, units = make(1, images, 3, ways, noise=3)
        return lambda: measure_agreement(vectors, [METRIC] * count, deal_units(units, 0), 10)

    times = measure.timed({str(count): work(count) for count in counts}, runs=1)
    sizes = {"objects": 3 * images, "channels": channels}
    return [{"representations": count, **sizes, "s": f"{seconds[0]:.3g}"} for count, seconds in times.items()]


def compare_errors(sizes: list[tuple[int, int, int]], runs: int) -> list[dict[str, object]]:
    """A row per number of images, objects in each, and neighbours: mean standard error over the samples' deviation."""
    ways, rows = np.random.default_rng(0).standard_normal((2, 3, 8)), []
    for images, objects, k in sizes:
        found = []
        for seed in range(1, runs + 1):
            vectors, units = make(seed, images, objects, ways, noise=1)
            found.append(measure_agreement(vectors, ["euclidean"] * 2, deal_units(units, seed), k))
        values, errors = (np.array([one[name] for one in found]) for name in ("value", "se"))
        ratios = errors.mean(axis=0) / values.std(axis=0, ddof=1)
        rows.append({"images": images, "k": k} | {name: f"{x:.2f}" for name, x in zip(MEASURES, ratios, strict=True)})
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="small sizes, which take seconds and say nothing")
    parser.add_argument("--errors", action="store_true")
    arguments = parser.parse_args()
    match arguments.errors, arguments.toy:
        case True, toy:
            table = compare_errors([(20, 2, 3)], 3) if toy else compare_errors([(60, 2, 5), (200, 3, 10)], 59)
        case _, toy:
            table = time_sizes([3], 20, 8) if toy else time_sizes([10, 30, 50], 333, 500)
    measure.report(table, "numpy", "scipy")
