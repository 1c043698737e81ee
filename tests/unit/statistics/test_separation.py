"""Separation against loops over objects, and its influence against leaving out one image after another."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from simulation import Scenario, simulate

from semlens.statistics.intervals import compute_se
from semlens.statistics.labels import Labels
from semlens.statistics.neighbours import fill_distances, gather_inside, gather_pairs, iterate_between, iterate_views
from semlens.statistics.separation import MIN_UNITS, measure_separation


def make_rows(objects):
    """Rows of (image, class), or (image, class, video, identity)."""
    table = pd.DataFrame(
        [(*row, None, None)[:4] for row in objects], columns=["image_id", "class_name", "video", "identity"]
    )
    table["instance_id"] = [f"{image}/{number}" for number, image in enumerate(table["image_id"])]
    return table.astype({"video": "string", "identity": "string"})


def measure_between(rows, vectors, **options):
    labels = Labels.from_rows(rows)
    distances = fill_distances(np.asarray(vectors, np.float32), "euclidean")
    return measure_separation(iterate_between(distances, labels), labels, labels.classes, **options)


def measure_by_hand(rows, distances, where):
    """A of every object; ``where`` takes two rows and says whether the second is a neighbour of the first."""
    values = []
    for i, own in enumerate(rows.itertuples()):
        others = [(j, other) for j, other in enumerate(rows.itertuples()) if i != j and where(own, other)]
        near = [distances[i, j] for j, other in others if other.class_name == own.class_name]
        far = [distances[i, j] for j, other in others if other.class_name != own.class_name]
        pairs = [(a > b) + 0.5 * (a == b) for a in far for b in near]
        values.append(np.mean(pairs) if pairs else np.nan)
    return np.array(values)


@pytest.fixture(params=[None, 0], ids=["as measured", "with ties"])
def simulated(request):
    rows, (vectors,) = simulate(Scenario(images=15, class_effect=0.5), np.random.default_rng(0))
    return rows, vectors if request.param is None else np.round(vectors)


def test_between_images_both_neighbours_are_in_other_images(simulated):
    rows, vectors = simulated
    distances = fill_distances(vectors, "euclidean")  # as rounded as they are, or ties are none
    expected = measure_by_hand(rows, distances, lambda a, b: a.image_id != b.image_id)
    np.testing.assert_allclose(measure_between(rows, vectors).values, expected, atol=1e-12)


def test_inside_images_both_neighbours_are_in_the_objects_own(simulated):
    rows, vectors = simulated
    labels = Labels.from_rows(rows)
    distances = fill_distances(vectors, "euclidean")
    inside = gather_inside(distances, labels)
    expected = measure_by_hand(rows, distances, lambda a, b: a.image_id == b.image_id)
    np.testing.assert_allclose(measure_separation([inside], labels, labels.classes).values, expected, atol=1e-12)
    assert np.isnan(expected).any() and not np.isnan(expected).all()


def test_in_videos_neighbours_between_are_in_other_videos():
    frames = [
        (f"{video}/{frame}", f"c{number}", video, str(number))
        for video in "abc"
        for frame in range(3)
        for number in range(2)
    ]
    rows = make_rows(frames)
    vectors = np.random.default_rng(0).normal(size=(len(rows), 4)).astype(np.float32)
    expected = measure_by_hand(rows, cdist(vectors, vectors), lambda a, b: a.video != b.video)
    np.testing.assert_allclose(measure_between(rows, vectors).values, expected, atol=1e-6)


def test_identity_is_the_object_itself_against_others_of_its_class():
    rows = make_rows([("a", "dog"), ("a", "dog"), ("b", "dog"), ("b", "cat"), ("c", "cat")])
    distances = np.random.default_rng(0).random((5, 5)).astype(np.float32)
    i, to_itself = np.array([4, 0, 2]), np.array([0.3, 0.4, 0.5], np.float32)
    both = Labels.from_rows(pd.concat([rows, rows.iloc[i]]))
    found = measure_separation(iterate_views(distances, both, i, to_itself), both, both.objects)
    expected = np.full(8, np.nan)
    expected[4] = distances[4, 3] > 0.3
    expected[0] = np.mean(distances[0, [1, 2]] > 0.4)
    expected[2] = np.mean(distances[2, [0, 1]] > 0.5)
    np.testing.assert_array_equal(found.values, expected)


def test_pairs_are_gathered_by_their_first_object():
    i, j, distances = np.array([2, 0, 2, 2]), np.array([5, 1, 3, 4]), np.array([0.5, 0.1, 0.3, 0.4], np.float32)
    found = gather_pairs(i, j, distances)
    assert found.anchors.tolist() == [0, 2]
    assert [found.others[row][found.valid[row]].tolist() for row in (0, 1)] == [[1], [5, 3, 4]]
    assert [found.distances[row][found.valid[row]].tolist() for row in (0, 1)] == [
        distances[[1]].tolist(),
        distances[[0, 2, 3]].tolist(),
    ]


@pytest.mark.parametrize("metric", ["euclidean", "correlation", "cityblock"])
def test_distances_of_all_pairs_are_symmetric(metric):
    x = np.random.default_rng(0).normal(size=(70, 5)).astype(np.float32)
    found = fill_distances(x, metric)
    np.testing.assert_allclose(found, cdist(x.astype(float), x.astype(float), metric), atol=1e-5)
    assert (found == found.T).all() and not found.diagonal().any()


def test_a_class_counts_if_its_objects_are_in_five_images():
    rows = make_rows(
        [(f"i{n}", "often") for n in range(6)]
        + [(f"i{n}", "enough") for n in range(5)]
        + [(f"i{n}", "rare") for n in range(4)]
    )
    found = measure_between(rows, np.random.default_rng(0).normal(size=(len(rows), 3)))
    names = found.labels.class_names[found.list_classes()]
    assert MIN_UNITS == 5 and sorted(names) == ["enough", "often"]
    assert found.average("classes").n_units == 6


def test_ten_objects_in_one_image_are_one_image():
    rows = make_rows([("i0", "crowd")] * 10 + [(f"i{n}", "other") for n in range(1, 8)] + [("i8", "crowd")])
    found = measure_between(rows, np.random.default_rng(0).normal(size=(len(rows), 3)))
    assert found.labels.class_names[found.list_classes()].tolist() == ["other"]


@pytest.mark.parametrize(
    "objects",
    [
        [("i0", "dog"), ("i0", "cat"), ("i0", "dog")],  # one image
        [(f"i{n}", "dog") for n in range(9)],  # one class
        [(f"i{n}", f"c{n}") for n in range(9)],  # each class in one image
    ],
)
def test_without_both_kinds_of_neighbours_there_is_no_separation(objects):
    average = measure_between(make_rows(objects), np.random.default_rng(0).normal(size=(len(objects), 3))).average(
        "classes"
    )
    assert np.isnan(average.value) and average.n_units == 0 and not average.influence.any()


def test_classes_weigh_the_same_or_as_their_objects():
    rows, (vectors,) = simulate(Scenario(images=60, imbalance=1.0, class_effect=0.5), np.random.default_rng(0))
    found = measure_between(rows, vectors)
    counting = found.labels.class_names[found.list_classes()]
    values = pd.Series(found.values)[rows["class_name"].isin(counting)]
    by_class = values.groupby(rows["class_name"]).mean()
    assert found.average("classes").value == pytest.approx(by_class.mean())
    assert found.average("objects").value == pytest.approx(values.mean())
    assert by_class.mean() != pytest.approx(values.mean(), abs=1e-3)


@pytest.mark.parametrize("by", ["classes", "objects"])
def test_influence_is_that_of_leaving_out_one_image_after_another(by):
    """Every class is in twenty images and more; with fewer, the naive jackknife is too wide."""
    rows, (vectors,) = simulate(Scenario(images=90, classes=3, class_effect=0.4), np.random.default_rng(1))
    average = measure_between(rows, vectors).average(by)
    assert average.influence.sum() == pytest.approx(0, abs=1e-12)
    names = pd.factorize(rows["image_id"])[1]
    left_out = []
    for image in names:
        kept = (rows["image_id"] != image).to_numpy()
        left_out.append(measure_between(rows[kept], vectors[kept]).average(by).value)
    n = len(names)
    change = average.value - np.array(left_out)
    naive = np.sqrt((n - 1) / n * np.sum((change - change.mean()) ** 2))
    assert compute_se(average.influence, average.n_units) == pytest.approx(naive, rel=0.05)
    assert np.corrcoef(change, average.influence)[0, 1] > 0.99


def test_influence_of_one_class_is_of_the_same_kind():
    rows, (vectors,) = simulate(Scenario(images=90, classes=3, class_effect=0.4), np.random.default_rng(1))
    found = measure_between(rows, vectors)
    parts = [found.average_class(code) for code in found.list_classes()]
    average = found.average("classes")
    assert average.value == pytest.approx(np.mean([part.value for part in parts]))
    np.testing.assert_allclose(average.influence, np.mean([part.influence for part in parts], axis=0), atol=1e-15)
    assert all(part.influence.sum() == pytest.approx(0, abs=1e-12) for part in parts)


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("size", [1, 1 << 18])
def test_neither_threads_nor_batches_matter(monkeypatch, threads, size):
    rows, (vectors,) = simulate(Scenario(class_effect=0.5), np.random.default_rng(0))
    expected = measure_between(rows, vectors).average("classes")
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr("semlens.statistics.neighbours.BATCH_SIZE", size)
    found = measure_between(rows, vectors).average("classes")
    assert found.value == pytest.approx(expected.value, abs=1e-15)
    np.testing.assert_allclose(found.influence, expected.influence, atol=1e-15)


def test_the_mean_within_a_class_follows_from_its_sum():
    """An independent way to the distances: 1 - (|sum x|^2 - n) / (n (n - 1)) for unit vectors."""
    x = np.random.default_rng(0).normal(size=(40, 8))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    distances = fill_distances(x, "cosine").astype(float)
    expected = 1 - (np.sum(x.sum(axis=0) ** 2) - 40) / (40 * 39)
    assert distances.sum() / (40 * 39) == pytest.approx(expected, abs=1e-6)
    exact = cdist(x, x, "cosine")
    assert (exact.sum() - np.trace(exact)) / (40 * 39) == pytest.approx(expected, abs=1e-9)
