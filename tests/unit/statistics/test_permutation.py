"""Permutation: what moves, what stays, and that ranks give what measuring again would."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from simulation import Scenario, simulate

from semlens.statistics.labels import Labels
from semlens.statistics.neighbours import fill_distances, gather_inside, iterate_between
from semlens.statistics.permutation import Shuffler, compute_p, permute_between, permute_inside
from semlens.statistics.separation import measure_separation


@pytest.fixture(scope="module")
def simulated():
    rows, (vectors,) = simulate(Scenario(images=40, classes=3, class_effect=0.5), np.random.default_rng(0))
    return rows, np.round(vectors, 1)  # with ties


def classes_by_image(rows, classes):
    return {image: tuple(group) for image, group in pd.Series(classes).groupby(rows["image_id"].to_numpy())}


def test_images_with_equally_many_objects_exchange_all_their_classes(simulated):
    rows, _ = simulated
    labels = Labels.from_rows(rows)
    before = classes_by_image(rows, labels.classes)
    for classes in Shuffler(labels, 0).shuffle_between(5):
        after = classes_by_image(rows, classes)
        assert Counter(after.values()) == Counter(before.values())  # whole images, in their order
        assert after != before


def test_inside_images_classes_stay_in_their_image(simulated):
    rows, _ = simulated
    labels = Labels.from_rows(rows)
    before = classes_by_image(rows, labels.classes)
    for classes in Shuffler(labels, 0).shuffle_inside(5):
        after = classes_by_image(rows, classes)
        assert {image: sorted(group) for image, group in after.items()} == {
            image: sorted(group) for image, group in before.items()
        }
        assert after != before


def test_an_object_of_a_video_keeps_one_class_in_all_frames():
    rows = pd.DataFrame(
        [
            {"image_id": f"{video}/{frame}", "instance_id": f"{video}/{frame}/{number}", "class_name": f"c{number}"}
            | {"video": video, "identity": str(number)}
            for video in "abcd"
            for frame in range(3)
            for number in range(2)
        ]
    )
    labels = Labels.from_rows(rows)
    shuffler = Shuffler(labels, 0)
    for classes in [*shuffler.shuffle_between(5), *shuffler.shuffle_inside(5)]:
        assert pd.Series(classes).groupby(rows["video"] + rows["identity"]).nunique().eq(1).all()


def test_every_permutation_is_as_likely():
    rows = pd.DataFrame({"image_id": list("abc"), "instance_id": list("abc"), "class_name": list("xyz")})
    labels = Labels.from_rows(rows.assign(video=pd.NA, identity=pd.NA))
    found = Counter(map(tuple, Shuffler(labels, 0).shuffle_between(6000).tolist()))
    assert len(found) == 6 and all(850 < count < 1150 for count in found.values())


def test_the_same_seed_gives_the_same_permutations(simulated):
    labels = Labels.from_rows(simulated[0])
    first, again, other = (Shuffler(labels, seed).shuffle_between(3) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()


def test_images_of_which_no_two_have_equally_many_objects_cannot_exchange():
    rows = pd.DataFrame({"image_id": ["a", "b", "b"], "instance_id": list("123"), "class_name": list("xyz")})
    labels = Labels.from_rows(rows.assign(video=pd.NA, identity=pd.NA))
    shuffler = Shuffler(labels, 0)
    assert shuffler.count_exchangeable_units() == 0
    assert (shuffler.shuffle_between(9) == labels.classes).all()


@pytest.mark.parametrize("by", ["classes", "objects"])
def test_ranks_give_what_measuring_again_would(simulated, by):
    rows, vectors = simulated
    labels, distances = Labels.from_rows(rows), fill_distances(vectors, "euclidean")
    inside = gather_inside(distances, labels)
    midranks = np.empty_like(distances)
    between = measure_separation(iterate_between(distances, labels), labels, labels.classes, out_midranks=midranks)
    codes = between.list_classes()
    for kind in ("between", "inside"):
        shuffler = Shuffler(labels, 0)
        if kind == "between":
            shuffled = shuffler.shuffle_between(10)
            found = permute_between(midranks, labels, codes, shuffled, by)
        else:
            shuffled = shuffler.shuffle_inside(10)
            found = permute_inside(inside, labels, codes, shuffled, by)
        for classes, value in zip(shuffled, found, strict=True):
            again = Labels.from_rows(rows.assign(class_name=labels.class_names[classes]))
            batches = iterate_between(distances, again) if kind == "between" else [inside]
            assert measure_separation(batches, again, again.classes).average(by).value == pytest.approx(value, abs=1e-6)


def test_ranks_may_take_the_place_of_distances(simulated):
    rows, vectors = simulated
    labels, distances = Labels.from_rows(rows), fill_distances(vectors, "euclidean")
    apart = np.empty_like(distances)
    measure_separation(iterate_between(distances, labels), labels, labels.classes, out_midranks=apart)
    measure_separation(iterate_between(distances, labels), labels, labels.classes, out_midranks=distances)
    assert (distances == apart).all()


def test_p_counts_the_observed_among_the_permutations():
    assert compute_p(0.7, np.array([0.5, 0.6, 0.7, 0.8])) == 3 / 5
    assert compute_p(0.9, np.zeros(99)) == 0.01
