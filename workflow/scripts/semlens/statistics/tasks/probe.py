"""A linear probe: how often a logistic regression tells the class of an object in images that it was not trained on."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from sklearn.linear_model import LogisticRegression

from semlens.statistics.jackknife import deal_units
from semlens.statistics.separation import map_by_threads
from semlens.statistics.tasks.scores import Objects, Score, average_scores, make_scores

MAX_PROBED = 1_000  # objects, of whole images (videos)
MAX_PERMUTATIONS = 99
N_FOLDS = 5
STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # C of scikit-learn, times the number of channels
TESTED_STRENGTH = 1.0  # of the permutation test, which chooses none
_TOLERANCE = 1e-4
_MAX_STEPS = 500


def measure_probe(objects: Objects, vectors: np.ndarray) -> list[Score]:
    """Return how often the class is told right, of the classes that count.

    Images (videos) are dealt to ``N_FOLDS`` folds at random, the same in all conditions. Each fold is told by a
    regression that was trained on the others. Its strength is the one that tells these best, each by a regression that
    saw neither it nor the fold. Leaving out groups trains nothing again. The test compares the accuracy at
    ``TESTED_STRENGTH`` with that of regressions trained on shuffled classes.

    Parameters
    ----------
    vectors
        (n, channels).
    """
    labels, codes = objects.labels, objects.codes
    folds = deal_units(labels.units, objects.seed, N_FOLDS)
    chosen, fixed = np.full((2, len(labels)), -1)
    null = np.empty((0, 1))
    if len(codes) > 1:
        spaces = [rotate(vectors, folds != fold) for fold in range(N_FOLDS)]
        best = choose_strengths(vectors, labels.classes, folds, objects)
        chosen = predict_folds(spaces, labels.classes, folds, codes, best)
        fixed = predict_folds(spaces, labels.classes, folds, codes, [TESTED_STRENGTH] * N_FOLDS)

        def permute(classes: np.ndarray) -> np.ndarray:
            told = predict_folds(spaces, classes, folds, codes, [TESTED_STRENGTH] * N_FOLDS)
            return average_scores((told == classes)[None], classes, codes, objects.average)

        null = np.array(list(map_by_threads(permute, objects.shuffled)))

    def average(told: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
        asked = codes if len(codes) > 1 else codes[:0]
        return average_scores((told == labels.classes)[None], labels.classes, asked, objects.average, kept)

    counted = np.isin(labels.classes, codes) & (len(codes) > 1)
    return make_scores(
        *("probe", ["accuracy"], "class", lambda kept: average(chosen, kept), counted, objects),
        null=null,
        tested=average(fixed),
    )


def rotate(vectors: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """Return vectors, standardized as they are in training, in the space that training spans, (n, at most rows).

    Each channel is divided by the root of their number too, so that a strength means the same whatever their number.
    The weights that a penalty on their squares allows are sums of training vectors. So nothing is lost by rotating
    these into the space that they span, which is smaller where there are more channels than objects.

    Parameters
    ----------
    vectors
        (n, channels).
    trained
        (n,) bool.
    """
    x = vectors.astype(np.float64)
    mean, spread = x[trained].mean(axis=0), x[trained].std(axis=0)
    x = (x - mean) / (np.where(spread > 0, spread, np.inf) * np.sqrt(len(spread)))
    train = x[trained]
    if train.shape[1] <= len(train):
        return x
    squares, left = np.linalg.eigh(train @ train.T)
    spanned = squares > 1e-10 * max(squares[-1], 1e-300)
    return (x @ train.T) @ (left[:, spanned] / np.sqrt(squares[spanned]))


def choose_strengths(vectors: np.ndarray, classes: np.ndarray, folds: np.ndarray, objects: Objects) -> list[float]:
    """Return the strength of each fold, (folds,); the smallest of several that are as good.

    A regression that saw neither of two folds tells both, each for the other's choice.
    """
    told = np.full((N_FOLDS, len(STRENGTHS), len(classes)), -1)

    def tell(pair: tuple[int, int]) -> tuple[tuple[int, int], list[np.ndarray]]:
        trained = ~np.isin(folds, pair)
        space = rotate(vectors, trained)
        return pair, [predict(space, classes, trained, ~trained, objects.codes, one) for one in STRENGTHS]

    for pair, found in map_by_threads(tell, combinations(range(N_FOLDS), 2)):
        places = np.flatnonzero(np.isin(folds, pair))
        for fold in pair:
            others = folds[places] != fold
            told[fold][:, places[others]] = np.stack(found)[:, others]
    right = [
        average_scores((told[fold] == classes).astype(float), classes, objects.codes, objects.average, folds != fold)
        for fold in range(N_FOLDS)
    ]
    return [STRENGTHS[np.argmax(one)] for one in right]


def predict_folds(
    spaces: Sequence[np.ndarray], classes: np.ndarray, folds: np.ndarray, codes: np.ndarray, strengths: Sequence[float]
) -> np.ndarray:
    """Return the class that is told of each object, (n,), by the regression that was trained on the other folds."""
    told = np.full(len(classes), -1)
    for fold, (space, strength) in enumerate(zip(spaces, strengths, strict=True)):
        told[folds == fold] = predict(space, classes, folds != fold, folds == fold, codes, strength)
    return told


def predict(
    space: np.ndarray, classes: np.ndarray, trained: np.ndarray, asked: np.ndarray, codes: np.ndarray, strength: float
) -> np.ndarray:
    """Return the classes that a regression tells, (asked,); trained on objects of the classes that count."""
    trained = trained & np.isin(classes, codes)
    known = np.unique(classes[trained])
    if len(known) < 2:
        return np.full(np.count_nonzero(asked), known[0] if len(known) else -1)
    model = LogisticRegression(C=strength, tol=_TOLERANCE, max_iter=_MAX_STEPS)
    return model.fit(space[trained], classes[trained]).predict(space[asked])
