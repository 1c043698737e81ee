"""How often intervals of tasks hold the truth, and how often their tests reject where classes mean nothing.

    python benchmarks/tasks.py --runs 400

The truth is the mean over all runs: what is expected of as many images. See docs/statistics.md.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests")]

from simulation import Scenario, simulate

from semlens.statistics.measure import Options
from semlens.statistics.permutation import compute_p
from semlens.statistics.tasks.measure import measure_classes
from semlens.statistics.tasks.reidentification import measure_reidentification, search_view
from semlens.statistics.tasks.scores import Objects, Score
from semlens.statistics.tasks.tables import tabulate_tasks

TASKS = ("retrieval", "knn", "probe", "clustering")
SEED = 1_000_000  # of permutations and folds
SCENARIOS = {
    "60 images": Scenario(class_effect=0.5),
    "clustered classes": Scenario(class_effect=0.5, clustering=0.9),
    "rare classes": Scenario(class_effect=0.5, imbalance=1.0),
    "150 images": Scenario(class_effect=0.5, images=150),
}
NULL = {
    "60 images": Scenario(),
    "clustered, strong images": Scenario(clustering=0.9, image_effect=1.0),
}


def measure(scenario: Scenario, permutations: int, run: int) -> list[Score]:
    """Return the scores of all tasks in one simulation; the view is the same prototypes with more noise."""
    rng = np.random.default_rng(run)
    rows, (vectors,) = simulate(scenario, rng)
    options = Options("classes", permutations, 10_000, SEED + run, "cpu")
    shown = vectors + rng.standard_normal(vectors.shape).astype(np.float32)
    search = search_view(rows, vectors, rows, shown, "euclidean", "cpu")
    scores = measure_classes(rows, vectors, TASKS, "euclidean", options)
    return scores + measure_reidentification(Objects.from_rows(rows, options), search)


def cover(scenario: Scenario, runs: int, pool: ProcessPoolExecutor) -> pd.Series:
    """Return the share of intervals that hold the mean over all runs, by measure."""
    tables = [
        tabulate_tasks([(str(run), 0, scores)], 0)[0]
        for run, scores in enumerate(pool.map(partial(measure, scenario, 0), range(runs)))
    ]
    table = pd.concat(tables)
    keys = ["task", "target", "measure"]
    truth = table.groupby(keys)["value"].transform("mean")
    held = (table["low"] <= truth) & (truth <= table["high"])
    return held.groupby([table[key] for key in keys], sort=False).mean()


def reject(scenario: Scenario, runs: int, pool: ProcessPoolExecutor) -> pd.Series:
    """Return the share of tests with p of at most 0.05, by measure."""
    found = [
        {
            (one.task, one.target, one.measure): compute_p(one.tested, one.null) <= 0.05
            for one in scores
            if len(one.null)
        }
        for scores in pool.map(partial(measure, scenario, 39), range(runs))
    ]
    return pd.DataFrame(found).mean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.workers) as pool:
        for what, scenarios in ((cover, SCENARIOS), (reject, NULL)):
            for name, scenario in scenarios.items():
                shares = what(scenario, arguments.runs, pool)
                print(f"\n{what.__name__}, {name}\n{shares.map('{:.1%}'.format).to_string()}", flush=True)
