"""Masks at cells of a grid from run lengths: the same as from pixels; coverage to a part in ten million."""

import numpy as np
import pytest
from manifests import make_instance
from pycocotools import mask as coco_mask

from semlens.images.masks import decode_mask, measure_coverage, sample_centres
from semlens.images.rendering import find_frame, fit_pixels
from semlens.images.run_lengths import RunLengths
from semlens.images.views import load_view

VIEWS = ["identity", "crop_pad", "crop_resize", "crop_shift60"]
SIZES = [(64, 64), (97, 133), (17, 5), (1, 9), (9, 1)]


def encode(mask):
    return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode("ascii")


def draw_masks(height, width):
    """Masks of every kind that run lengths know: empty, full, striped, noisy, at an edge, of one pixel."""
    rng = np.random.default_rng(height * width)
    rows, columns = np.mgrid[:height, :width]
    ring = np.hypot(rows - height / 2, columns - width / 2)
    return {
        "empty": np.zeros((height, width), bool),
        "full": np.ones((height, width), bool),
        "rows": rows % 2 == 0,
        "columns": columns % 2 == 1,
        "noise": rng.random((height, width)) < 0.5,
        "ring": (ring < min(height, width) / 2.2) & (ring > min(height, width) / 4),
        "corner": (rows >= height - 3) & (columns >= width - 2),
        "a pixel": (rows == height // 3) & (columns == width // 3),
    }


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_both_readings_are_those_of_the_pixels(height, width, name, resize):
    view, how = load_view(name), {"seed": 3, "resize": resize}
    for kind, mask in draw_masks(height, width).items():
        row = make_instance("a/1", mask if mask.any() else np.ones_like(mask))
        row = {**row, "rle": encode(mask)}
        instance = type("Row", (), row)
        pixels = fit_pixels(view, decode_mask(instance.rle, width=width, height=height), instance, **how)
        frame = find_frame(view, instance, width=width, height=height, **how)
        runs = RunLengths([instance.rle], [width], [height], ["a/1"])
        for grid in (1, 7, 16):
            found = runs.sample_centres([frame], grid)[0]
            np.testing.assert_array_equal(found, sample_centres(pixels, grid), err_msg=kind)
            covered = runs.measure_coverage(np.array([0]), [frame], grid)[0]
            assert covered.dtype == found.dtype == np.float32
            np.testing.assert_allclose(covered, measure_coverage(pixels, grid), rtol=1e-7, atol=0, err_msg=kind)


def test_masks_that_are_read_together_are_those_read_alone():
    """Whatever the size of their images, and the part of these that each shows."""
    view, masks, rows = load_view("crop_shift60"), [], []
    for height, width in SIZES:
        for mask in draw_masks(height, width).values():
            row = make_instance(f"{len(masks)}/1", mask if mask.any() else np.ones_like(mask))
            masks.append(mask)
            rows.append(type("Row", (), row))
    sizes = [mask.shape[1] for mask in masks], [mask.shape[0] for mask in masks]
    frames = [
        find_frame(view, row, width=width, height=height, seed=0, resize="letterbox")
        for row, width, height in zip(rows, *sizes, strict=True)
    ]
    together = RunLengths(list(map(encode, masks)), *sizes, [""] * len(masks))
    centres, chosen = together.sample_centres(frames, 16), np.arange(0, len(masks), 3)
    covered = together.measure_coverage(chosen, frames, 16)
    for number, (mask, frame) in enumerate(zip(masks, frames, strict=True)):
        alone = RunLengths([encode(mask)], [mask.shape[1]], [mask.shape[0]], ["a/1"])
        np.testing.assert_array_equal(centres[number], alone.sample_centres([frame], 16)[0])
        if number in chosen:
            expected = alone.measure_coverage(np.array([0]), [frame], 16)[0]
            np.testing.assert_array_equal(covered[number // 3], expected)


def test_long_runs_and_falling_ones_are_decoded():
    """Numbers of several characters, and differences below 0."""
    mask = np.zeros((3000, 40), bool)
    mask[10:2900, :3], mask[5:7, 20:], mask[100:2000, 30] = True, True, True
    frame = find_frame(load_view("identity"), None, width=40, height=3000, seed=0, resize="stretch")
    runs = RunLengths([encode(mask)], [40], [3000], ["a/1"])
    np.testing.assert_array_equal(runs.sample_centres([frame], 40)[0], sample_centres(mask, 40))


@pytest.mark.parametrize("cut", [1, 5])
def test_runs_that_do_not_fill_the_image_are_refused(cut):
    whole = encode(draw_masks(97, 133)["noise"])
    with pytest.raises(ValueError, match="of b/2 do not fill its image of 133 x 97"):
        RunLengths([whole, whole[:-cut], whole], [133] * 3, [97] * 3, ["a/1", "b/2", "c/3"])
