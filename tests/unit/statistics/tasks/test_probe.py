"""The probe against scikit-learn without rotation, and its folds, its choice and its test."""

import numpy as np
import pandas as pd
import pytest
from simulation import Scenario, simulate
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from semlens.statistics.jackknife import deal_units
from semlens.statistics.measure import Options
from semlens.statistics.tasks import probe
from semlens.statistics.tasks.measure import measure_classes
from semlens.statistics.tasks.scores import Objects

OPTIONS = Options("classes", 19, 10_000, 0, "cpu")


def make(dimensions, **options):
    scenario = Scenario(images=50, classes=4, class_effect=0.3, dimensions=dimensions, **options)
    rows, (vectors,) = simulate(scenario, np.random.default_rng(0))
    return Objects.from_rows(rows, OPTIONS), vectors


def fit_plainly(vectors, classes, trained, strength):
    """scikit-learn on standardized channels, all of them."""
    scaler = StandardScaler().fit(vectors[trained].astype(float))
    model = LogisticRegression(C=strength / vectors.shape[1], tol=1e-8, max_iter=10_000)
    return model.fit(scaler.transform(vectors[trained].astype(float)), classes[trained]), scaler


@pytest.mark.parametrize("dimensions", [8, 400], ids=["more objects than channels", "more channels than objects"])
@pytest.mark.parametrize("strength", [0.1, 1.0, 100.0])
def test_probabilities_are_scikit_learns_without_rotation(dimensions, strength):
    objects, vectors = make(dimensions)
    vectors = np.hstack([vectors * np.linspace(0.1, 100, dimensions), np.ones((len(vectors), 1))]).astype(np.float32)
    trained = objects.labels.units % 5 > 0
    classes = objects.labels.classes
    space, squares = probe.rotate(vectors, trained)
    assert space.shape[1] == min(dimensions, trained.sum() - 1)
    start = np.zeros((space.shape[1] + 1, 4), np.float32)
    weights = probe.fit_logistic(space[trained], squares, classes[trained], strength, start)
    logits = np.exp(space[~trained] @ weights[:-1] + weights[-1])
    model, scaler = fit_plainly(vectors, classes, trained, strength)
    expected = model.predict_proba(scaler.transform(vectors[~trained].astype(float)))
    np.testing.assert_allclose(logits / logits.sum(axis=1, keepdims=True), expected, atol=1e-3)


def test_weights_in_the_space_that_training_spans_are_those_of_all_channels():
    """What rotation rests on: of more channels than objects, scikit-learn's weights are sums of training vectors."""
    objects, vectors = make(400)
    trained = objects.labels.units % 5 > 0
    model, scaler = fit_plainly(vectors, objects.labels.classes, trained, 10.0)
    train = scaler.transform(vectors[trained].astype(float))
    sums = np.linalg.lstsq(train.T, model.coef_.T, rcond=None)[0]
    np.testing.assert_allclose(train.T @ sums, model.coef_.T, atol=1e-6 * np.abs(model.coef_).max())


def test_strengths_are_chosen_by_folds_within_the_training_images_alone():
    """By hand, fold by fold: what the fold to be told holds has no part in it."""
    objects, vectors = make(30)
    folds, classes = deal_units(objects.labels.units, 0, probe.N_FOLDS), objects.labels.classes
    expected = []
    for fold in range(probe.N_FOLDS):
        right = []
        for strength in probe.STRENGTHS:
            told = np.full(len(classes), -1)
            for inner in set(range(probe.N_FOLDS)) - {fold}:
                model, scaler = fit_plainly(vectors, classes, (folds != fold) & (folds != inner), strength)
                told[folds == inner] = model.predict(scaler.transform(vectors[folds == inner].astype(float)))
            kept = folds != fold
            right.append(pd.Series(told == classes)[kept].groupby(classes[kept]).mean().mean())
        expected.append(probe.STRENGTHS[int(np.argmax(right))])
    assert probe.choose_strengths(vectors, folds, objects) == expected


def test_accuracy_is_that_of_plain_regressions_out_of_fold():
    objects, vectors = make(30)
    folds, classes = deal_units(objects.labels.units, 0, probe.N_FOLDS), objects.labels.classes
    strengths = probe.choose_strengths(vectors, folds, objects)
    told = np.empty_like(classes)
    for fold, strength in enumerate(strengths):
        model, scaler = fit_plainly(vectors, classes, folds != fold, strength)
        told[folds == fold] = model.predict(scaler.transform(vectors[folds == fold].astype(float)))
    (found,) = probe.measure_probe(objects, vectors)
    assert found.value == pytest.approx(pd.Series(told == classes).groupby(classes).mean().mean(), abs=0.01)
    assert len(found.null) == 19 and abs(found.chance - 0.25) < 0.05


def test_no_image_is_in_training_and_test_at_once():
    """Prototypes that name their image and nothing else: who had seen the image would know its only class."""
    rows, _ = simulate(Scenario(images=40, classes=2, clustering=1.0), np.random.default_rng(0))
    units = pd.factorize(rows["image_id"])[0]
    objects, vectors = Objects.from_rows(rows, OPTIONS), np.eye(40, dtype=np.float32)[units]
    (found,) = probe.measure_probe(objects, vectors)
    assert found.value < 0.65


def test_of_many_objects_whole_images_are_probed():
    rows, (vectors,) = simulate(Scenario(images=450, classes=2), np.random.default_rng(0))
    (found,) = measure_classes(rows, vectors, ["probe"], "euclidean", Options("classes", 0, 10_000, 0, "cpu"))
    assert len(rows) > 1_200 and 990 < found.n_objects <= probe.MAX_PROBED


def test_where_training_has_one_class_it_is_told():
    space = probe.rotate(np.random.default_rng(0).normal(size=(6, 3)), np.arange(6) < 4)
    classes, trained = np.array([1, 1, 1, 1, 0, 1]), np.arange(6) < 4
    assert probe.predict(space, classes, trained, ~trained, np.array([0, 1]), [1.0, 10.0]).tolist() == [[1, 1], [1, 1]]
