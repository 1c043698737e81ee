"""J&F is drawn as it was measured: a line per model, or a map of layers and timesteps; and frames show whose masks."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from videos import HEIGHT, WIDTH, draw_scene, write_scene

from semlens.draw.propagated_frames import N_FRAMES, draw_propagated_frames, load_carried, load_frames
from semlens.draw.propagation import (
    Propagated,
    draw_propagation,
    format_propagation,
    read_propagated,
    tabulate_propagation,
)
from semlens.draw.tables import MARKUP, save_table
from semlens.propagate.masks import _write_mask

MODELS = [
    {"name": "trained", "weights": "pretrained", "controls": None},
    {"name": "untrained", "weights": "random", "controls": "trained"},
]
CONDITIONS = [("dec16.1", 0), ("64+32", 0), ("enc64.1", 0), ("dec16.1", 200), ("64+32", 200), ("enc64.1", 200)]


AT_0 = CONDITIONS[:3]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def make_table(shift=0.0, n_units=4, conditions=CONDITIONS):
    reach = 0.05 if n_units > 1 else np.nan
    rows = []
    for number, (layers, timestep) in enumerate(conditions):
        mean = 0.3 + 0.05 * number + shift
        ends = {"low": mean - reach, "high": mean + reach, "band_low": mean - 2 * reach, "band_high": mean + 2 * reach}
        shares = {f"{key}_{name}": mean for key in ("j", "f") for name in ("mean", "recall", "decay")}
        counts = {"n_units": n_units, "n_objects": 1200, "n_frames": 30}
        condition = {"layers": layers, "timestep": timestep, "jf_mean": mean, "among_best": number == 3}
        rows.append(condition | ends | shares | counts)
    return pd.DataFrame(rows)


def make_runs(**options):
    return [
        Propagated("davis, trained", "trained", "davis", make_table(**options)),
        Propagated("davis, untrained", "untrained", "davis", make_table(-0.1, **options)),
        Propagated("other, trained", "trained", "other", make_table(0.2, **options)),
    ]


def test_datasets_are_panels():
    figure = draw_propagation(make_runs(conditions=AT_0), MODELS, title="How far?")
    assert [panel.get_title() for panel in figure.axes] == ["davis", "other"]
    assert figure.get_suptitle() == "How far?"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["trained", "untrained"]


def test_several_timesteps_are_maps_of_each_run():
    figure = draw_propagation(make_runs(), MODELS, title="")
    assert [panel.get_ylabel() for panel in figure.axes[:3]] == [run.name for run in make_runs()]
    cells = np.asarray(figure.axes[0].collections[0].get_array()).reshape(3, 2)
    np.testing.assert_allclose(cells, [[0.35, 0.5], [0.4, 0.55], [0.3, 0.45]])  # 64+32, enc64.1, dec16.1
    outlined = np.vstack([line.get_xydata() for line in figure.axes[0].lines])
    assert set(map(tuple, outlined.astype(int))) == {(1, 2), (2, 2), (1, 3), (2, 3)}  # dec16.1 at 200


def test_layers_stand_in_forward_order_after_their_sums():
    panel = draw_propagation(make_runs(conditions=AT_0), MODELS, title="").axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["64+32", "enc64.1", "dec16.1"]
    trained, untrained = (line for line in panel.lines if line.get_color() == "C0" and line.get_marker() == "None")
    np.testing.assert_allclose(trained.get_ydata(), [0.4, 0.3])  # enc64.1, dec16.1
    np.testing.assert_allclose(untrained.get_ydata(), [0.3, 0.2])
    assert untrained.get_linestyle() == "--"


def test_filled_marks_are_those_that_are_tied():
    panel = draw_propagation(make_runs(conditions=[*AT_0, ("mid8", 0)])[:1], MODELS, title="").axes[0]
    filled = [line for line in panel.lines if line.get_marker() == "o" and line.get_markerfacecolor() == "C0"]
    (marks,) = (line.get_xydata().tolist() for line in filled)
    assert marks == [[2, pytest.approx(0.45)]]  # mid8, between encoder and decoder


def test_a_single_layer_of_one_video_is_a_mark():
    run = Propagated("davis", "trained", "davis", make_table(n_units=1, conditions=[("enc16.1", 0)]))
    panel = draw_propagation([run], MODELS, title="").axes[0]
    assert panel.get_title() == "davis"
    assert any(line.get_marker() == "o" and len(line.get_xdata()) == 1 for line in panel.lines)


def test_the_table_prints_what_was_measured(tmp_path):
    values = tabulate_propagation(make_runs())
    files = {form: tmp_path / f"table.{form}" for form in MARKUP | {"csv": None}}
    save_table(values, lambda markup: format_propagation(values, markup), title="How far?", files=files)
    lines = files["md"].read_text().splitlines()
    assert len(lines) == 4 + 18
    assert "davis, trained | 64+32" in " ".join(lines[5].split())
    assert "0.350" in lines[5]
    assert "0.300 to 0.400" in lines[5]
    assert "1,200" in lines[5]
    assert "**0.450**" in lines[7]
    assert "<b>0.450</b>" in files["html"].read_text()
    assert r"64+32" in files["tex"].read_text()
    exact = pd.read_csv(files["csv"])
    np.testing.assert_allclose(exact["jf_mean"], values["jf_mean"])


def test_one_video_has_no_interval_to_print():
    printed = format_propagation(tabulate_propagation(make_runs(n_units=1)), MARKUP["md"])
    assert set(printed["95 % interval"]) == {"–"}


def test_tables_are_read_by_their_runs(tmp_path):
    make_table().to_csv(tmp_path / "davis.csv", index=False)
    (run,) = read_propagated([{"name": "davis", "model": "trained", "dataset": "davis"}], [tmp_path / "davis.csv"])
    assert (run.model, run.dataset) == ("trained", "davis")
    assert run.table["layers"].tolist() == [layers for layers, _ in CONDITIONS]


def carry(folder, names=tuple(f"{number:05d}" for number in range(9))):
    """Masks of nine frames, of layers that carry all of the object and of others that lose it."""
    write_scene(folder, 9)
    for number, name in enumerate(names):
        for path in list(folder.glob(f"DAVIS/*/480p/walk/{number:05d}.png")):
            path.rename(path.with_stem(name))
    rows = [
        {
            "sequence": "walk", "object": label, "layers": layers, "timestep": 0, "frame": int(name),
            "j": share, "f": share,
        }
        for layers, share in (("enc16.1", 0.25), ("enc64.1", 0.75))
        for label in (1, 3)
        for name in names
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "walk.csv", index=False)
    table = make_table(conditions=[("enc16.1", 0), ("enc64.1", 0)])  # the second is better
    table.to_csv(folder / "davis.csv", index=False)
    for number, name in enumerate(names):
        labels = draw_scene(number)[1]
        _write_mask(labels, folder / "masks" / "enc64.1" / "t0" / f"{name}.png")
        _write_mask(0 * labels, folder / "masks" / "enc16.1" / "t0" / f"{name}.png")
    shown = load_frames("davis", folder, "walk", exif="ignore")
    return shown, load_carried("trained", folder / "davis.csv", folder / "walk.csv", folder / "masks", shown)


@pytest.fixture
def carried(tmp_path):
    return carry(tmp_path)


def test_frames_stand_at_even_distances_with_the_masks_of_the_best_layers(carried):
    shown, of_model = carried
    assert [frame.frame for frame in shown] == [0, 2, 4, 6, 8]
    assert of_model.name == "trained\nenc64.1, t = 0"
    assert of_model.scores == ["J 0.75  F 0.75"] * N_FRAMES
    for frame, labels in zip(shown, of_model.labels, strict=True):
        np.testing.assert_array_equal(labels, draw_scene(frame.frame)[1])


def test_masks_are_those_of_their_frames_where_names_sort_otherwise_as_text(tmp_path):
    shown, of_model = carry(tmp_path, [str(number) for number in range(8, 17)])
    assert [frame.frame for frame in shown] == [8, 10, 12, 14, 16]
    for frame, labels in zip(shown, of_model.labels, strict=True):
        np.testing.assert_array_equal(labels, draw_scene(frame.frame - 8)[1])


def test_true_masks_stand_above_those_that_were_carried(carried):
    shown, of_model = carried
    figure = draw_propagated_frames({("davis", "walk"): (shown, [of_model])}, title="How far?")
    assert len(figure.axes) == 2 * N_FRAMES
    assert [panel.get_ylabel() for panel in figure.axes[::N_FRAMES]] == ["walk\ntrue", "trained\nenc64.1, t = 0"]
    assert figure.axes[1].get_title() == "frame 2"
    for above, below in zip(figure.axes[:N_FRAMES], figure.axes[N_FRAMES:], strict=True):
        pixels = above.images[0].get_array()
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        np.testing.assert_array_equal(pixels, below.images[0].get_array())
    image, labels = draw_scene(2)
    outside = figure.axes[1].images[0].get_array()[labels == 0]
    np.testing.assert_allclose(outside, image[labels == 0] / 255)
    assert (figure.axes[1].images[0].get_array()[labels == 1] != image[labels == 1] / 255).any()


def test_videos_of_one_name_are_told_apart_by_their_datasets(carried):
    shown, of_model = carried
    videos = {(dataset, "walk"): (shown, [of_model]) for dataset in ("davis", "other")}
    figure = draw_propagated_frames(videos, title="")
    labels = [panel.get_ylabel() for panel in figure.axes[:: 2 * N_FRAMES]]
    assert labels == ["davis, walk\ntrue", "other, walk\ntrue"]
