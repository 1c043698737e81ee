"""Separation given size and place: what they tell of a class does not count, and tests keep their level."""

import numpy as np
import pytest
from planted import encode_classes, encode_images, encode_places, plant_objects
from prototype_shards import write_manifest
from scipy import stats

from semlens.statistics.intervals import Estimates
from semlens.statistics.measure import Options, measure_images
from semlens.statistics.permutation import compute_p
from semlens.statistics.places import choose_degree, gather_covariates, read_places, span_polynomials, take_away

OPTIONS = Options("classes", 39, 10_000, 1_000_000, "cpu")
BOTH = ["area", "position"]


def measure(rows, vectors, metric="euclidean", options=OPTIONS):
    """Separation between images, its interval, and p."""
    found, null = measure_images(rows, vectors.astype(np.float32), metric, options)["between"]
    average = found.average("classes")
    one = Estimates([""], np.array([average.value]), average.influence[None], np.array([average.n_units]))
    return average.value, one.compute_interval()[:, 0], compute_p(average.value, null)


def condition_on(vectors, rows, places, given=BOTH):
    covariates = gather_covariates(places, rows["instance_id"], given)
    return take_away(vectors.astype(np.float32), covariates, rows["image_id"].nunique())


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation"])
@pytest.mark.parametrize("curved", [False, True], ids=["lines", "curves"])
def test_prototypes_that_hold_place_alone_do_not_separate_classes_given_place(curved, metric):
    rng = np.random.default_rng(0)
    rows, places = plant_objects(rng, confounding=1.0)
    vectors = encode_places(places, rng, curved=curved) + 0.3 * rng.standard_normal((len(rows), 12)) + 1
    plain, _, plain_p = measure(rows, vectors, metric)
    given, _, p = measure(rows, condition_on(vectors, rows, places), metric)
    assert plain > 0.55 and plain_p <= 0.05
    assert given < 0.51 and p > 0.05


def test_prototypes_that_hold_classes_separate_them_as_well_given_place():
    rng = np.random.default_rng(0)
    rows, places = plant_objects(rng)
    vectors = encode_classes(rows, 12) + 1.5 * rng.standard_normal((len(rows), 12))
    plain, (low, high), _ = measure(rows, vectors)
    given, *_ = measure(rows, condition_on(vectors, rows, places))
    assert plain > 0.6 and low < given < high


def test_classes_that_place_hides_are_found_given_place():
    rng = np.random.default_rng(0)
    rows, places = plant_objects(rng)
    vectors = encode_classes(rows, 12) + 4 * encode_places(places, rng) + rng.standard_normal((len(rows), 12))
    assert measure(rows, condition_on(vectors, rows, places))[0] > measure(rows, vectors)[0] + 0.05


def test_only_what_is_given_is_taken_away():
    rng = np.random.default_rng(0)
    rows, places = plant_objects(rng)
    vectors = places[["log_area", "x"]].to_numpy()
    left = condition_on(vectors, rows, places, ["area"])
    assert abs(np.corrcoef(left[:, 0], places["log_area"])[0, 1]) < 0.05
    assert abs(np.corrcoef(left[:, 1], places["x"])[0, 1]) > 0.95


def test_prototypes_keep_their_mean():
    rng = np.random.default_rng(0)
    rows, places = plant_objects(rng)
    vectors = rng.normal([5, 0, -3, 100], 1, (len(rows), 4))
    np.testing.assert_allclose(condition_on(vectors, rows, places).mean(axis=0), [5, 0, -3, 100], atol=0.3)


def test_small_objects_are_not_known_by_their_noise():
    rng = np.random.default_rng(0)
    rows, places = plant_objects(rng, images=200)
    spread = np.exp(-0.7 * stats.zscore(places["log_area"].to_numpy()))
    left = condition_on(spread[:, None] * rng.standard_normal((len(rows), 12)), rows, places)
    lengths = np.linalg.norm(left - left.mean(axis=0), axis=1)
    assert (
        abs(np.corrcoef(np.log(lengths), places["log_area"])[0, 1]) < 0.05 and np.corrcoef(spread, lengths)[0, 1] < 0.2
    )


def test_covariates_that_do_not_vary_take_nothing_away():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((60, 3)).astype(np.float32)
    left = take_away(vectors, np.ones((60, 2)), 60)
    centred = vectors - vectors.mean(axis=0)
    np.testing.assert_allclose(left - left.mean(axis=0), centred, atol=1e-5)


@pytest.mark.parametrize(
    ("covariates", "units", "degree"), [(3, 100, 3), (3, 99, 2), (3, 20, 1), (1, 20, 3), (2, 29, 1)]
)
def test_few_images_allow_simple_polynomials_only(covariates, units, degree):
    assert choose_degree(covariates, units) == degree


def test_too_few_images_are_refused_by_number():
    with pytest.raises(ValueError, match=r"'given' needs objects in at least 20 images \(videos\); there are 19"):
        choose_degree(3, 19)


def test_a_basis_is_orthonormal_and_holds_products():
    z = np.random.default_rng(0).standard_normal((50, 2))
    basis = span_polynomials(z, 2)
    np.testing.assert_allclose(basis.T @ basis, np.eye(6), atol=1e-12)
    product = z[:, 0] * z[:, 1]
    np.testing.assert_allclose(basis @ (basis.T @ product), product, atol=1e-12)


def test_places_are_shares_of_the_image(tmp_path):
    path = write_manifest(tmp_path / "0.parquet", [("a", None, None, [("dog", None)])], box=(20, 10, 40, 20))
    (place,) = read_places([path]).itertuples()
    assert (place.Index, place.x, place.y) == ("a/1", 0.4, 0.4)  # of 100 x 50
    assert place.log_area == pytest.approx(np.log(0.1))


NULLS = {
    "place, along lines": {"place": 1.0},
    "place, in curves": {"place": 1.0, "curved": True},
    "no place": {},
    "noisy small objects": {"place": 0.5, "size_noise": 0.7},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NULLS)
def test_permutation_keeps_its_level_and_intervals_cover_where_place_is_all_that_classes_share(name):
    runs, rejected, missed, plain_rejected = 60, 0, 0, 0
    for run in range(runs):
        rows, vectors, places = plant_null(run, **NULLS[name])
        _, (low, _), p = measure(rows, condition_on(vectors, rows, places))
        rejected += p <= 0.05
        missed += low > 0.5
        plain_rejected += measure(rows, vectors)[2] <= 0.05
    assert rejected <= stats.binom.ppf(0.9995, runs, 0.05)
    assert missed <= stats.binom.ppf(0.9995, runs, 0.025)
    if name != "no place":
        assert plain_rejected > runs / 2


def plant_null(run, *, place=0.0, curved=False, size_noise=0.0):
    rng = np.random.default_rng(run)
    rows, places = plant_objects(rng, images=80, confounding=1.0)
    spread = np.exp(-size_noise * stats.zscore(places["log_area"].to_numpy()))[:, None]
    vectors = place * encode_places(places, rng, curved=curved) + 0.5 * encode_images(rows, rng, 12)
    return rows, vectors + 0.5 * spread * rng.standard_normal((len(rows), 12)), places
