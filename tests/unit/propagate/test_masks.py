"""A video's masks, carried by the colours of its cells: what is written, and what is refused."""

import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from videos import HEIGHT, WIDTH, draw_scene, read_frames, write_prompt, write_scene, write_video

from semlens.propagate.affinity import LabelPropagator
from semlens.propagate.masks import FRAME_SCORES, _join_maps, propagate_masks
from semlens.propagate.segmentation import measure_contour, measure_region
from semlens.propagate.videos import list_frames
from semlens.select.formats._palettes import build_colours
from semlens.storage.csv_tables import read_csv

OPTIONS = {"mask": "nearest", "context": 7, "radius": 12, "neighbours": 5, "temperature": 0.1}


def propagate(folder, video, *, resize="stretch", batch_size=4, **changes):
    frames, masks = video
    reader = read_frames(
        folder, family="rgb", images={"resize": resize}, layers=["baseline"], timesteps=[0], batch_size=batch_size
    )
    out, found = folder / "scores.csv", folder / "found"
    options = {**OPTIONS, "layer_sets": ["baseline"], "resize": resize, **changes}
    propagate_masks(reader, sequence="walk", frames=frames, masks=masks, out=out, folder=found, **options)
    files = sorted((found / "baseline" / "t0").iterdir())
    return read_csv(out), files


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
@pytest.mark.parametrize("mask", ["nearest", "area"])
def test_objects_of_a_colour_of_their_own_are_followed(tmp_path, resize, mask):
    scores, _ = propagate(tmp_path, write_scene(tmp_path), resize=resize, mask=mask)
    assert set(scores["object"]) == {1, 3}
    assert scores["j"].min() > 0.85  # cells are 2.5 pixels wide and their borders are drawn between them
    assert scores["f"].min() > 0.85


def test_masks_are_as_davis_stores_them_and_scores_are_theirs(tmp_path):
    scores, files = propagate(tmp_path, write_scene(tmp_path))
    FRAME_SCORES.validate(scores)
    assert [file.name for file in files] == [f"{number:05d}.png" for number in range(6)]
    for number, file in enumerate(files):
        truth = draw_scene(number)[1]
        with Image.open(file) as image:
            assert (image.mode, image.size) == ("P", (WIDTH, HEIGHT))
            assert image.getpalette()[:768] == build_colours().ravel().tolist()
            labels = np.asarray(image)
        rows = scores[scores["frame"] == number].set_index("object")
        for label in (1, 3):
            pair = (labels == label, truth == label)
            assert rows.loc[label, "j"] == pytest.approx(measure_region(*pair))
            assert rows.loc[label, "f"] == pytest.approx(measure_contour(*pair))


def test_the_first_mask_is_given(tmp_path):
    scores, files = propagate(tmp_path, write_scene(tmp_path))
    np.testing.assert_array_equal(np.asarray(Image.open(files[0])), draw_scene(0)[1])
    assert (scores.loc[scores["frame"] == 0, ["j", "f"]] == 1).all(axis=None)


def test_batches_make_no_difference(tmp_path):
    scores = [propagate(tmp_path, write_scene(tmp_path), batch_size=size)[0] for size in (1, 4, 6)]
    pd.testing.assert_frame_equal(scores[0], scores[1])
    pd.testing.assert_frame_equal(scores[0], scores[2])


def test_what_comes_later_and_void_are_no_objects(tmp_path):
    first, later = draw_scene(0)[1].copy(), draw_scene(2)[1].copy()
    first[:5], later[:5, :50] = 255, 7
    scores, files = propagate(tmp_path, write_scene(tmp_path, frame0=first, frame2=later))
    assert set(scores["object"]) == {1, 3}
    assert {*np.unique(np.asarray(Image.open(files[0])))} == {0, 1, 3}


def test_an_object_that_leaves_is_judged_by_its_absence(tmp_path):
    gone = draw_scene(3)[1].copy()
    gone[gone == 1] = 0
    scores, _ = propagate(tmp_path, write_scene(tmp_path, frame3=gone))
    assert scores.set_index(["frame", "object"]).loc[(3, 1), ["j", "f"]].tolist() == [0, 0]


def test_masks_of_2016_count_as_object_one(tmp_path):
    masks = [(draw_scene(time)[1] == 1) * 255 for time in range(6)]
    video = write_video(tmp_path, masks, images=[draw_scene(time)[0] for time in range(6)])
    scores, files = propagate(tmp_path, video)
    assert set(scores["object"]) == {1}
    assert {*np.unique(np.asarray(Image.open(files[3])))} == {0, 1}


def test_memory_does_not_grow_with_the_video():
    held, seen = [], []
    propagator = LabelPropagator(torch.rand(2, 9, 9), context=3, radius=2, neighbours=2, temperature=0.1)
    for _ in range(12):
        seen.append(weakref.ref(propagator.propagate(torch.rand(5, 9, 9))))
        held.append(sum(one() is not None for one in seen))
    assert held[5:] == [4] * 7  # the first, and three before


def test_a_sum_of_layers_is_one_map():
    small, large = torch.rand(2, 3, 4, 4), torch.rand(2, 5, 8, 8)
    joined = _join_maps([large, small])
    assert joined.shape == (2, 8, 8, 8)
    torch.testing.assert_close(joined[:, :5], large)
    upsampled = torch.nn.functional.interpolate(small, (8, 8), mode="bilinear", align_corners=False)
    torch.testing.assert_close(joined[:, 5:], upsampled)


def test_every_layer_and_timestep_propagates_by_itself(tmp_path, small_model):
    frames, masks = write_scene(tmp_path)
    parts = {"network": small_model / "unet", "scheduler": small_model / "scheduler", "vae": small_model / "vae"}
    reader = read_frames(tmp_path, **parts, prompt=write_prompt(tmp_path / "prompt.h5"), layers=["enc16.1", "16+mid2"])
    out = tmp_path / "scores.csv"
    propagate_masks(
        reader, sequence="walk", frames=frames, masks=masks, layer_sets=["enc16.1", "16+mid2"], resize="stretch",
        out=out, folder=tmp_path / "found", **OPTIONS,
    )  # fmt: skip
    scores = read_csv(out)
    FRAME_SCORES.validate(scores)
    assert list(scores.groupby(["layers", "timestep"], sort=False).groups) == [
        ("enc16.1", 0), ("enc16.1", 100), ("16+mid2", 0), ("16+mid2", 100),
    ]  # fmt: skip
    assert len(scores) == 4 * 2 * 6
    assert len(list((tmp_path / "found").rglob("*.png"))) == 4 * 6


def test_a_video_of_two_frames_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'walk' has 2 frames; 3 are needed"):
        write_scene(tmp_path, 2)


def test_a_first_frame_without_objects_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"first frame of sequence 'walk' shows no object"):
        write_scene(tmp_path, frame0=np.zeros((HEIGHT, WIDTH), np.uint8))


def test_a_video_that_is_not_there_is_named(tmp_path):
    write_scene(tmp_path)
    with pytest.raises(ValueError, match="'stroll' is in no list"):
        list_frames("davis", tmp_path, "stroll")


def test_masks_of_several_sizes_are_refused(tmp_path):
    video = write_scene(tmp_path, frame4=np.ones((HEIGHT, WIDTH - 1), np.uint8))
    with pytest.raises(ValueError, match=r"the mask of walk/00004 is 159x96 pixels, that of the first frame 160x96"):
        propagate(tmp_path, video)
