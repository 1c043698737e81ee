"""Retrieval, votes and clusters against loops and scikit-learn, on simulated and on planted prototypes."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from simulation import Scenario, simulate
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score, average_precision_score
from sklearn.preprocessing import StandardScaler

from semlens.compare.metrics import load_metric
from semlens.statistics.jackknife import N_DRAWS, deal_units, leave_out_thirds
from semlens.statistics.measure import Options
from semlens.statistics.neighbours import fill_distances
from semlens.statistics.tasks import probe
from semlens.statistics.tasks.clustering import find_clusters
from semlens.statistics.tasks.knn import count_wins, find_voters
from semlens.statistics.tasks.measure import measure_classes
from semlens.statistics.tasks.ranks import rank_gallery
from semlens.statistics.tasks.scores import Objects

OPTIONS = Options("classes", 19, 10_000, 0, "cpu")
TASKS = ("retrieval", "knn", "probe", "clustering")
MAIN = {"retrieval": "average_precision", "knn": "accuracy", "probe": "accuracy", "clustering": "ami"}


def make_rows(objects):
    """Rows of (image, class)."""
    table = pd.DataFrame(objects, columns=["image_id", "class_name"])
    table["instance_id"] = [f"{image}/{number}" for number, image in enumerate(table["image_id"])]
    return table.assign(identity=pd.array([None] * len(table), "string"), video=pd.array([None] * len(table), "string"))


def measure(rows, vectors, tasks=TASKS, options=OPTIONS, metric="euclidean"):
    found = measure_classes(rows, np.asarray(vectors, np.float32), tasks, metric, options)
    return {(one.task, one.measure): one for one in found}


@pytest.fixture(scope="module", params=[None, 0], ids=["as measured", "with ties"])
def simulated(request):
    rows, (vectors,) = simulate(Scenario(images=40, classes=4, class_effect=0.7), np.random.default_rng(0))
    return rows, vectors if request.param is None else np.round(vectors) + np.float32(0.25)


def average_by_hand(rows, values, by):
    values = pd.Series(values)
    return values.mean() if by == "objects" else values.groupby(rows["class_name"].to_numpy()).mean().mean()


@pytest.mark.parametrize("by", ["classes", "objects"])
def test_retrieval_is_scikit_learns_of_each_object(simulated, by):
    rows, vectors = simulated
    options = Options(by, 0, 10_000, 0, "cpu")
    found = measure(rows, vectors, ["retrieval"], options)["retrieval", "average_precision"]
    distances, units, classes = (
        fill_distances(vectors, "euclidean"),
        *(rows[name].to_numpy() for name in ("image_id", "class_name")),
    )
    values = []
    for i in range(len(rows)):
        others = units != units[i]
        values.append(average_precision_score(classes[others] == classes[i], -distances[i][others]))
    assert found.value == pytest.approx(average_by_hand(rows, values, by), abs=1e-9)
    assert (found.n_objects, found.n_classes, found.n_units) == (len(rows), 4, 40)


def test_the_nearest_vote_and_share_what_is_a_tie(simulated):
    rows, vectors = simulated
    labels = Objects.from_rows(rows, OPTIONS).labels
    distances = fill_distances(vectors, "cosine")
    ranks = rank_gallery(distances, labels.units[:, None] != labels.units)
    found = count_wins(*find_voters(ranks, np.ones(len(rows), bool)), labels.classes, 4)
    for i in range(len(rows)):
        others = np.flatnonzero(labels.units != labels.units[i])
        d = distances[i][others]
        edge = np.sort(d)[19]
        weights = np.where(d < edge, 1, np.where(d == edge, (20 - (d < edge).sum()) / (d == edge).sum(), 0))
        votes = np.bincount(labels.classes[others], weights, 4)
        best = np.isclose(votes, votes.max(), atol=1e-5)
        assert found[i] == pytest.approx(best[labels.classes[i]] / best.sum())
    score = measure(rows, vectors, ["knn"])["knn", "accuracy"]
    assert score.value == pytest.approx(average_by_hand(rows, found, "classes"))


def tell_plainly(vectors, classes, units, objects):
    """scikit-learn's probe of some objects; folds, strengths and scales of channels are those of all objects."""
    folds = deal_units(units, objects.seed, probe.N_FOLDS)
    strengths = probe.choose_strengths(vectors, folds, objects)

    def measure(kept):
        told = np.full(len(classes), -1)
        for fold, strength in enumerate(strengths):
            x = StandardScaler().fit(vectors[folds != fold].astype(float)).transform(vectors.astype(float))
            model = LogisticRegression(C=strength / vectors.shape[1], tol=1e-8, max_iter=10_000)
            told[folds == fold] = model.fit(x[(folds != fold) & kept], classes[(folds != fold) & kept]).predict(
                x[folds == fold]
            )
        return pd.Series(told == classes)[kept].groupby(classes[kept]).mean().mean()

    return measure


@pytest.mark.parametrize("task", TASKS)
def test_leaving_out_images_is_measuring_again_without_them(task):
    """Clusters are those of all objects, and so are folds, strengths and scales of channels of the probe."""
    rows, (vectors,) = simulate(Scenario(images=40, classes=3, class_effect=0.5), np.random.default_rng(0))
    objects = Objects.from_rows(rows, OPTIONS)
    found = measure(rows, vectors, [task], Options("classes", 0, 10_000, 0, "cpu"))[task, MAIN[task]]
    assert len(found.influence) == N_DRAWS and found.influence.sum() == pytest.approx(0, abs=1e-12)
    units, classes = objects.labels.units, objects.labels.classes
    clusters, tell = find_clusters(vectors, 3, 0), tell_plainly(vectors, classes, units, objects)

    def measure_kept(kept):
        if task == "clustering":
            return np.array([adjusted_mutual_info_score(classes[kept], clusters[kept])])
        if task == "probe":
            return np.array([tell(kept)])
        return np.array([measure(rows[kept], vectors[kept], [task])[task, MAIN[task]].value])

    value, expected = leave_out_thirds(measure_kept, units, objects.seed)
    assert found.value == pytest.approx(value[0])
    np.testing.assert_allclose(found.influence, expected[0], atol=1e-9)
    assert np.std(expected) > 0


@pytest.mark.parametrize("task", ["retrieval", "knn"])
def test_permutations_are_measuring_again_under_other_classes(simulated, task):
    rows, vectors = simulated
    found = measure(rows, vectors, [task])[task, MAIN[task]]
    objects = Objects.from_rows(rows, OPTIONS)
    for classes, null in list(zip(objects.shuffled, found.null, strict=True))[:3]:
        other = rows.assign(class_name=objects.labels.class_names[classes])
        assert measure(other, vectors, [task])[task, MAIN[task]].value == pytest.approx(null, abs=1e-9)
    assert found.chance == pytest.approx(found.null.mean())


def test_clusters_agree_as_scikit_learn_says():
    rows, (vectors,) = simulate(Scenario(images=40, classes=4, class_effect=0.9), np.random.default_rng(0))
    found = measure(rows, vectors, ["clustering"], metric="cosine")["clustering", "ami"]
    clusters = find_clusters(load_metric("cosine").normalize(vectors), 4, 0)
    assert found.value == pytest.approx(adjusted_mutual_info_score(rows["class_name"], clusters))
    centres = np.stack([load_metric("cosine").normalize(vectors)[clusters == k].mean(axis=0) for k in range(4)])
    nearest = cdist(load_metric("cosine").normalize(vectors), centres).argmin(axis=1)
    assert (nearest == clusters).mean() > 0.98  # it has come to rest
    assert abs(found.chance) < 0.05


def test_rare_classes_are_in_the_gallery_and_asked_for_nothing():
    rows = make_rows([(f"i{n}", name) for n in range(8) for name in "ab"] + [(f"i{n}", "rare") for n in range(4)])
    vectors = np.random.default_rng(0).normal(size=(len(rows), 5))
    found = measure(rows, vectors)
    assert {(one.n_objects, one.n_classes, one.n_units) for one in found.values()} == {(16, 2, 8)}
    nearer = np.vstack([vectors[:16], vectors[:4] + 1e-3])  # rare objects stand nearest to others, and are in the way
    assert measure(rows, nearer)["retrieval", "recall_at_1"].value < 1


@pytest.mark.parametrize("task", TASKS)
def test_perfect_prototypes_are_perfect(task):
    rows = make_rows([(f"i{n}", "abc"[n % 3]) for n in range(36)])
    vectors = np.eye(3)[[0, 1, 2] * 12] + 0.01 * np.random.default_rng(0).normal(size=(36, 3))
    found = measure(rows, vectors, [task])[task, MAIN[task]]
    assert found.value == pytest.approx(1) and found.chance < 0.6 and found.null.max() < 1


@pytest.mark.parametrize("task", TASKS)
def test_images_that_all_show_the_same_classes_have_nothing_to_exchange(task):
    rows = make_rows([(f"i{n}", name) for n in range(12) for name in "abc"])
    found = measure(rows, np.random.default_rng(0).normal(size=(36, 3)), [task])[task, MAIN[task]]
    assert found.null == pytest.approx(np.full(19, found.tested), abs=1e-6)


FEW = {
    "one object": [("a", "dog")],
    "one image": [("a", "dog"), ("a", "cat"), ("a", "dog")],
    "one class": [(f"i{n}", "dog") for n in range(9)],
    "a class per image": [(f"i{n}", f"c{n}") for n in range(9)],
    "classes below five images": [(f"i{n}", name) for n in range(4) for name in "ab"],
}


@pytest.mark.parametrize("objects", FEW.values(), ids=FEW)
def test_too_few_objects_have_no_score(objects):
    found = measure(make_rows(objects), np.random.default_rng(0).normal(size=(len(objects), 4)))
    assert len(found) == 6
    assert all(np.isnan(one.value) and one.n_objects == 0 for one in found.values())


def test_a_prototype_of_length_0_leaves_the_vote_alone_without_a_score(caplog):
    rows = make_rows([(f"i{n}", name) for n in range(10) for name in "ab"])
    vectors = np.random.default_rng(0).normal(size=(20, 3))
    vectors[[3, 8]] = 0
    found = measure(rows, vectors)
    assert np.isnan(found["knn", "accuracy"].value) and found["knn", "accuracy"].n_objects == 0
    assert not any(np.isnan(one.value) for (task, _), one in found.items() if task != "knn")
    assert "2 of 20 objects have a prototype of length 0" in caplog.text


def test_prototypes_that_are_all_the_same_give_what_chance_gives():
    rows = make_rows([(f"i{n}", name) for n in range(10) for name in "ab"])
    found = measure(rows, np.ones((20, 3)))
    assert found["retrieval", "recall_at_1"].value == pytest.approx(0.5)
    assert found["knn", "accuracy"].value == pytest.approx(0.5)
    assert found["probe", "accuracy"].value == pytest.approx(0.5)
    assert found["clustering", "ami"].value == pytest.approx(0)
