"""Whether what is said of a multiverse holds, in simulations whose truth is known.

    python benchmarks/multiverse.py

Shares of choices, where effects are planted: the mean of what is found, and how often 95 % intervals hold the truth.
Then separation of made prototypes, of five layers by two metrics: how often the test of the curve rejects at 5 %, and
how often intervals hold the median and the shares. The truth of these is what the mean over all runs gives.
"""

import argparse
import sys
from pathlib import Path

import measure
import numpy as np

from semlens.statistics.choice_shares import measure_shares
from semlens.statistics.intervals import Estimates
from semlens.statistics.multiverse import compute_curve_p, compute_median

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from multiverses import cross, draw_errors, get_design, make_estimates, measure_curve, plant
from simulation import Scenario, simulate

DESIGN = get_design(cross(metric=["cosine", "euclidean"], layers=list("abc"), seed=[0, 1, 2, 3]))
PLANTED = {  # root mean squares, number of images, and how large errors are
    "all choices matter": ({"metric": 1.0, "layers": 0.5, "seed": 0.25, "interactions": 0.2}, 60, 1.0),
    "one choice matters": ({"metric": 1.0}, 60, 1.0),
    "the same, 20 images": ({"metric": 1.0}, 20, 1.0),
    "large errors": ({"metric": 1.0, "layers": 0.1, "interactions": 0.1}, 60, 3.0),
    "errors as large as effects": ({"metric": 0.3, "layers": 0.3}, 60, 3.0),
    "nothing": ({}, 60, 1.0),
}
IMAGES = {
    "nothing": Scenario(images=30, objects=3, classes=3),
    "nothing, clustered classes": Scenario(images=30, objects=3, classes=3, clustering=0.9),
    "classes matter": Scenario(images=40, objects=3, classes=4, class_effect=0.5),
    "classes matter much": Scenario(images=100, objects=3, classes=4, class_effect=1.0),
}
NOISE = np.array([0.0, 0.0, 0.5, 1.0, 1.5])  # that is added to layers


def check_planted(name: str, runs: int) -> list[dict[str, str]]:
    """Return a row per choice: its true share, what was found, and how often the interval held the truth."""
    sizes, n_units, own = PLANTED[name]
    values, true = plant(DESIGN, np.random.default_rng(0), **sizes)
    found = []
    for run in range(runs):
        errors = draw_errors(np.random.default_rng(run), n_units, len(values), own)
        found.append(measure_shares(DESIGN, make_estimates(values, errors), run))
    return [
        {"simulation": name, "share of": key} | describe([one.get(key) for one in found], true[key]) for key in true
    ]


def check_images(name: str, runs: int) -> list[dict[str, str]]:
    """Return a row for the curve, and one per choice."""
    rng, curves = np.random.default_rng(0), []
    for run in range(runs):
        rows, layers = simulate(IMAGES[name], np.random.default_rng(run), n_layers=len(NOISE))
        noise = rng.standard_normal(layers.shape).astype(np.float32)
        curves.append(measure_curve(rows, layers + noise * NOISE[:, None, None].astype(np.float32), run))
    every, medians = [one.get("between") for one in curves], []
    design = {key: np.array(column, object) for key, column in curves[0].choices.items()}
    values = np.mean([one.values for one in every], axis=0)
    for one in every:
        ((low,), (high,)) = compute_median(one).compute_interval(share=True)
        medians.append(low <= np.median(values) <= high)
    rejected = np.mean([compute_curve_p(one) <= 0.05 for one in curves])
    row = {
        "simulation": name,
        "share of": "",
        "curve rejected": f"{rejected:.1%}",
        "median held": f"{np.mean(medians):.1%}",
    }
    still = Estimates(every[0].names, values, np.zeros((len(values), 2)), np.full(len(values), 2))
    true, found = measure_shares(design, still, 0), [measure_shares(design, one, run) for run, one in enumerate(every)]
    return [row] + [
        {"simulation": name, "share of": key} | describe([one.get(key) for one in found], true[key].share)
        for key in true
        if IMAGES[name].class_effect
    ]


def describe(found: list, true: float) -> dict[str, str]:
    """Return what runs that know a share say of it."""
    known = [one for one in found if one is not None]
    said = {"true": f"{true:.3f}", "not known": f"{1 - len(known) / len(found):.1%}"}
    if len(known) < 20:
        return said
    held = np.mean([low - 1e-9 <= true <= high + 1e-9 for _, low, high in known])
    return said | {"mean": f"{np.mean([one.share for one in known]):.3f}", "interval held": f"{held:.1%}"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="a few runs, which take seconds and say nothing")
    parser.add_argument("--runs", type=int, default=400)
    arguments = parser.parse_args()
    runs = 3 if arguments.toy else arguments.runs
    found = [row for name in PLANTED for row in check_planted(name, runs)]
    found += [row for name in IMAGES for row in check_images(name, runs)]
    columns = ("simulation", "share of", "true", "not known", "mean", "interval held", "curve rejected", "median held")
    measure.report([{name: row.get(name, "") for name in columns} for row in found], "numpy", "scipy")
