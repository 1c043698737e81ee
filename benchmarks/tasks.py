"""How often intervals of tasks hold the truth, and how often their tests reject where classes mean nothing.

    python benchmarks/tasks.py --runs 400

The truth is the mean over all runs: what is expected of as many images. See docs/statistics.md.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import measure
import numpy as np
import pandas as pd

from semlens.runtime.devices import count_cpus
from semlens.runtime.logs import show_progress
from semlens.statistics.measure import Options
from semlens.statistics.permutation import compute_p
from semlens.statistics.tasks.measure import measure_classes
from semlens.statistics.tasks.reidentification import measure_reidentification, search_view
from semlens.statistics.tasks.scores import Objects, Score
from semlens.statistics.tasks.tables import tabulate_tasks

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from simulation import Scenario, simulate

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


def simulate_scores(scenario: Scenario, permutations: int, run: int) -> list[Score]:
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
        for run, scores in enumerate(pool.map(partial(simulate_scores, scenario, 0), range(runs)))
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
        for scores in pool.map(partial(simulate_scores, scenario, 39), range(runs))
    ]
    return pd.DataFrame(found).mean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="two runs, which take seconds and say nothing")
    parser.add_argument("--runs", type=int, default=400)
    arguments = parser.parse_args()
    runs, columns = 2 if arguments.toy else arguments.runs, {}
    work = [
        (what, name, scenario)
        for what, all_of in ((cover, SCENARIOS), (reject, NULL))
        for name, scenario in all_of.items()
    ]
    with ProcessPoolExecutor(count_cpus()) as pool:
        for what, name, scenario in show_progress(work, total=len(work), what="tasks", unit="scenario"):
            columns[f"{what.__name__}, {name}"] = what(scenario, runs, pool).map("{:.1%}".format)
    table = pd.DataFrame(columns)
    measure.report(
        [{"measure": " ".join(key), **row} for key, row in table.to_dict("index").items()], "numpy", "scikit-learn"
    )
