"""A linear probe: how often a logistic regression tells the class of an object in images that it was not trained on."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy import optimize
from threadpoolctl import threadpool_limits

from semlens.statistics.jackknife import deal_units
from semlens.statistics.separation import map_by_threads
from semlens.statistics.tasks.scores import Objects, Score, average_scores, make_scores, say_nothing

MAX_PROBED = 1_000  # objects, of whole images (videos)
MAX_PERMUTATIONS = 99
N_FOLDS = 5
STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # C of scikit-learn, times the number of channels
TESTED_STRENGTH = 1.0  # of the permutation test, which chooses none
_TOLERANCE = 1e-5
_MAX_STEPS = 500


def measure_probe(objects: Objects, vectors: np.ndarray) -> list[Score]:
    """Return how often the class is told right, of the classes that count.

    Images (videos) are dealt to ``N_FOLDS`` folds at random, the same in all conditions. Each fold is told by a
    regression that was trained on the others. Its strength is the one that tells these best, each by a regression that
    saw neither it nor the fold. Without a third of the images, all folds are trained and told again, with strengths and
    scales of channels as they are. The test compares the accuracy at ``TESTED_STRENGTH`` with that of regressions
    trained on shuffled classes.

    Parameters
    ----------
    vectors
        (n, channels).
    """
    labels, codes = objects.labels, objects.codes
    folds = deal_units(labels.units, objects.seed, N_FOLDS)
    fixed = [TESTED_STRENGTH] * N_FOLDS
    if len(codes) < 2:
        return say_nothing("probe", "accuracy", objects)

    def judge(told: np.ndarray, classes: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
        return average_scores((told == classes)[None].astype(float), classes, codes, objects.average, kept)

    with threadpool_limits(1, "blas"):  # products are small: threads would wait for one another
        spaces = [rotate(vectors, folds != fold) for fold in range(N_FOLDS)]

        def test(classes: np.ndarray) -> np.ndarray:
            return judge(predict_folds(spaces, classes, folds, codes, fixed), classes)

        best = choose_strengths(vectors, folds, objects)

        def measure(kept: np.ndarray) -> np.ndarray:
            return judge(predict_folds(spaces, labels.classes, folds, codes, best, kept), labels.classes, kept)

        return make_scores(
            *("probe", ["accuracy"], "class", measure, np.isin(labels.classes, codes), objects),
            null=np.array(list(map_by_threads(test, objects.shuffled))),
            tested=test(labels.classes),
        )


def rotate(vectors: np.ndarray, trained: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors in the principal axes of training, (n, axes) float32, and the axes' sums of squares in training.

    Channels are standardized as they are in training, and divided by the root of their number, so that a strength means
    the same whatever their number. The weights that a penalty on their squares allows are sums of training vectors. So
    nothing is lost by rotating these into the space that they span, which is smaller where there are more channels than
    objects.

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
    is_wide = train.shape[1] > len(train)
    squares, axes = np.linalg.eigh(train @ train.T if is_wide else train.T @ train)
    spanned = squares > 1e-10 * max(squares[-1], 1e-300)
    squares, axes = squares[spanned], axes[:, spanned]
    space = (x @ train.T) @ (axes / np.sqrt(squares)) if is_wide else x @ axes
    return space.astype(np.float32), squares.astype(np.float32)


def choose_strengths(vectors: np.ndarray, folds: np.ndarray, objects: Objects) -> list[float]:
    """Return the strength of each fold, (folds,); the smallest of several that are as good.

    A regression that saw neither of two folds tells both, each for the other's choice.
    """
    classes = objects.labels.classes
    told = np.full((N_FOLDS, len(STRENGTHS), len(classes)), -1)

    def tell(pair: tuple[int, int]) -> tuple[tuple[int, int], list[np.ndarray]]:
        trained = ~np.isin(folds, pair)
        space = rotate(vectors, trained)
        return pair, predict(space, classes, trained, ~trained, objects.codes, STRENGTHS)

    for pair, found in map_by_threads(tell, combinations(range(N_FOLDS), 2)):
        places = np.flatnonzero(np.isin(folds, pair))
        for fold in pair:
            others = folds[places] != fold
            told[fold][:, places[others]] = found[:, others]
    right = [
        average_scores((told[fold] == classes).astype(float), classes, objects.codes, objects.average, folds != fold)
        for fold in range(N_FOLDS)
    ]
    return [STRENGTHS[np.argmax(one)] for one in right]


def predict_folds(
    spaces: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: np.ndarray,
    folds: np.ndarray,
    codes: np.ndarray,
    strengths: Sequence[float],
    kept: np.ndarray | None = None,
) -> np.ndarray:
    """Return the class that is told of each object, (n,), by the regression that was trained on the other folds.

    Parameters
    ----------
    kept
        (n,) bool: what may be trained on; all if left out.
    """
    told = np.full(len(classes), -1)
    for fold, (space, strength) in enumerate(zip(spaces, strengths, strict=True)):
        trained = folds != fold if kept is None else (folds != fold) & kept
        (told[folds == fold],) = predict(space, classes, trained, folds == fold, codes, [strength])
    return told


def predict(
    space: tuple[np.ndarray, np.ndarray],
    classes: np.ndarray,
    trained: np.ndarray,
    asked: np.ndarray,
    codes: np.ndarray,
    strengths: Sequence[float],
) -> np.ndarray:
    """Return the classes that regressions of rising strengths tell, (strengths, asked).

    They are trained on objects of the classes that count.

    Parameters
    ----------
    space
        See :func:`rotate`.
    """
    vectors, squares = space
    trained = trained & np.isin(classes, codes)
    known, targets = np.unique(classes[trained], return_inverse=True)
    if len(known) < 2:
        return np.full((len(strengths), np.count_nonzero(asked)), known[0] if len(known) else -1)
    weights, told = np.zeros((vectors.shape[1] + 1, len(known)), np.float32), []
    for strength in strengths:
        weights = fit_logistic(vectors[trained], squares, targets, strength, weights)
        told.append(known[np.argmax(vectors[asked] @ weights[:-1] + weights[-1], axis=1)])
    return np.stack(told)


def fit_logistic(
    x: np.ndarray, squares: np.ndarray, targets: np.ndarray, strength: float, start: np.ndarray
) -> np.ndarray:
    """Return the weights of a multinomial logistic regression, (axes + 1, classes), the last those of the intercept.

    They minimize strength * (sum of the negative logarithms of what it gives the true classes) + (sum of the squares of
    all weights but the intercept) / 2, as scikit-learn's do with ``C``. That is solved by steps in axes that are scaled
    by the curvature which they have at the start: there, the Hessian is diagonal but for the classes. It takes a tenth
    of scikit-learn's steps.

    Parameters
    ----------
    x
        (n, axes) float32.
    squares
        (axes,) Sums of squares of about these vectors.
    targets
        (n,) from 0 on.
    start
        Weights, from which the search starts.
    """
    n, n_classes = len(x), start.shape[1]
    scale = 1 / np.sqrt(np.append(1 + strength * squares / n_classes, strength * n / n_classes)).astype(np.float32)
    penalty = np.append(scale[:-1] ** 2, 0)[:, None].astype(np.float32)
    scaled = np.hstack([x, np.ones((n, 1), np.float32)]) * scale
    rows = np.arange(n)

    def evaluate(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(start.shape).astype(np.float32)
        logits = scaled @ weights
        logits -= logits.max(axis=1, keepdims=True)
        true = logits[rows, targets].sum(dtype=np.float64)
        np.exp(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        loss = np.log(total).sum(dtype=np.float64) - true
        logits /= total
        logits[rows, targets] -= 1
        gradient = strength * (scaled.T @ logits) + penalty * weights
        return strength * loss + float((penalty * weights**2).sum(dtype=np.float64)) / 2, gradient.ravel().astype(float)

    options = {"maxiter": _MAX_STEPS, "gtol": _TOLERANCE * strength, "ftol": 1e-8}  # as exact as float32 is
    found = optimize.minimize(evaluate, (start / scale[:, None]).ravel(), jac=True, method="L-BFGS-B", options=options)
    return (found.x.reshape(start.shape) * scale[:, None]).astype(np.float32)
