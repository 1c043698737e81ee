"""Masks on small grids, against torch's own resizing and brute force."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pycocotools import mask as coco_mask

from semlens.images.masks import decode_mask, measure_coverage, sample_centres, shrink_weights

SIZES = [(64, 64), (333, 500), (480, 854), (427, 640), (17, 5), (8, 8), (3, 300)]


def random_mask(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (height, width), dtype=np.uint8)


def test_decode_undoes_the_encoding_rows_first():
    mask = random_mask(7, 13)
    rle = coco_mask.encode(np.asfortranarray(mask))["counts"].decode("ascii")
    np.testing.assert_array_equal(decode_mask(rle, width=13, height=7), mask)


@pytest.mark.parametrize("grid", [1, 8, 16, 24, 64])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_sampling_centres_is_torch_nearest_exact(height, width, grid):
    mask = random_mask(height, width)
    expected = F.interpolate(torch.from_numpy(mask)[None, None].float(), size=(grid, grid), mode="nearest-exact")
    result = sample_centres(mask, grid)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, expected[0, 0].numpy())


def test_sampling_reads_the_cell_centres():
    mask = np.zeros((20, 40), dtype=np.uint8)
    mask[5, 10] = mask[15, 30] = 1
    np.testing.assert_array_equal(sample_centres(mask, 2), np.eye(2))


@pytest.mark.parametrize("grid", [1, 8, 12])
@pytest.mark.parametrize(("height", "width"), [(16, 24), (30, 50), (7, 5), (8, 3)])
def test_coverage_is_the_mean_of_the_pixels_split_fine(height, width, grid):
    mask = random_mask(height, width)
    # Every pixel becomes grid x grid small ones: then each cell is a whole number of them.
    fine = mask.repeat(grid, axis=0).repeat(grid, axis=1)
    expected = fine.reshape(grid, height, grid, width).mean(axis=(1, 3))
    result = measure_coverage(mask, grid)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("grid", [1, 7, 16, 64])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_coverage_counts_every_pixel_once(height, width, grid):
    np.testing.assert_allclose(measure_coverage(np.ones((height, width), dtype=np.uint8), grid), 1, atol=1e-6)
    mask = random_mask(height, width)
    assert measure_coverage(mask, grid).mean() == pytest.approx(mask.mean(), abs=1e-6)


def test_coverage_sees_what_centres_miss():
    mask = np.zeros((64, 64), dtype=np.uint8)
    mask[0, 0] = 1
    assert sample_centres(mask, 8).sum() == 0
    expected = np.zeros((8, 8))
    expected[0, 0] = 1 / 64
    np.testing.assert_allclose(measure_coverage(mask, 8), expected)


@pytest.mark.parametrize(
    ("large", "small"), [(64, 64), (64, 32), (64, 16), (64, 8), (32, 16), (96, 12), (10, 4), (8, 1)]
)
def test_shrunk_weights_give_the_sum_over_the_upsampled_map(large, small):
    rng = np.random.default_rng(large + small)
    features = rng.normal(size=(5, small, small))
    weights = rng.random((large, large)) * rng.integers(0, 2, (large, large))
    upsampled = F.interpolate(
        torch.from_numpy(features)[None], size=(large, large), mode="bilinear", align_corners=False
    )[0].numpy()
    result = shrink_weights(weights, small)
    assert result.shape == (small, small)
    assert result.dtype == np.float32
    np.testing.assert_allclose(
        (result * features).sum(axis=(1, 2)), (weights * upsampled).sum(axis=(1, 2)), rtol=1e-5, atol=1e-5
    )


def test_shrinking_keeps_the_total_weight():
    weights = sample_centres(random_mask(333, 500), 64)
    assert shrink_weights(weights, 16).sum() == pytest.approx(weights.sum(), rel=1e-6)


def test_shrinking_to_the_same_grid_changes_nothing():
    weights = sample_centres(random_mask(333, 500), 16)
    np.testing.assert_array_equal(shrink_weights(weights, 16), weights)
