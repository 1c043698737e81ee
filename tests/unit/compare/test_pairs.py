"""Distance sets against the paper's Figure 2 and against brute force."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from by_set import among, at_offset

from semlens.compare.pairs import SETS, DistanceSets, pair_across_views, pair_others_across_views


def table(rows, columns):
    return pd.DataFrame(rows, columns=columns).assign(instance_id=[str(place) for place in range(len(rows))])


def stills(rows):
    return table(rows, ["image_id", "class_name", "identity"])


def frames(rows):
    """Rows of (video, frame, class_name, identity); an image is a frame of a video."""
    rows = table(rows, ["video", "frame", "class_name", "identity"])
    image = rows["video"].astype(str) + "/" + rows["frame"].astype(str)
    return rows.assign(image_id=image, frame=rows["frame"].astype("Int32"))


def named(pairs, names):
    return {
        key: sorted(names[a] + names[b] for a, b in zip(i.tolist(), j.tolist(), strict=True))
        for key, (i, j) in pairs.items()
    }


def counted(pairs):
    """Pairs by set as a sorted list of tuples: what is there twice stays there twice."""
    return {key: sorted(zip(i.tolist(), j.tolist(), strict=True)) for key, (i, j) in pairs.items()}


def find_set(a, b):
    if a.image_id == b.image_id:
        return "scsi" if a.class_name == b.class_name else "dcsi"
    if a.class_name != b.class_name:
        return "dcdi"
    return "sidi" if pd.notna(a.identity) and a.identity == b.identity else "scdi"


def random_stills(seed, n=60):
    rng = np.random.default_rng(seed)
    rows = []
    for image in rng.integers(0, 12, n):
        class_name = rng.choice(["cat", "dog", "person"])
        identity = f"{class_name}{rng.integers(0, 4)}" if rng.random() < 0.5 else None
        # One object is in one image once.
        if identity is None or (f"{image}", class_name, identity) not in rows:
            rows.append((f"{image}", class_name, identity))
    return stills(rows)


def random_videos(seed):
    """Three videos of different length, with missing frames, objects that come and go, and shared names."""
    rng = np.random.default_rng(seed)
    rows = []
    for video, length in [("short", 4), ("long", 11), ("gaps", 9)]:
        for frame in range(length):
            if video == "gaps" and frame in (2, 5):
                continue
            for number in range(1, 5):
                if rng.random() < 0.75:
                    class_name = "dog" if number == 4 else "person"
                    rows.append((video, frame, class_name, f"{number}" if video == "short" else f"{video}/{number}"))
    order = rng.permutation(len(rows))
    return frames([rows[place] for place in order])


def brute_force_offset(rows, offset):
    expected = {name: [] for name in SETS}
    everything = list(rows.itertuples())
    for i, a in enumerate(everything):
        for j, b in enumerate(everything):
            if b.video == a.video and b.frame == a.frame + offset:
                expected[find_set(a, b)].append((i, j))
            followed = any(c.video == a.video and c.frame == a.frame + offset for c in everything)
            if i < j and a.image_id == b.image_id and followed:
                expected[find_set(a, b)].append((i, j))
    return {name: sorted(pairs) for name, pairs in expected.items()}


def test_the_example_of_figure_2():
    rows = stills(
        [
            ("top", "horse", None),
            ("top", "person", None),
            ("middle", "person", "round"),
            ("middle", "person", "square"),
            ("bottom", "person", "round"),
            ("bottom", "person", "square"),
        ]
    )
    # The paper lists D(c, e) in S_scdi as well as in S_sidi, where alone it counts here, and leaves out D(d, e),
    # which is to d what D(c, f) is to c.
    assert named(among(rows), "abcdef") == {
        "scsi": ["cd", "ef"],
        "scdi": ["bc", "bd", "be", "bf", "cf", "de"],
        "dcsi": ["ab"],
        "dcdi": ["ac", "ad", "ae", "af"],
        "sidi": ["ce", "df"],
    }


@pytest.mark.parametrize("seed", range(5))
def test_each_pair_is_in_the_one_set_that_brute_force_gives(seed):
    rows = random_stills(seed)
    expected = {name: [] for name in SETS}
    for (i, a), (j, b) in combinations(enumerate(rows.itertuples()), 2):
        expected[find_set(a, b)].append((i, j))
    assert counted(among(rows)) == expected
    assert all(expected.values())
    assert DistanceSets(rows).count().tolist() == [len(expected[name]) for name in SETS]


def test_sizes_need_no_pairs():
    """3e12 of them, more than could be counted one by one."""
    n = 2_500_000
    rows = pd.DataFrame(
        {"image_id": np.arange(n) // 5, "class_name": np.arange(n) % 2, "identity": [None, "one"] * (n // 2)}
    )
    images, half = n // 5, n // 2
    scsi = images * (1 + 3)  # two of one class and three of the other
    same = half * (half - 1) // 2  # pairs of one class, be it either
    assert DistanceSets(rows).count().tolist() == [
        scsi,
        2 * same - scsi - (same - scsi // 2),
        images * 6,
        half * half - images * 6,
        same - scsi // 2,
    ]


def test_pairs_of_a_block_are_those_of_all():
    rows = random_stills(0)
    distance_sets = DistanceSets(rows)
    everyone = np.arange(len(rows))
    whole = distance_sets.label(everyone[:, None], everyone[None, :])
    np.testing.assert_array_equal(distance_sets.label(everyone[7:19, None], everyone[None, 7:]), whole[7:19, 7:])
    np.testing.assert_array_equal(whole, whole.T)


@pytest.mark.parametrize("null", [None, np.nan, pd.NA])
def test_objects_without_identity_are_never_the_same(null):
    rows = stills([("1", "cat", null), ("2", "cat", null), ("3", "cat", null)])
    assert named(among(rows), "abc") == {"scsi": [], "scdi": ["ab", "ac", "bc"], "dcsi": [], "dcdi": [], "sidi": []}


def test_positions_count_rows_whatever_the_index():
    rows = random_stills(0)
    assert counted(among(rows.set_axis(np.arange(len(rows))[::-1] * 7))) == counted(among(rows))


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare_gives_empty_sets(count):
    assert not DistanceSets(stills([("1", "cat", None)] * count)).count().any()
    pairs = among(stills([("1", "cat", None)] * count))
    assert all(len(i) == len(j) == 0 for i, j in pairs.values())


@pytest.mark.parametrize("offset", [1, 2, 3, 7])
@pytest.mark.parametrize("seed", range(3))
def test_offsets_against_a_double_loop(seed, offset):
    rows = random_videos(seed)
    expected = brute_force_offset(rows, offset)
    assert counted(at_offset(rows, offset)) == expected
    assert expected["sidi"] and expected["scdi"] and expected["scsi"]


def test_every_frame_with_a_later_one_is_a_reference():
    rows = frames([("v", frame, "person", identity) for frame in range(4) for identity in "12"])
    names = [f"{frame}{identity}" for frame in range(4) for identity in "ab"]
    pairs = named(at_offset(rows, 2), names)
    assert pairs["sidi"] == ["0a2a", "0b2b", "1a3a", "1b3b"]
    assert pairs["scdi"] == ["0a2b", "0b2a", "1a3b", "1b3a"]
    assert pairs["scsi"] == ["0a0b", "1a1b"]


def test_the_reference_comes_first_whatever_the_order_of_rows():
    rows = frames([("v", 5, "person", "1"), ("v", 1, "person", "1"), ("v", 1, "person", "2"), ("v", 5, "person", "2")])
    pairs = counted(at_offset(rows, 4))
    assert pairs["sidi"] == [(1, 0), (2, 3)]
    assert pairs["scdi"] == [(1, 3), (2, 0)]


def test_a_missing_frame_is_no_reference_and_has_none():
    rows = frames([("v", frame, "person", "1") for frame in (0, 1, 3, 4)])
    assert counted(at_offset(rows, 1))["sidi"] == [(0, 1), (2, 3)]
    assert counted(at_offset(rows, 2))["sidi"] == [(1, 2)]


def test_an_object_that_disappears_is_compared_with_the_others():
    rows = frames([("v", 0, "person", "1"), ("v", 0, "person", "2"), ("v", 1, "person", "2")])
    assert named(at_offset(rows, 1), "abc") == {"scsi": ["ab"], "scdi": ["ac"], "dcsi": [], "dcdi": [], "sidi": ["bc"]}


def test_videos_do_not_mix_though_their_objects_share_names():
    one = [("one", frame, "person", "1") for frame in range(3)]
    other = [("other", frame, "person", "1") for frame in range(3)]
    pairs = at_offset(frames(one + other), 1)
    assert counted(pairs) == {"scsi": [], "scdi": [], "dcsi": [], "dcdi": [], "sidi": [(0, 1), (1, 2), (3, 4), (4, 5)]}


def test_an_offset_beyond_the_end_gives_empty_sets():
    pairs = at_offset(random_videos(0), 11)
    assert all(len(i) == len(j) == 0 for i, j in pairs.values())


def test_the_first_frame_of_each_video_alone():
    """Not frame 0: the first in which anything is seen. A video that ends before the offset has no pairs."""
    one = [("one", frame, "person", identity) for frame in (2, 3, 4) for identity in "12"]
    rows = frames([*one, ("two", 0, "person", "1")])
    pairs = counted(at_offset(rows, 1, "first"))
    assert {name: pairs[name] for name in ("sidi", "scdi", "scsi")} == {
        "sidi": [(0, 2), (1, 3)],
        "scdi": [(0, 3), (1, 2)],
        "scsi": [(0, 1)],
    }


def test_one_instance_against_everyone_later():
    rows = frames([("v", frame, "person", identity) for frame in range(3) for identity in "123"])
    rows["instance_id"] = [f"v/{place}" for place in range(9)]
    pairs = counted(at_offset(rows, 1, "v/4"))
    assert pairs["sidi"] == [(4, 7)]
    assert pairs["scdi"] == [(4, 6), (4, 8)]
    assert pairs["scsi"] == [(3, 4), (4, 5)]
    assert counted(at_offset(rows, 2, "v/4")) == {name: [] for name in SETS}


def test_a_reference_that_is_not_there_is_named():
    rows = frames([("v", 0, "person", "1"), ("v", 1, "person", "1")]).assign(instance_id=["v/0/1", "v/1/1"])
    with pytest.raises(ValueError, match="no instance is called 'v/7/1'; the first is 'v/0/1'"):
        at_offset(rows, 1, "v/7/1")


@pytest.mark.parametrize("video", [None, "v"])
def test_stills_have_no_offsets(video):
    rows = frames([("v", 0, "person", "1"), ("v", 1, "person", "1")])
    rows["video"] = [video, None]
    offender = "0" if video is None else "1"
    with pytest.raises(ValueError, match=f"offsets need videos; instance '{offender}' is in none"):
        at_offset(rows, 1)


def test_instances_are_paired_with_themselves_under_a_view():
    """Which may show them in another order, and not all."""
    originals = stills([("1", "cat", None), ("1", "dog", None), ("2", "dog", None)])
    i, j = pair_across_views(originals, originals.iloc[[2, 0]].set_axis([7, 7]))
    assert (i.tolist(), j.tolist()) == ([2, 0], [0, 1])


def test_others_of_the_image_are_paired_as_a_view_shows_them():
    """Both ways, if it shows both; whatever the order and the index of the rows."""
    originals = stills([("1", "cat", None), ("2", "dog", None), ("1", "dog", None), ("2", "dog", None)])
    i, j = pair_others_across_views(originals.set_axis([5, 5, 5, 5]), originals.iloc[[3, 2, 0]].set_axis([7, 7, 7]))
    assert sorted(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 1), (1, 0), (2, 2)]
