"""Whether the statistics hold what they promise, in simulations whose truth is known.

    python benchmarks/calibration.py --out docs/calibration.png

By scenario: how often each test rejects at 5 % although classes mean nothing; and how often 95 % intervals hold the
true separation, where classes mean nothing and where they do. The truth is the mean over all runs, or 0.5. The tests do
the same with fewer runs (tests/unit/statistics/test_calibration.py).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import measure
import numpy as np
import pandas as pd
from scipy import stats

from semlens.compare.pairs import SETS, DistanceSets
from semlens.runtime.logs import show_progress
from semlens.statistics.intervals import compute_se
from semlens.statistics.measure import Options, measure_images
from semlens.statistics.neighbours import fill_distances
from semlens.statistics.permutation import compute_p

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from simulation import Scenario, simulate

SCENARIOS = {
    "60 images": Scenario(),
    "150 images": Scenario(images=150),
    "20 images": Scenario(images=20, classes=3),
    "rare classes": Scenario(imbalance=1.0),
    "clustered classes": Scenario(clustering=0.9),
    "clustered, strong images": Scenario(clustering=0.9, image_effect=1.5),
    "noisy small objects": Scenario(size_noise=3.0),
}
EFFECT = 0.5  # of classes, beside noise of about 1.5
LEVEL = 0.05
_SEED = 1_000_000  # of permutations, so that they are not drawn from the numbers that made the images


def run_null(scenario: Scenario, runs: int, permutations: int) -> dict[str, float]:
    """Return shares of runs in which each test rejects, and in which the interval holds chance."""
    rejected = {"between images": [], "inside images": [], "Kruskal-Wallis": []}
    covered = []
    for run in range(runs):
        rows, (vectors,) = simulate(scenario, np.random.default_rng(run))
        found = measure_images(rows, vectors, "euclidean", Options("classes", permutations, 10_000, _SEED + run, "cpu"))
        for name, (separation, null) in zip(rejected, found.values(), strict=False):
            if len(null):
                rejected[name].append(compute_p(separation.average("classes").value, null) <= LEVEL)
        covered.append(_holds(found["between"][0].average("classes"), 0.5))
        i, j = np.triu_indices(len(rows), 1)
        sets, distances = DistanceSets(rows).label(i, j), fill_distances(vectors, "euclidean")[i, j]
        pairs = (distances[sets == SETS.index(name)] for name in ("scdi", "dcdi"))
        rejected["Kruskal-Wallis"].append(stats.kruskal(*pairs).pvalue < LEVEL)
    return {name: float(np.mean(values)) if values else np.nan for name, values in rejected.items()} | {
        "coverage, no effect": float(np.mean(covered)),
        "runs inside": len(rejected["inside images"]),
    }


def run_effect(scenario: Scenario, runs: int) -> dict[str, float]:
    """Return the share of runs whose interval holds the true separation, averaged by classes and by objects."""
    averages = {"classes": [], "objects": []}
    for run in range(runs):
        rows, (vectors,) = simulate(replace(scenario, class_effect=EFFECT), np.random.default_rng(run))
        separation, _ = measure_images(rows, vectors, "euclidean", Options("classes", 1, 10_000, run, "cpu"))["between"]
        for by, found in averages.items():
            found.append(separation.average(by))
    shares = {}
    for by, found in averages.items():
        truth = np.mean([average.value for average in found])
        shares[f"coverage, effect, by {by}"] = float(np.mean([_holds(average, truth) for average in found]))
    return shares


def draw(table: pd.DataFrame, runs: int) -> plt.Figure:
    """Return rejection rates and coverages, by scenario, with what chance allows in so many runs."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True, layout="constrained")
    rejections = ["between images", "inside images", "Kruskal-Wallis"]
    coverages = [name for name in table if name.startswith("coverage")]
    places = np.arange(len(table))
    for panel, names, level, title in (
        (panels[0], rejections, LEVEL, "rejected although classes mean nothing"),
        (panels[1], coverages, 1 - LEVEL, "intervals that hold the true separation"),
    ):
        low, high = stats.binom.ppf([0.005, 0.995], runs, level) / runs
        panel.axvspan(low, high, color="0.85", label=f"99 % of {runs} runs at {level:.0%}")
        for shift, name in enumerate(names):
            panel.plot(table[name], places + 0.2 * (shift - 1), "o", label=name)
        panel.set_title(title)
        panel.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        panel.legend(fontsize="small", loc="upper right" if level < 0.5 else "upper left")
        panel.grid(axis="x", color="0.9")
    panels[1].set_xlim(0.7, 1.005)
    panels[0].set_yticks(places, table.index)
    panels[0].invert_yaxis()
    return figure


def _holds(average, truth: float) -> bool:
    reach = stats.t.ppf(0.975, average.n_units - 1) * compute_se(average.influence, average.n_units)
    return bool(abs(average.value - truth) <= reach)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="a few runs, which take seconds and say nothing")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--permutations", type=int, default=199)
    parser.add_argument("--out", type=Path, help="where to draw the table")
    arguments = parser.parse_args()
    runs, permutations = (5, 19) if arguments.toy else (arguments.runs, arguments.permutations)
    found = {}
    for name, scenario in show_progress(SCENARIOS.items(), total=len(SCENARIOS), what="calibration", unit="scenario"):
        found[name] = run_null(scenario, runs, permutations) | run_effect(scenario, runs)
    table = pd.DataFrame(found).T
    if arguments.out:
        matplotlib.use("Agg")
        draw(table, runs).savefig(arguments.out, dpi=120)
    printed = [{"scenario": name, **{key: f"{value:.3g}" for key, value in row.items()}} for name, row in found.items()]
    measure.report(printed, "numpy", "scipy")
