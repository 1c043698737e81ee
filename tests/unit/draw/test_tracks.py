"""Tracks: every object that the reference is compared with, in order, with the distance between the two."""

import json
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from manifests import make_instance, write_manifest
from matplotlib.colors import to_hex
from PIL import Image
from scipy.spatial.distance import correlation

from semlens.compare.distances import compare_prototypes
from semlens.draw import tracks
from semlens.draw.tables import MARKUP, save_table
from semlens.draw.tracks import draw_track, format_track_table, load_track, tabulate_track
from semlens.extract.prototypes import LAYER_SETS

WIDTH, HEIGHT = 80, 48
OBJECTS = {"walk_1/1": ("person", 4), "walk_1/2": ("person", 30), "walk_1/3": ("person", 56), "walk_1/4": ("dog", 68)}
SEEN = {  # frame of the video -> who is in it, in the order of its annotations
    0: ["walk_1/2", "walk_1/1", "walk_1/4"],
    1: ["walk_1/3", "walk_1/2", "walk_1/1"],
    2: ["walk_1/2"],
    5: ["walk_1/1", "walk_1/3", "walk_1/4"],
}
REFERENCE = "walk_1/00000/1"
SETS = ("sidi", "scsi", "scdi", "dcsi", "dcdi")


def name_of(frame, identity):
    return f"walk_1/{frame:05d}/{identity[-1]}"


def manifest_of(seen, path):
    rows = []
    for frame, identities in seen.items():
        for identity in identities:
            class_name, left = OBJECTS[identity]
            mask = np.zeros((HEIGHT, WIDTH), bool)
            mask[10 + frame : 30 + frame, left : left + 8] = True
            about = {"class_name": class_name, "identity": identity, "dataset": "davis", "frame": frame}
            rows.append(make_instance(name_of(frame, identity), mask, file=f"walk_1/{frame:05d}.png", **about))
    return write_manifest(rows, path)


def vector_of(instance):
    return np.random.default_rng([ord(letter) for letter in instance]).standard_normal(6).astype(np.float32)


def prototypes_of(manifest, path):
    rows = pd.read_parquet(manifest).drop(columns=["file", "width", "height", "rle"])
    table = arrow.Table.from_pandas(rows.assign(view="identity", timestep=np.int32(0)), preserve_index=False)
    flat = arrow.array(np.concatenate([vector_of(name) for name in rows["instance_id"]]))
    table = table.append_column("enc16.1@16", arrow.FixedSizeListArray.from_arrays(flat, 6))
    sets = {LAYER_SETS: json.dumps({"enc16.1": ["enc16.1@16"]}).encode()}
    parquet.write_table(table.replace_schema_metadata(sets), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images and, in two shards, the manifests and prototypes of those who are on them."""
    folder = tmp_path_factory.mktemp("davis")
    for number, part in enumerate([(0, 1), (2, 5)]):
        manifest = manifest_of({frame: SEEN[frame] for frame in part}, folder / f"{number}.manifest.parquet")
        prototypes_of(manifest, folder / f"{number}.prototypes.parquet")
    (folder / "walk_1").mkdir()
    for frame in SEEN:
        Image.new("RGB", (WIDTH, HEIGHT), (40 * frame, 10, 10)).save(folder / f"walk_1/{frame:05d}.png")
    return folder


@pytest.fixture(scope="module")
def manifests(folder):
    return sorted(folder.glob("*.manifest.parquet"))


def distances_in(folder, out, *, reference=REFERENCE, sets=SETS, offsets=(5, 1)):
    plain = {"view": "identity", "timestep": 0, "layers": "enc16.1", "metric": "correlation"}
    compare_prototypes(
        prototypes=sorted(folder.glob("*.prototypes.parquet")),
        conditions=[{**plain, "name": str(offset), "offset": offset} for offset in offsets],
        sets=list(sets),
        reference=reference,
        max_pairs=1000,
        seed=0,
        device="cpu",
        out_distances=out,
        out_unit_totals=out.with_suffix(".unit_totals.parquet"),
    )
    return out


@pytest.fixture
def distances(folder, tmp_path):
    return partial(distances_in, folder, tmp_path / "distances.parquet")


@pytest.fixture(scope="module")
def track(folder, manifests, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared") / "distances.parquet"
    return load_track(distances_in(folder, out), manifests, REFERENCE)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_reference_comes_first_then_later_objects_as_conditions_and_sets_are_listed(track):
    first, later = track.iloc[0], track.iloc[1:]
    assert first["instance_id"] == REFERENCE
    assert first[["condition", "set", "distance"]].isna().all()
    assert list(later[["instance_id", "condition", "set"]].itertuples(index=False, name=None)) == [
        ("walk_1/00005/1", "5", "sidi"),
        ("walk_1/00005/3", "5", "scdi"),
        ("walk_1/00005/4", "5", "dcdi"),
        ("walk_1/00001/1", "1", "sidi"),
        ("walk_1/00001/3", "1", "scdi"),
        ("walk_1/00001/2", "1", "scdi"),
    ]


def test_every_object_has_the_columns_of_a_manifest_and_a_distance_to_the_reference(track, manifests):
    known = pd.concat([pd.read_parquet(path) for path in manifests]).set_index("instance_id")
    assert set(track) == {"instance_id", *known, "condition", "set", "distance"}
    for _, row in track.iterrows():
        assert row[list(known)].to_dict() == known.loc[row["instance_id"]].to_dict()
    for row in track.iloc[1:].itertuples():
        expected = correlation(vector_of(REFERENCE).astype(float), vector_of(row.instance_id).astype(float))
        assert row.distance == pytest.approx(expected, rel=1e-5)


def test_objects_of_the_reference_frame_are_left_out(distances, track):
    assert set(pd.read_parquet(distances())["set"]) >= {"scsi", "dcsi"}
    assert set(track["set"].dropna()) == {"sidi", "scdi", "dcdi"}
    assert (track["frame"] > 0).tolist() == [False] + [True] * 6


def test_one_track_is_found_among_all_pairs(distances, manifests, track):
    everyone = load_track(distances(reference="all"), manifests, REFERENCE)
    pd.testing.assert_frame_equal(everyone, track)
    other = load_track(distances(reference="all"), manifests, "walk_1/00001/2")
    assert other["instance_id"].to_list() == ["walk_1/00001/2", "walk_1/00002/2"]


@pytest.mark.parametrize("lonely", ["walk_1/00005/1", "walk_1/00002/2"])
def test_a_reference_without_later_frames_is_named(distances, manifests, lonely):
    with pytest.raises(ValueError, match=f"^'{lonely}' is compared with no object: "):
        load_track(distances(reference=lonely), manifests, lonely)


def test_distances_have_the_same_first_and_offsets_in_the_order_of_the_experiment(track):
    table = tabulate_track({"sd15": track})
    assert table.columns.to_list() == ["+5", "+1"]
    assert table.index[0] == "the same, walk_1/1"
    assert sorted(table.index[1:]) == ["another, walk_1/2", "another, walk_1/3", "another, walk_1/4"]
    for name, row in table.iterrows():
        for offset, distance in row.dropna().items():
            one = track[(track["condition"] == offset[1:]) & (track["identity"] == name.split(", ")[1])]
            assert one["distance"].to_list() == [distance]
    assert int(table.notna().to_numpy().sum()) == 6


def test_the_same_comes_first_wherever_its_set_is_listed(distances, manifests):
    track = load_track(distances(sets=["scdi", "sidi"], offsets=(1, 5)), manifests, REFERENCE)
    table = tabulate_track({"sd15": track})
    assert table.index.to_list() == ["the same, walk_1/1", "another, walk_1/3", "another, walk_1/2"]
    assert table.columns.to_list() == ["+1", "+5"]


def test_an_object_that_is_missing_in_a_frame_has_no_distance_there(distances, manifests):
    table = tabulate_track({"sd15": load_track(distances(offsets=(1, 2, 5)), manifests, REFERENCE)})
    assert table.isna().loc["the same, walk_1/1"].to_dict() == {"+1": False, "+2": True, "+5": False}
    assert table.isna().loc["another, walk_1/2"].to_dict() == {"+1": False, "+2": False, "+5": True}
    assert table.isna().loc["another, walk_1/4"].to_dict() == {"+1": True, "+2": True, "+5": False}


def test_a_table_prints_five_decimals_and_a_dash(track):
    table = tabulate_track({"sd15": track})
    printed = format_track_table(table, MARKUP["md"])
    assert printed.loc["another, walk_1/2"].to_list() == ["–", f"{table.loc['another, walk_1/2', '+1']:.5f}"]
    assert printed.index.to_list() == table.index.to_list()
    assert format_track_table(table, MARKUP["tex"]).index[0] == r"the same, walk\_1/1"
    odd = track.assign(identity=track["identity"] + "<&>")
    assert "walk_1/1&lt;&amp;&gt;" in format_track_table(tabulate_track({"sd15": odd}), MARKUP["html"]).index[0]


def test_tables_are_written_with_a_line_for_each_object(track, tmp_path):
    table = tabulate_track({"sd15": track})
    paths = {kind: str(tmp_path / f"table.{kind}") for kind in ("csv", "md", "tex", "html")}
    save_table(table, partial(format_track_table, table), title="Tracked", files=paths)
    markdown = (tmp_path / "table.md").read_text().splitlines()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in markdown]
    assert lines[2] == ["object", "+5", "+1"]
    assert lines[4] == ["the same, walk_1/1", *(f"{value:.5f}" for value in table.iloc[0])]
    assert r"the same, walk\_1/1 &" in (tmp_path / "table.tex").read_text()
    read = pd.read_csv(tmp_path / "table.csv", index_col="object")
    np.testing.assert_array_equal(read.to_numpy(np.float32), table.to_numpy())


def test_a_figure_has_a_panel_for_each_frame(track, folder):
    figure = draw_track({"sd15": track}, folder, title="Tracked")
    assert figure.get_suptitle() == "Tracked"
    assert [panel.get_title() for panel in figure.axes] == [
        "reference: walk_1, frame 0",
        "+5: walk_1, frame 5",
        "+1: walk_1, frame 1",
    ]
    for panel, frame in zip(figure.axes, (0, 5, 1), strict=True):
        image = np.asarray(panel.images[0].get_array())
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert (image == (40 * frame, 10, 10)).all()
        assert (panel.get_xlim(), panel.get_ylim()) == ((-0.5, WIDTH - 0.5), (HEIGHT - 0.5, -0.5))


def test_every_object_is_outlined_green_if_the_same_and_blue_if_not(track, folder):
    figure = draw_track({"sd15": track}, folder, title="Tracked")
    shown = [track[track["frame"] == frame] for frame in (0, 5, 1)]
    for panel, rows in zip(figure.axes, shown, strict=True):
        assert len(panel.collections) == len(rows)
        for outline, row in zip(panel.collections, rows.itertuples(), strict=True):
            same = row.identity == "walk_1/1"
            assert to_hex(outline.get_edgecolor()[0]) == (tracks.REFERENCE_COLOUR if same else tracks.OTHER_COLOUR)
            (path,) = outline.get_paths()
            low, high = path.vertices.min(axis=0), path.vertices.max(axis=0)
            corner = np.array([row.bbox_x, row.bbox_y])
            np.testing.assert_allclose(low, corner - 0.5)
            np.testing.assert_allclose(high, corner + np.array([row.bbox_w, row.bbox_h]) - 0.5)


def test_distances_stand_above_the_compared_objects(track, folder):
    reference, *later = draw_track({"sd15": track}, folder, title="Tracked").axes
    assert not reference.texts
    for panel, frame in zip(later, (5, 1), strict=True):
        rows = track[track["frame"] == frame]
        assert [text.get_text() for text in panel.texts] == [f"{distance:.3f}" for distance in rows["distance"]]
        for text, row in zip(panel.texts, rows.itertuples(), strict=True):
            assert text.get_position() == (row.bbox_x + 4, row.bbox_y)
            assert text.get_verticalalignment() == "bottom"
            assert to_hex(text.get_color()) == (
                tracks.REFERENCE_COLOUR if row.identity == "walk_1/1" else tracks.OTHER_COLOUR
            )


def test_a_distance_stays_in_the_image_above_an_object_at_its_top(track, folder):
    panel = draw_track({"sd15": track.assign(bbox_y=0.0)}, folder, title="Tracked").axes[1]
    assert {text.get_position()[1] for text in panel.texts} == {0.06 * HEIGHT}


def test_models_have_a_row_of_frames_and_a_block_of_distances_each(track, folder):
    both = {"trained": track, "untrained": track.assign(distance=2 * track["distance"])}
    table = tabulate_track(both)
    np.testing.assert_array_equal(table.loc["untrained"], 2 * table.loc["trained"])
    figure = draw_track(both, folder, title="Tracked")
    assert len(figure.axes) == 2 * len(draw_track({"sd15": track}, folder, title="Tracked").axes)
    assert [panel.get_ylabel() for panel in figure.axes if panel.get_ylabel()] == list(both)
    plt.close("all")
