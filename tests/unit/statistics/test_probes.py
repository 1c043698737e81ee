"""A probe reads what is there, and no more: out of image, whatever the scale of channels."""

import numpy as np
import pytest

from semlens.statistics import probes
from semlens.statistics.probes import fit_ridge, measure_position


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("channels", [20, 500], ids=["fewer channels than objects", "more channels than objects"])
def test_what_channels_hold_is_read_and_what_they_do_not_is_not(rng, channels):
    targets = rng.standard_normal((300, 2))
    features = targets[:, :1] @ rng.standard_normal((1, channels)) + 0.3 * rng.standard_normal((300, channels))
    held, other = measure_position(features, targets, np.arange(300) // 3).r2
    assert held > 0.9 and -0.1 < other < 0.05


def test_what_is_known_of_an_image_is_no_proof(rng):
    """Targets are shared by the objects of an image, and features say which image it is: nothing holds elsewhere."""
    images = np.arange(300) // 5
    targets, features = rng.standard_normal((60, 1))[images], rng.standard_normal((60, 100))[images]
    assert measure_position(features, targets, images).r2[0] < 0.1
    assert measure_position(features, targets, np.arange(300)).r2[0] > 0.5


def test_a_huge_channel_and_one_that_does_not_vary_hide_nothing(rng):
    targets = rng.standard_normal((200, 1))
    features = np.hstack([1e4 * rng.standard_normal((200, 1)), np.ones((200, 1)), 1e-3 * targets])
    assert measure_position(features, targets, np.arange(200)).r2[0] > 0.99


def test_ridge_is_that_of_the_normal_equations(rng):
    x, y, x_test = rng.standard_normal((30, 6)), rng.standard_normal((30, 2)), rng.standard_normal((4, 6))
    y -= y.mean(axis=0)
    z, z_test = (x - x.mean(axis=0)) / x.std(axis=0), (x_test - x.mean(axis=0)) / x.std(axis=0)
    expected = [z_test @ np.linalg.solve(z.T @ z + 30 * one * np.eye(6), z.T @ y) for one in probes.PENALTIES]
    np.testing.assert_allclose(fit_ridge(x, y, x_test), expected, rtol=1e-6)


def test_both_decompositions_agree(rng):
    """A channel that does not vary makes channels outnumber rows and changes nothing else."""
    x, y, x_test = rng.standard_normal((10, 10)), rng.standard_normal((10, 1)), rng.standard_normal((3, 10))
    y -= y.mean()
    wide, wide_test = np.hstack([x, np.ones((10, 1))]), np.hstack([x_test, np.ones((3, 1))])
    np.testing.assert_allclose(fit_ridge(wide, y, wide_test), fit_ridge(x, y, x_test), rtol=1e-4, atol=1e-8)


def test_intervals_hold_what_new_images_give():
    """The truth is known: a channel that is the target with noise of half its variance."""
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        images, targets = np.arange(240) // 3, rng.standard_normal((240, 1))
        features = targets + np.sqrt(0.5) * rng.standard_normal((80, 1))[images]
        _, low, high = measure_position(features, targets, images).average([0])
        covered += low < 2 / 3 < high
    assert covered >= 50


def test_fewer_images_than_folds_give_no_value(rng):
    probe = measure_position(rng.standard_normal((20, 3)), rng.standard_normal((20, 2)), np.arange(20) // 5)
    assert np.isnan(probe.r2).all() and np.isnan(probe.average([0, 1])).all()


def test_a_target_that_does_not_vary_has_no_value(rng):
    targets = np.hstack([np.ones((40, 1)), rng.standard_normal((40, 1))])
    assert np.isnan(measure_position(rng.standard_normal((40, 3)), targets, np.arange(40)).r2).tolist() == [True, False]
