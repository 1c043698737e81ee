"""How often intervals of tasks hold the truth, and how often their tests reject where classes mean nothing.

    python benchmarks/tasks.py --runs 400
    python benchmarks/tasks.py --errors --runs 200    # mean standard errors over what values of all runs differ by

The truth is the mean over all runs: what is expected of as many images. See docs/statistics.md.
"""

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import measure
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from semlens.runtime.logs import show_progress
from semlens.runtime.threads import count_cpus
from semlens.statistics.intervals import compute_se
from semlens.statistics.jackknife import deal_units, leave_out_groups, leave_out_thirds
from semlens.statistics.measure import Options
from semlens.statistics.neighbours import fill_distances
from semlens.statistics.permutation import compute_p
from semlens.statistics.tasks import knn, probe, retrieval
from semlens.statistics.tasks.measure import measure_classes
from semlens.statistics.tasks.ranks import rank_gallery, score_likes
from semlens.statistics.tasks.reidentification import measure_reidentification, search_view
from semlens.statistics.tasks.scores import Objects, Score, average_scores
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
JUMPING = Scenario(images=40, class_effect=0.8, clustering=0.3)  # values jump where an image is left out
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


def build_measure(rows: pd.DataFrame, vectors: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return what takes which objects are kept, and returns accuracy of a vote, recall at 1, accuracy of a probe."""
    objects = Objects.from_rows(rows, Options("classes", 0, 10_000, seed, "cpu"))
    labels, codes, n_classes = objects.labels, objects.codes, len(objects.labels.class_names)
    ranks = rank_gallery(fill_distances(vectors, knn.METRIC), labels.units[:, None] != labels.units)
    folds = deal_units(labels.units, seed, probe.N_FOLDS)
    spaces = [probe.rotate(vectors, folds != fold) for fold in range(probe.N_FOLDS)]
    strengths = [probe.TESTED_STRENGTH] * probe.N_FOLDS

    def measure(kept: np.ndarray) -> np.ndarray:
        likes = score_likes(ranks, labels.classes, labels.classes, codes, retrieval.MEASURES, (kept, kept))
        told = probe.predict_folds(spaces, labels.classes, folds, codes, strengths, kept)
        wins = knn.count_wins(*knn.find_voters(ranks, kept), labels.classes, n_classes)
        scores = (wins, likes[list(retrieval.MEASURES).index("recall_at_1")], (told == labels.classes).astype(float))
        means = [average_scores(one[None], labels.classes, codes, objects.average, kept) for one in scores]
        return np.concatenate(means)

    return measure


def estimate_errors(run: int) -> np.ndarray:
    """Return values and standard errors, by thirds and by single images, (3, measures), of one simulation."""
    rows, (vectors,) = simulate(JUMPING, np.random.default_rng(run))
    units = pd.factorize(rows["image_id"])[0]
    with threadpool_limits(1, "blas"):
        measure = build_measure(rows, vectors, SEED + run)
        values, by_thirds = leave_out_thirds(measure, units, run)
        _, by_one = leave_out_groups(measure, deal_units(units, run, JUMPING.images))
    return np.stack([values, *(compute_se(one, one.shape[1]) for one in (by_thirds, by_one))])


def compare_errors(runs: int, pool: ProcessPoolExecutor) -> list[dict[str, str]]:
    """Return a row per measure: root mean squared standard errors over the standard deviation of all runs' values."""
    values, *errors = np.stack(list(pool.map(estimate_errors, range(runs))), axis=1)
    ratios = np.sqrt(np.mean(np.square(errors), axis=1)) / values.std(axis=0, ddof=1)
    return [
        {"measure": name, "thirds left out": f"{thirds:.2f}", "single images left out": f"{singles:.2f}"}
        for name, thirds, singles in zip(("knn accuracy", "recall at 1", "probe accuracy"), *ratios, strict=True)
    ]


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
    parser.add_argument("--errors", action="store_true")
    arguments = parser.parse_args()
    runs, columns = 2 if arguments.toy else arguments.runs, {}
    if arguments.errors:
        with ProcessPoolExecutor(count_cpus()) as pool:
            table = compare_errors(runs, pool)
        measure.report(table, "numpy", "scikit-learn")
        sys.exit()
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
