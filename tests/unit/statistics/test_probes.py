"""The probe of position: what is planted is found on images that were left out, and nothing where nothing is."""

import numpy as np
import pytest

from semlens.statistics.probes import FOLDS, PENALTIES, _fit, measure_position

IMAGES, CELLS = 30, 16


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def places(rng):
    """Rows and columns, as shares, of some cells of each image."""
    return rng.random((IMAGES * CELLS, 2))


GROUPS = np.repeat([f"image {number}" for number in range(IMAGES)], CELLS)


def test_what_holds_only_the_place_is_read_wholly(places):
    assert (measure_position(places, places, GROUPS) > 0.999).all()


def test_row_and_column_are_measured_apart(places, rng):
    features = np.column_stack([places[:, 0], rng.standard_normal(len(places))])
    row, column = measure_position(features, places, GROUPS)
    assert row > 0.999 and column < 0.05


@pytest.mark.parametrize("channels", [8, 1000])
def test_noise_tells_nothing(places, rng, channels):
    assert (measure_position(rng.standard_normal((len(places), channels)), places, GROUPS) < 0.05).all()


def test_the_penalty_is_chosen_on_rows_that_do_not_fit_it(places, rng):
    """Without a penalty, as many channels as rows fit noise, and R2 is far below 0."""
    assert (measure_position(rng.standard_normal((len(places), 400)), places, GROUPS) > -0.1).all()


@pytest.mark.parametrize("channels", [8, 1000])
def test_shuffled_places_are_not_read(places, rng, channels):
    features = np.column_stack([places, rng.standard_normal((len(places), channels))])
    assert (measure_position(features, places, GROUPS) > 0.3).all()
    assert (measure_position(features, rng.permutation(places), GROUPS) < 0.05).all()


def test_half_the_variance_is_half_of_r2(rng):
    signal = rng.standard_normal((4000, 1))
    targets = signal + rng.standard_normal((4000, 1))
    (r2,) = measure_position(signal, targets, np.arange(4000) // 16)
    assert r2 == pytest.approx(0.5, abs=0.03)


def test_what_tells_images_apart_is_of_no_use(rng):
    """A value per image that is the mean of its targets: rows of the same image on both sides would give it away."""
    targets = np.repeat(rng.standard_normal((IMAGES, 1)), CELLS, axis=0)
    codes = np.eye(IMAGES)[np.repeat(np.arange(IMAGES), CELLS)]
    (r2,) = measure_position(codes, targets, GROUPS)
    assert r2 < 0.05


def test_scale_and_offset_of_channels_do_not_matter(places, rng):
    features = np.column_stack([places + 0.5 * rng.standard_normal(places.shape), rng.standard_normal(len(places))])
    changed = features * [1e4, 1e-3, 1] + [1e5, 0, -3]
    np.testing.assert_allclose(
        measure_position(changed, places, GROUPS), measure_position(features, places, GROUPS), atol=1e-6
    )


@pytest.mark.parametrize("channels", [5, 60])
def test_predictions_are_those_of_the_normal_equations(rng, channels):
    features, targets = rng.standard_normal((40, channels)), rng.standard_normal((40, 2))
    rows = np.arange(40) < 30
    z = (features - features[rows].mean(0)) / features[rows].std(0)
    for penalty, predicted in zip(PENALTIES, _fit(features, targets, rows)(features[~rows]), strict=True):
        centre = targets[rows].mean(0)
        matrix = z[rows].T @ z[rows] + 30 * penalty * np.eye(channels)
        weights = np.linalg.solve(matrix, z[rows].T @ (targets[rows] - centre))
        np.testing.assert_allclose(predicted, z[~rows] @ weights + centre, rtol=1e-6, atol=1e-9)


def test_the_order_of_rows_does_not_matter(places, rng):
    features = places + rng.standard_normal(places.shape)
    order = rng.permutation(len(places))
    np.testing.assert_allclose(
        measure_position(features[order], places[order], GROUPS[order]),
        measure_position(features, places, GROUPS),
        rtol=1e-9,
    )


def test_a_channel_that_does_not_vary_is_harmless(places):
    assert (measure_position(np.column_stack([places, np.ones(len(places))]), places, GROUPS) > 0.999).all()


def test_too_few_images_have_no_value(places):
    few = np.arange(len(places)) % (FOLDS - 1)
    assert np.isnan(measure_position(places, places, few)).all()


def test_a_place_that_does_not_vary_has_no_value(places):
    targets = np.column_stack([np.full(len(places), 0.5), places[:, 1]])
    row, column = measure_position(places, targets, GROUPS)
    assert np.isnan(row) and column > 0.999
