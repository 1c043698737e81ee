"""All-pairs distances against scipy, dcor and the plain matrix product, in one run.

    python benchmarks/distances.py                      # 3,000 prototypes of 1,280 and of 11,200 dimensions
    python benchmarks/distances.py --multiplied         # distance correlation of 3,000 x 1,280
    python benchmarks/distances.py --multiplied --device cuda --dimensions 11200
    python benchmarks/distances.py --growth             # 3,000 to 100,000 prototypes, labelled, sampled, written

Made prototypes are like real ones: normal, with a large common part and one channel that dwarfs the others. scipy gets
them in float64, and dcor, per pair, its fastest method, on a stated sample of pairs, from which its time for all is
extrapolated.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import measure
import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
from scipy.spatial.distance import pdist, squareform

from semlens.compare.distances import compare_prototypes
from semlens.compare.metrics import iterate_distance_blocks
from semlens.compare.metrics.distance_correlation import PRODUCT_TERMS, TILE_ROWS
from semlens.statistics.compute import STATISTICS, compute_statistics
from semlens.statistics.measure import Options
from semlens.storage.prototype_keys import LAYER_SETS

SAMPLED = 100  # pairs that dcor measures


def prototypes(n: int, dimensions: int) -> np.ndarray:  # (n, dimensions) float32
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, dimensions), np.float32) + 5 * rng.standard_normal(dimensions, np.float32)
    x[:, 3] += 200
    return x


def all_of(x: np.ndarray, metric: str, device: str = "cpu") -> None:
    for _ in iterate_distance_blocks(x, metric, device=device):
        pass


def against_scipy(n: int, dimensions: int, runs: int) -> list[dict[str, object]]:
    """A row per metric: seconds, how many times faster, and the largest error over the mean."""
    x = prototypes(n, dimensions)
    double = x.astype(np.float64)
    rows = []
    for metric in ("euclidean", "cosine", "correlation", "cityblock"):
        all_of(x[:100], metric)
        seconds = measure.timed(
            {"scipy": lambda m=metric: pdist(double, m), "semlens": lambda m=metric: all_of(x, m)}, runs
        )
        few = x[:: max(1, n // 400)]
        expected, error = squareform(pdist(few.astype(np.float64), metric)), 0.0
        for start, block in iterate_distance_blocks(few, metric):
            above = np.triu(np.ones(block.shape, bool), k=1)
            error = max(error, np.abs(block - expected[start : start + len(block), start:])[above].max(initial=0))
        rows.append(
            {
                "metric": metric,
                "prototypes": f"{n} x {dimensions}",
                "scipy pdist, s": measure.spread(seconds["scipy"]),
                "semlens, s": measure.spread(seconds["semlens"]),
                "times faster": measure.spread(measure.ratios(seconds["scipy"], seconds["semlens"])),
                "largest error / mean": f"{error / expected.mean():.0e}",
            }
        )
    return rows


def multiplied(n: int, dimensions: int, runs: int, device: str) -> list[dict[str, object]]:
    """Distance correlation beside dcor and beside the matrix products that it consists of."""
    import dcor
    import torch

    x = prototypes(n, dimensions)
    i, j = np.random.default_rng(1).integers(0, n, (2, SAMPLED))
    double = x.astype(np.float64)
    terms = dimensions**2 // 2  # the pairs (k <= l), all but the diagonal's other half
    width = min(terms, PRODUCT_TERMS)
    factor = torch.rand(n, width, device=device)

    def per_pair() -> None:
        for a, b in zip(double[i], double[j], strict=True):
            dcor.distance_correlation(a, b, method="AVL")

    def products() -> None:
        """As many multiply-adds as the metric makes: all tiles on or above the diagonal, all terms."""
        for _ in range(-(-terms // width)):
            for top in range(0, n, TILE_ROWS):
                factor[top : top + TILE_ROWS] @ factor[top:].T
        if device == "cuda":
            torch.cuda.synchronize()

    per_pair(), all_of(x[:50], "distance_correlation", device)
    work = {"dcor": per_pair, "products": products}
    seconds = measure.timed(work | {"semlens": lambda: all_of(x, "distance_correlation", device)}, runs)
    pairs = n * (n - 1) / 2
    extrapolated = [value / SAMPLED * pairs for value in seconds["dcor"]]
    return [
        {
            "prototypes": f"{n} x {dimensions}, {device}",
            "semlens, s": measure.spread(seconds["semlens"]),
            f"dcor, from {SAMPLED} pairs, s": measure.spread(extrapolated, 4),
            "times faster": measure.spread(measure.ratios(extrapolated, seconds["semlens"])),
            "products alone, s": measure.spread(seconds["products"]),
            "times their time": measure.spread(measure.ratios(seconds["semlens"], seconds["products"])),
        }
    ]


def write_shards(folder: Path, n: int, dimensions: int) -> None:
    """Prototypes of ``n`` instances, five to an image, of 20 classes, each in ten images; a thousand images a shard."""
    rng = np.random.default_rng(0)
    place = np.arange(n)
    seen = place % (n // 10)
    columns = {
        "image_id": arrow.array((place // 5).astype(str)),
        "instance_id": arrow.array(place.astype(str)),
        "class_name": arrow.array(rng.integers(0, 20, n)[seen].astype(str)),
        "identity": arrow.array(seen.astype(str)),
        "video": arrow.nulls(n, arrow.string()),
        "frame": arrow.nulls(n, arrow.int32()),
        "view": arrow.array(["identity"] * n),
        "timestep": arrow.array(np.zeros(n, np.int32)),
        "enc16.1@16": arrow.FixedSizeListArray.from_arrays(prototypes(n, dimensions).ravel(), dimensions),
    }
    sets = {LAYER_SETS: json.dumps({"enc16.1": ["enc16.1@16"]}).encode()}
    table = arrow.table(columns).replace_schema_metadata(sets)
    folder.mkdir()
    for shard, start in enumerate(range(0, n, 5000)):
        parquet.write_table(table.slice(start, 5000), folder / f"{shard:05d}.parquet")
    boxes = rng.uniform(1, 50, (4, n))
    places = dict(zip(("bbox_x", "bbox_y", "bbox_w", "bbox_h"), map(arrow.array, boxes), strict=True))
    places |= {"instance_id": columns["instance_id"], "area_fraction": arrow.array(boxes[2] * boxes[3] / 10_000)}
    places |= {side: arrow.array(np.full(n, 100)) for side in ("width", "height")}
    parquet.write_table(arrow.table(places), folder.with_name("manifest.parquet"))


CONDITION = {"name": "0", "view": "identity", "timestep": 0, "layers": "enc16.1", "metric": "cosine", "offset": None}
SETS = ["scsi", "scdi", "dcsi", "dcdi", "sidi"]


def compare(folder: Path, max_pairs: int) -> None:
    compare_prototypes(
        prototypes=sorted((folder / "prototypes").glob("*.parquet")),
        conditions=[CONDITION],
        sets=SETS,
        reference="all",
        max_pairs=max_pairs,
        seed=0,
        device="cpu",
        out_distances=folder / "distances.parquet",
        out_unit_totals=folder / "unit_totals.parquet",
    )


def test(folder: Path) -> None:
    out = {name: folder / f"{name}.csv" for name in STATISTICS}
    compute_statistics(
        distances=folder / "distances.parquet",
        unit_totals=folder / "unit_totals.parquet",
        prototypes=sorted((folder / "prototypes").glob("*.parquet")),
        manifests=[folder / "manifest.parquet"],
        conditions=[CONDITION],
        sets=SETS,
        reference="all",
        expected_order=SETS,
        options=Options(average="classes", permutations=999, max_objects=20_000, seed=0, device="cpu"),
        out=out,
        out_influence=folder / "influence.parquet",
    )


def growth(numbers: list[int], dimensions: int, max_pairs: int, runs: int) -> list[dict[str, object]]:
    """A row per number of prototypes: time and peak memory of comparing and of testing, each a process of its own."""
    rows = []
    for n in numbers:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_shards(folder / "prototypes", n, dimensions)
            command = [sys.executable, __file__, "--folder", name, "--max-pairs", str(max_pairs)]
            compared, most = measure.in_processes([*command, "--step", "compare"], runs)
            tested, most_tested = measure.in_processes([*command, "--step", "test"], runs)
            kept = parquet.read_metadata(folder / "distances.parquet").num_rows
            rows.append(
                {
                    "prototypes": f"{n} x {dimensions}",
                    "pairs": f"{n * (n - 1) // 2:.2e}",
                    "with a row": f"{kept:.2e}",
                    "compare, s": measure.spread(compared),
                    "peak, GB": f"{max(most):.2f}",
                    "of which prototypes": f"{n * dimensions * 4 / 1e9:.2f}",
                    "statistics, s": measure.spread(tested),
                    "peak of statistics, GB": f"{max(most_tested):.2f}",
                }
            )
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--multiplied", action="store_true", help="distance correlation")
    parser.add_argument("--growth", action="store_true", help="time and memory by number of prototypes")
    parser.add_argument("--toy", action="store_true", help="sizes that take seconds and say nothing")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="for distance correlation")
    parser.add_argument("--dimensions", type=int, nargs="+", default=[])
    parser.add_argument("--numbers", type=int, nargs="+", default=[3_000, 10_000, 30_000, 100_000], help="for --growth")
    parser.add_argument("--max-pairs", type=int, default=10_000_000, help="as in the configuration")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--step", choices=["compare", "test"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    number, runs = (200, 1) if arguments.toy else (3000, arguments.runs)
    if arguments.step == "compare":
        compare(arguments.folder, arguments.max_pairs)
    elif arguments.step == "test":
        test(arguments.folder)
    elif arguments.growth:
        sizes, width = ([200], 32) if arguments.toy else (arguments.numbers, 1280)
        measure.report(growth(sizes, width, arguments.max_pairs, runs), "numpy", "scipy", "pyarrow")
    elif arguments.multiplied:
        widths = arguments.dimensions or ([64] if arguments.toy else [1280])
        found = [row for width in widths for row in multiplied(number, width, runs, arguments.device)]
        measure.report(found, "torch", "dcor")
    else:
        widths = arguments.dimensions or ([32] if arguments.toy else [1280, 11200])
        measure.report([row for width in widths for row in against_scipy(number, width, runs)], "numpy", "scipy")
