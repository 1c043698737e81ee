"""Labels that cells take from others, against plain loops over the definition; and what planted maps must give."""

import numpy as np
import pytest
import torch

from semlens.propagate import affinity
from semlens.propagate.affinity import TIE, LabelPropagator, mix_labels

ROUNDING = 1e-5
RNG = np.random.default_rng(0)
OPTIONS = {"context": 2, "radius": 2, "neighbours": 3, "temperature": 0.1}


def mix_by_loops(target, sources, labels, *, radius, neighbours, temperature):
    """By definition, cell by cell: ``target`` (channels, height, width), the others a list of such."""
    _, height, width = target.shape
    mixed = np.zeros_like(labels[0], dtype=float)
    for row in range(height):
        for column in range(width):
            found = []
            for source, known in zip(sources, labels, strict=True):
                for i in range(max(0, row - radius), min(height, row + radius + 1)):
                    for j in range(max(0, column - radius), min(width, column + radius + 1)):
                        a, b = target[:, row, column], source[:, i, j]
                        lengths = max(np.linalg.norm(a), 1e-12) * max(np.linalg.norm(b), 1e-12)
                        found.append((a @ b / lengths, known[:, i, j]))
            found.sort(key=lambda pair: -pair[0])
            last = found[: min(neighbours, len(found))][-1][0]
            kept = [pair for pair in found if pair[0] >= last - TIE]
            weights = np.array([np.exp(cosine / temperature) for cosine, _ in kept])
            mixed[:, row, column] = weights @ np.array([known for _, known in kept]) / weights.sum()
    return mixed


def propagate_by_loops(frames, labels, *, context, **mixing):
    known = [labels]
    for time in range(1, len(frames)):
        sources = [0, *range(max(1, time - context), time)]
        known.append(mix_by_loops(frames[time], [frames[i] for i in sources], [known[i] for i in sources], **mixing))
    return known


def propagate(frames, labels, **options):
    propagator = LabelPropagator(torch.tensor(labels, dtype=torch.float32), **options)
    return [propagator.propagate(torch.tensor(frame, dtype=torch.float32)).numpy() for frame in frames]


def draw_labels(side, n=3):
    labels = RNG.random((n, side, side))
    return labels / labels.sum(axis=0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"context": 0},
        {"context": 1},
        {"context": 20},
        {"radius": 0},
        {"radius": 20},
        {"neighbours": 1},
        {"neighbours": 500},
        {"temperature": 0.02},
        {"temperature": 5.0},
    ],
    ids=str,
)
def test_labels_are_those_of_plain_loops(changes):
    options, frames, labels = OPTIONS | changes, RNG.standard_normal((5, 4, 6, 6)), draw_labels(6)
    ours, loops = propagate(frames, labels, **options), propagate_by_loops(frames, labels, **options)
    np.testing.assert_allclose(ours, loops, atol=ROUNDING)


def test_few_rows_at_a_time_give_the_same(monkeypatch):
    frames, labels = RNG.standard_normal((4, 4, 7, 7)), draw_labels(7)
    at_once = propagate(frames, labels, **OPTIONS)
    monkeypatch.setattr(affinity, "MAX_SIMILARITIES", 1)
    np.testing.assert_allclose(propagate(frames, labels, **OPTIONS), at_once, atol=ROUNDING)


def test_all_that_are_as_similar_as_the_last_neighbour_count():
    frames = RNG.integers(0, 2, (3, 2, 5, 5)).astype(float)  # four features, again and again, and of no length
    labels = draw_labels(5)
    options = OPTIONS | {"neighbours": 2}
    ours, loops = propagate(frames, labels, **options), propagate_by_loops(frames, labels, **options)
    np.testing.assert_allclose(ours, loops, atol=ROUNDING)


def test_equal_features_everywhere_average_what_is_near():
    labels = draw_labels(3)
    mixed = propagate(np.ones((2, 4, 3, 3)), labels, **OPTIONS | {"radius": 3})[1]
    np.testing.assert_allclose(mixed, labels.mean(axis=(1, 2), keepdims=True) * np.ones((1, 3, 3)), atol=ROUNDING)


def test_identical_frames_keep_masks():
    frame, labels = RNG.standard_normal((64, 8, 8)), np.eye(2)[:, RNG.integers(0, 2, (8, 8))]
    *_, last = propagate([frame] * 6, labels, **OPTIONS | {"temperature": 0.01})
    np.testing.assert_allclose(last, labels, atol=1e-3)


def test_a_moving_pattern_is_followed():
    world, owner = RNG.standard_normal((64, 8, 30)), np.zeros((8, 30), int)
    owner[2:6, 3:7] = 1
    frames = [world[:, :, time : time + 12] for time in range(10, 2, -1)]  # the pattern moves to the right
    labels = [np.eye(2)[:, owner[:, time : time + 12]] for time in range(10, 2, -1)]
    found = propagate(frames, labels[0], **OPTIONS | {"neighbours": 1})
    for time in range(8):
        known = slice(time, None)  # what came into the frame is new
        np.testing.assert_array_equal(found[time].argmax(0)[:, known], labels[time].argmax(0)[:, known])


def test_what_moves_farther_than_the_radius_is_lost():
    frame, labels = RNG.standard_normal((64, 1, 12)), np.eye(2)[:, (np.arange(12) == 2).astype(int)[None]]
    moved = np.roll(frame, 5, axis=2)
    near, far = (propagate([frame, moved], labels, **OPTIONS | {"radius": r, "neighbours": 1})[1] for r in (4, 5))
    assert far[1, 0, 7] == 1
    assert near[1, 0, 7] < 1


def test_a_low_temperature_does_not_overflow():
    frames, labels = RNG.standard_normal((3, 4, 5, 5)), draw_labels(5)
    assert np.isfinite(propagate(frames, labels, **OPTIONS | {"temperature": 1e-4})).all()


def test_half_precision_is_read():
    features = torch.randn(4, 5, 5, generator=torch.Generator().manual_seed(0)).half()
    propagator = LabelPropagator(torch.full((2, 5, 5), 0.5), **OPTIONS)
    propagator.propagate(features)
    assert propagator.propagate(features).dtype == torch.float32


def test_labels_stay_on_the_side_of_their_sources():
    directions = torch.nn.functional.normalize(torch.ones(1, 2, 2), dim=0)
    labels = torch.tensor([[[[0.2, 0.4], [0.6, 0.8]]]])
    mixed = mix_labels(directions, directions[None], labels, radius=0, neighbours=5, temperature=0.1)
    torch.testing.assert_close(mixed, labels[0])
