"""Re-identification against loops over queries, under views and in later frames."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from simulation import Scenario, simulate

from semlens.statistics.jackknife import leave_out_thirds
from semlens.statistics.measure import Options
from semlens.statistics.tasks.reidentification import measure_reidentification, search_frames, search_view
from semlens.statistics.tasks.scores import Objects
from semlens.statistics.tasks.tables import tabulate_tasks

OPTIONS = Options("objects", 19, 10_000, 0, "cpu")


def measure(rows, search, options=OPTIONS):
    found = measure_reidentification(Objects.from_rows(rows, options), search)
    return {(one.target, one.measure): one for one in found}


def make_view(noise=1.0):
    """Objects, and all but every seventh of them under a view, in another order."""
    rows, (vectors,) = simulate(Scenario(images=30, classes=3, class_effect=0.5), np.random.default_rng(0))
    chosen = np.random.default_rng(1).permutation(np.flatnonzero(np.arange(len(rows)) % 7))
    shown = vectors + noise * np.random.default_rng(2).standard_normal(vectors.shape).astype(np.float32)
    return rows, vectors, chosen, shown[chosen]


def test_an_object_is_found_among_all_that_the_view_shows():
    rows, vectors, chosen, shown = make_view()
    found = measure(rows, search_view(rows, vectors, rows.iloc[chosen], shown, "euclidean", "cpu"))
    distances = cdist(vectors[chosen], shown)
    places = [1 + np.count_nonzero(row < row[i]) for i, row in enumerate(distances)]
    for k in (1, 5, 10):
        score = found["identity", f"rank_{k}"]
        assert score.value == pytest.approx(np.mean(np.array(places) <= k))
        assert score.chance == pytest.approx(k / len(chosen))
    score = found["identity", "average_precision"]
    assert score.value == pytest.approx(np.mean(1 / np.array(places)))
    assert score.chance == pytest.approx(np.mean(1 / np.arange(1, len(chosen) + 1)))
    assert score.n_objects == len(chosen) and not len(score.null)


def test_a_class_is_found_in_other_images():
    rows, vectors, chosen, shown = make_view()
    found = measure(rows, search_view(rows, vectors, rows.iloc[chosen], shown, "euclidean", "cpu"))
    classes, images = (rows[name].to_numpy()[chosen] for name in ("class_name", "image_id"))
    hits = {k: [] for k in (1, 5, 10)}
    precisions = []
    for i, row in enumerate(cdist(vectors[chosen], shown)):
        others = np.flatnonzero(images != images[i])
        like = (classes[others] == classes[i])[np.argsort(row[others])]
        for k, some in hits.items():
            some.append(like[:k].any())
        precisions.append(np.mean(np.cumsum(like)[like] / (np.flatnonzero(like) + 1)))
    for k, some in hits.items():
        assert found["class", f"rank_{k}"].value == pytest.approx(np.mean(some))
    assert found["class", "average_precision"].value == pytest.approx(np.mean(precisions), abs=1e-6)
    assert len(found["class", "rank_1"].null) == 19


def test_a_view_that_changes_nothing_finds_every_object_and_leaves_its_class_as_it_is():
    rows, vectors, _, _ = make_view()
    found = measure(rows, search_view(rows, vectors, rows, vectors, "euclidean", "cpu"))
    assert found["identity", "rank_1"].value == found["identity", "average_precision"].value == 1
    assert found["class", "rank_1"].value < 1


def test_prototypes_that_are_all_the_same_give_what_chance_gives():
    rows, vectors, _, _ = make_view()
    same = np.ones_like(vectors)
    found = measure(rows, search_view(rows, same, rows, same, "euclidean", "cpu"))
    for k in (1, 5, 10):
        assert found["identity", f"rank_{k}"].value == pytest.approx(found["identity", f"rank_{k}"].chance)


@pytest.mark.parametrize("target", ["identity", "class"])
def test_leaving_out_images_is_measuring_again_without_them(target):
    rows, vectors, _, _ = make_view()
    shown = vectors + np.random.default_rng(2).standard_normal(vectors.shape).astype(np.float32)
    options = Options("objects", 0, 10_000, 0, "cpu")
    found = measure(rows, search_view(rows, vectors, rows, shown, "euclidean", "cpu"), options)[target, "rank_1"]

    def measure_kept(kept):
        search = search_view(rows[kept], vectors[kept], rows[kept], shown[kept], "euclidean", "cpu")
        return np.array([measure(rows[kept], search, options)[target, "rank_1"].value])

    _, expected = leave_out_thirds(measure_kept, Objects.from_rows(rows, options).labels.units, options.seed)
    np.testing.assert_allclose(found.influence, expected[0], atol=1e-9)
    assert np.std(expected) > 0


def make_videos(n_videos=6, n_frames=4):
    """Two persons and a dog in every video; the first frame of a video has the number of the video."""
    rows = pd.DataFrame(
        [
            (f"v{video}", video + frame, f"{number}", name)
            for video in range(n_videos)
            for frame in range(n_frames)
            for number, name in enumerate(["person", "person", "dog"])
        ],
        columns=["video", "frame", "identity", "class_name"],
    )
    rows["image_id"] = rows["video"] + "/" + rows["frame"].astype(str)
    rows["instance_id"] = rows["image_id"] + "/" + rows["identity"]
    return rows, np.random.default_rng(0).normal(size=(len(rows), 4)).astype(np.float32)


@pytest.mark.parametrize("reference", ["all", "first"])
def test_in_later_frames_the_gallery_has_one_frame_of_each_video(reference):
    rows, vectors = make_videos()
    found = measure(rows, search_frames(rows, vectors, "euclidean", 2, reference, "cpu"))
    place = (rows["frame"] - rows.groupby("video")["frame"].transform("min")).to_numpy()
    distances, hits, of_class = cdist(vectors, vectors), [], []
    for i in np.flatnonzero((place < 2) if reference == "all" else (place == 0)):
        gallery = np.flatnonzero(place == place[i] + 2)
        assert len(gallery) == 18
        nearest = gallery[distances[i][gallery].argmin()]
        hits.append(rows["video"][nearest] == rows["video"][i] and rows["identity"][nearest] == rows["identity"][i])
        elsewhere = gallery[(rows["video"] != rows["video"][i])[gallery]]
        of_class.append(rows["class_name"][elsewhere[distances[i][elsewhere].argmin()]] == rows["class_name"][i])
    assert found["identity", "rank_1"].value == pytest.approx(np.mean(hits))
    assert found["class", "rank_1"].value == pytest.approx(np.mean(of_class))
    assert found["identity", "rank_1"].n_objects == len(hits) == (36 if reference == "all" else 18)
    assert found["identity", "rank_1"].n_units == 6


def test_a_class_in_few_videos_has_no_score_but_its_objects_have():
    rows, vectors = make_videos(4)
    found = measure(rows, search_frames(rows, vectors, "euclidean", 1, "all", "cpu"))
    assert np.isnan(found["class", "rank_1"].value) and found["class", "rank_1"].n_objects == 0
    assert found["identity", "rank_1"].n_objects == 36 and found["identity", "rank_1"].n_units == 4


@pytest.mark.parametrize(("n_videos", "known"), [(8, [1]), (20, [1, 5]), (40, [1, 5, 10])])
def test_a_rank_has_an_error_where_galleries_stay_well_above_it(n_videos, known):
    """Three objects of each video are in a gallery, of which a third is left out: 15, 39 and 81 are left."""
    rows, vectors = make_videos(n_videos)
    scores = measure_reidentification(
        Objects.from_rows(rows, OPTIONS), search_frames(rows, vectors, "euclidean", 1, "all", "cpu")
    )
    table = tabulate_tasks([("16", len(rows), scores)], 0)[0].set_index(["target", "measure"])
    for target in ("identity", "class"):
        for k in (1, 5, 10):
            row = table.loc[(target, f"rank_{k}")]
            assert not np.isnan(row["value"]) and row["among_best"]
            assert row[["se", "low", "high", "band_low", "band_high", "elsewhere"]].notna().all() == (k in known)
            assert row[["se", "low", "high", "band_low", "band_high", "elsewhere"]].isna().all() == (k not in known)
        assert table.loc[(target, "average_precision"), "se"] > 0


def test_a_few_small_galleries_leave_ranks_their_errors():
    """In the last frames of one long video there is nothing but its own objects."""
    rows, vectors = make_videos(20)
    long = rows[rows["video"] == "v0"].assign(frame=lambda one: one["frame"] + 4)
    rows = pd.concat([rows, long.assign(image_id="v0/" + long["frame"].astype(str))], ignore_index=True)
    rows["instance_id"] = rows["image_id"] + "/" + rows["identity"]
    vectors = np.vstack([vectors, vectors[: len(long)] + 1])
    found = measure(rows, search_frames(rows, vectors, "euclidean", 1, "all", "cpu"))
    assert np.std(found["identity", "rank_1"].influence) > 0


def test_where_no_frame_is_so_late_there_is_no_score():
    rows, vectors = make_videos()
    found = measure(rows, search_frames(rows, vectors, "euclidean", 9, "all", "cpu"))
    assert len(found) == 8 and all(np.isnan(one.value) and one.n_objects == 0 for one in found.values())
