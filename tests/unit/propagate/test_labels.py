"""Labels on a grid, and back: nothing moves on the way, however a frame becomes a square."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from semlens.propagate.labels import place_labels, restore_labels

FRAMES = {"wide": (48, 80), "high": (81, 47), "square": (64, 64)}


def draw_frame(height, width):
    """Two objects: a block, and the upper right corner."""
    objects = np.zeros((height, width), np.uint8)
    objects[height // 4 : height // 2, width // 8 : width // 2] = 2
    objects[: height // 4, -width // 3 :] = 5
    return objects


@pytest.mark.parametrize("mask", ["nearest", "area"])
@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
@pytest.mark.parametrize("frame", FRAMES)
def test_labels_come_back_where_they_were(frame, resize, mask):
    objects = draw_frame(*FRAMES[frame])
    placed = place_labels(objects, [2, 5], 16, resize=resize, mask=mask)
    assert placed.shape == (3, 16, 16)
    np.testing.assert_allclose(placed.sum(axis=0), 1, atol=1e-6)
    found = np.array([0, 2, 5])[restore_labels(torch.from_numpy(placed), *objects.shape, resize=resize)]
    for label in (2, 5):
        both, either = np.sum((found == label) & (objects == label)), np.sum((found == label) | (objects == label))
        assert both / either > 0.75  # of cells of several pixels


def test_a_cell_is_what_its_centre_shows_or_what_covers_it():
    objects = np.zeros((4, 4), np.uint8)
    objects[:2, :3] = 1  # three quarters of the upper half, and the centres of both upper cells
    nearest = place_labels(objects, [1], 2, resize="stretch", mask="nearest")[1]
    area = place_labels(objects, [1], 2, resize="stretch", mask="area")[1]
    np.testing.assert_array_equal(nearest, [[1, 0], [0, 0]])
    np.testing.assert_array_equal(area, [[1, 0.5], [0, 0]])


def test_an_object_between_the_centres_counts_by_area():
    objects = np.zeros((8, 8), np.uint8)
    objects[:, 4:] = 1
    objects[0, 0] = 2
    objects[0, 7] = 3
    placed = place_labels(objects, [1, 2, 3], 2, resize="stretch", mask="nearest")
    assert placed[2, 0, 0] == 1 / 16
    assert placed[0, 0, 0] == 15 / 16
    assert placed[3, 0, 1] == pytest.approx((1 / 16) / (1 + 1 / 16))  # beside an object that has the centre
    np.testing.assert_allclose(placed.sum(axis=0), 1, atol=1e-6)


def test_padding_is_background():
    placed = place_labels(np.ones((4, 8), np.uint8), [1], 8, resize="letterbox", mask="area")
    assert placed[0, :2].min() == placed[0, 6:].min() == 1
    assert placed[1, 2:6].min() == 1


def test_labels_are_upsampled_as_torch_does_and_scaled_over_the_frame():
    soft = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(0))
    large = F.interpolate(soft[None], (33, 47), mode="bilinear", align_corners=False)[0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    expected = ((large - low) / (high - low)).argmax(0)
    np.testing.assert_array_equal(restore_labels(soft, 33, 47, resize="stretch"), expected)


def test_scaling_does_not_look_at_the_padding():
    soft = torch.zeros(2, 8, 8)
    soft[0] = 0.6
    soft[1, :2], soft[1, 2:6] = 1.0, 0.3  # most of all above the frame
    soft[1, 4:6, 4:] = 0.4
    soft[0, 4:6, 4:] = 0.5
    found = restore_labels(soft, 40, 80, resize="letterbox")
    assert found[30, 70] == 1


def test_a_label_that_is_nowhere_is_found_nowhere():
    soft = torch.zeros(3, 4, 4)
    soft[0], soft[1, :2] = 0.4, 0.6
    found = restore_labels(soft, 16, 16, resize="stretch")
    assert set(np.unique(found)) == {0, 1}


def test_one_label_alone_fills_the_frame():
    soft = torch.zeros(2, 4, 4)
    soft[1] = 1
    assert (restore_labels(soft, 9, 9, resize="stretch") == 1).all()
