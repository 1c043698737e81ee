"""J and F against vos-benchmark, which agrees with the official toolkit; and what they are by definition."""

import numpy as np
import pytest
from PIL import Image
from vos_benchmark.benchmark import benchmark
from vos_benchmark.evaluator import Evaluator

from semlens.propagate.segmentation import measure_contour, measure_region

ROUNDING = 1e-6
HEIGHT, WIDTH = 120, 214  # contours within 2 pixels


def draw_disk(row, column, radius):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def draw_video(shift, seed=0):
    """Six frames: a disk that leaves through the border, one that vanishes for two frames, one pixel, and stripes."""
    rng = np.random.default_rng(seed)
    frames = []
    for time in range(6):
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        labels[draw_disk(60, 20 - 4 * time + shift, 18)] = 1
        if time not in (3, 4):
            labels[draw_disk(40 + 5 * time, 120 + 3 * shift, 25)] = 2
        labels[100 + min(shift // 2, 9), 150 + time] = 3
        labels[:, 190 + min(shift, 9) :: 3] = 4
        if seed:
            labels[rng.random((HEIGHT, WIDTH)) < 0.002] = 1
        frames.append(labels)
    return frames


EMPTY = np.zeros((HEIGHT, WIDTH), bool)
PIXEL = np.zeros((HEIGHT, WIDTH), bool)
PIXEL[7, 9] = True
CORNER = np.zeros((HEIGHT, WIDTH), bool)
CORNER[-1, -1] = True
PAIRS = {
    "disks": (draw_disk(60, 60, 30), draw_disk(63, 58, 27)),
    "border": (draw_disk(60, 0, 30), draw_disk(58, 3, 30)),
    "all and half": (~EMPTY, np.arange(WIDTH) < WIDTH // 2 + EMPTY),
    "pixels": (PIXEL, np.roll(PIXEL, 2, axis=0)),
    "pixels apart": (PIXEL, np.roll(PIXEL, 3, axis=0)),
    "pixels aslant": (PIXEL, np.roll(PIXEL, (2, 2), axis=(0, 1))),
    "corner": (CORNER, PIXEL),
    "nothing found": (EMPTY, draw_disk(60, 60, 30)),
    "found nothing": (draw_disk(60, 60, 30), EMPTY),
    "nothing there": (EMPTY, EMPTY),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_frame_agrees_with_vos_benchmark(name):
    mask, truth = PAIRS[name]
    independent = Evaluator()
    independent.objects_in_gt = {1}  # it knows an object from the frame on that shows it
    independent.feed_frame(mask.astype(np.uint8), truth.astype(np.uint8))
    region, contour = independent.conclude()
    assert measure_region(mask, truth) == pytest.approx(region[1] / 100, abs=ROUNDING)
    assert measure_contour(mask, truth) == pytest.approx(contour[1] / 100, abs=ROUNDING)


@pytest.mark.parametrize(("shift", "seed"), [(0, 0), (3, 0), (2, 5), (40, 0)])
def test_a_video_agrees_with_vos_benchmark(tmp_path, shift, seed):
    truths, masks = draw_video(0), draw_video(shift, seed)
    for kind, frames in (("truth", truths), ("found", masks)):
        folder = tmp_path / kind / "video"
        folder.mkdir(parents=True)
        for number, labels in enumerate(frames):
            Image.fromarray(labels).save(folder / f"{number:05d}.png")
    *_, (objects,) = benchmark([tmp_path / "truth"], [tmp_path / "found"], num_processes=1, verbose=False)
    region, contour = objects["video"]
    for label in (1, 2, 3, 4):
        pairs = [(mask == label, truth == label) for mask, truth in zip(masks, truths, strict=True)][1:-1]
        ours = np.mean([[measure_region(*pair), measure_contour(*pair)] for pair in pairs], axis=0)
        assert ours == pytest.approx([region[label] / 100, contour[label] / 100], abs=ROUNDING)


@pytest.mark.parametrize("measure", [measure_region, measure_contour])
def test_what_is_found_where_it_is_counts_one(measure):
    assert all(measure(truth, truth) == 1 for _, truth in PAIRS.values())


@pytest.mark.parametrize("measure", [measure_region, measure_contour])
def test_an_empty_mask_is_right_only_where_there_is_nothing(measure):
    assert measure(EMPTY, PIXEL) == measure(PIXEL, EMPTY) == 0
    assert measure(EMPTY, EMPTY) == 1


def test_contours_count_as_one_up_to_the_tolerance():
    line = np.zeros((100, 200), bool)  # a diagonal of 223.6: 2 pixels
    line[:50] = True
    assert measure_contour(line, np.roll(line, 2, axis=0) | line) == 1
    assert measure_contour(line, np.roll(line, 3, axis=0) | line) == 0
