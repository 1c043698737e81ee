"""The object, its cells and maps in the figure are those that its prototype is made of."""

import json
import warnings
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
import torch
import torch.nn.functional as F
from manifests import make_instance
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from semlens.draw.example_objects import (
    SIZE,
    ExampleObject,
    PcaColours,
    draw_example_objects,
    load_example_objects,
)
from semlens.extract.mask_weights import MaskWeights, render_mask
from semlens.extract.prototypes import LAYER_SETS, pool_prototypes
from semlens.images.reading import read_image
from semlens.images.rendering import render_view
from semlens.images.samples import iterate_samples
from semlens.images.views import load_view
from semlens.storage.instances import INSTANCES
from semlens.storage.shard_writer import create_shard, write_samples
from semlens.storage.tables import write_parquet

WIDTH, HEIGHT = 300, 240
RED = (250, 20, 10)
GRIDS = {"enc64.1": 64, "enc16.1": 16, "mid8": 8, "dec16.1": 16}
CHANNELS = {"enc64.1": 4, "enc16.1": 5, "mid8": 6, "dec16.1": 5}
SETS = ["64+16", "16", "enc16.1", "mid8"]
PASSES = {
    "plain": [("identity", 0), ("identity", 50), ("identity", 999)],
    "transformed": [(view, 0) for view in ("hflip", "crop_pad", "crop_resize", "crop_shift60")],
}
VIEWS = ["identity", *(view for view, _ in PASSES["transformed"])]
STRETCH = {"resize": "stretch", "mask": "nearest", "seed": 0}
LETTERBOX = {"resize": "letterbox", "mask": "area", "seed": 4}
PLAIN = {"view": "identity", "timestep": 0, "layers": "enc16.1", "metric": "correlation", "offset": None}


def condition(name, **changes):
    return {**PLAIN, "name": name, **changes}


def objects():
    """Masks by instance; the red one, an L that leaves most of its box free, is nearest to 15 % of its image."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    box = (x >= 110) & (x < 270) & (y >= 30) & (y < 180)
    return {
        "a/1": (x < 150) & (y < 200),
        "a/2": (x > 250) & (y > 200),
        "b/1": (x < 100) & (y > 30),
        "b/red": box & ((x < 160) | (y < 65)),
        "c/1": (x - 150) ** 2 + (y - 120) ** 2 < 30**2,
    }


def row_of(instance, mask):
    class_name = "bird" if instance == "b/red" else "cat"
    return make_instance(instance, mask, file=f"{instance.split('/')[0]}.png", class_name=class_name)


def map_of(sample, view, timestep, layer):
    """Features of their own for every sample, view, timestep and layer."""
    side = GRIDS[layer]
    rng = np.random.default_rng([ord(letter) for letter in f"{sample} {view} {timestep} {layer}"])
    return rng.standard_normal((CHANNELS[layer], side, side), dtype=np.float32) * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images, their manifest, and a shard of features for each extraction."""
    folder = tmp_path_factory.mktemp("drawn")
    manifest = pd.DataFrame([row_of(instance, mask) for instance, mask in objects().items()])
    write_parquet(manifest, INSTANCES, folder / "manifest.parquet")
    for name in manifest["image_id"].unique():
        pixels = np.random.default_rng(ord(name)).integers(20, 110, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        if name == "b":
            pixels[objects()["b/red"]] = RED
        Image.fromarray(pixels).save(folder / f"{name}.png")
    for extraction, passes in PASSES.items():
        with create_shard(
            folder / f"{extraction}.h5", {"extraction": extraction, "layers": list(CHANNELS)}, {}
        ) as file:
            for view, timestep in passes:
                samples = [sample.id for sample in iterate_samples(load_view(view), manifest)][::-1]
                if view not in file:
                    file[f"{view}/sample_id"] = samples
                for layer in CHANNELS:
                    values = np.stack([map_of(sample, view, timestep, layer) for sample in samples])
                    write_samples(file, f"{view}/t{timestep}/{layer}", 0, values, total=len(samples))
    return folder


def example_of(folder, options=STRETCH):
    extractions = [folder / f"{extraction}.h5" for extraction in PASSES]
    return ExampleObject(folder, folder / "manifest.parquet", dict.fromkeys(extractions, options))


@pytest.fixture(scope="module")
def example(folder):
    return example_of(folder)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def instance_of(folder):
    return pd.read_parquet(folder / "manifest.parquet").set_index("instance_id", drop=False).loc["b/red"]


def panels_of(figure, rows):
    panels = np.array(figure.axes).reshape(rows, -1)
    return [[panel for panel in line if panel.images] for line in panels]


def image_of(panel):
    return np.asarray(panel.images[0].get_array())


def test_the_object_is_the_one_nearest_a_typical_size(folder, example, tmp_path):
    areas = {instance: mask.mean() for instance, mask in objects().items()}
    assert sorted(areas, key=lambda name: abs(areas[name] - 0.15))[0] == "b/red"
    assert example.class_name == "bird"
    without = pd.read_parquet(folder / "manifest.parquet").query("instance_id != 'b/red'")
    write_parquet(without, INSTANCES, tmp_path / "manifest.parquet")
    assert ExampleObject(folder, tmp_path / "manifest.parquet", {}).class_name == "cat"


@pytest.mark.parametrize("options", [STRETCH, LETTERBOX])
@pytest.mark.parametrize("view", VIEWS)
def test_the_image_is_what_the_encoder_sees(folder, view, options):
    image = example_of(folder, options).render(condition("any", view=view)).image
    read = read_image(folder / "b.png", width=WIDTH, height=HEIGHT)
    seen = render_view(
        load_view(view), read, instance_of(folder), seed=options["seed"], size=SIZE, resize=options["resize"]
    )
    np.testing.assert_allclose(image * 2 - 1, seen.transpose(1, 2, 0), atol=1e-6)
    assert image.shape == (SIZE, SIZE, 3)
    assert 0 <= image.min() < 0.2 < 0.9 < image.max() <= 1


@pytest.mark.parametrize("options", [STRETCH, LETTERBOX])
@pytest.mark.parametrize("view", VIEWS)
def test_the_outline_goes_round_the_objects_own_colour(folder, view, options):
    shown = example_of(folder, options).render(condition("any", view=view))
    outline = shown.outline.astype(bool)
    inside = binary_erosion(outline, iterations=6, border_value=1)  # resizing blurs its edge
    outside = ~binary_dilation(outline, iterations=6)
    assert min(inside.sum(), outside.sum()) > 500
    np.testing.assert_allclose(shown.image[inside], np.broadcast_to(np.divide(RED, 255), (inside.sum(), 3)), atol=0.02)
    assert shown.image[outside][:, 0].max() < 0.6


def pool(folder, extraction, out, options):
    """Write an extraction's prototypes to ``out``, and return it."""
    inputs = {"features": folder / f"{extraction}.h5", "manifest": folder / "manifest.parquet"}
    pool_prototypes(**inputs, layer_sets=SETS, **options, out=out)
    return out


@pytest.mark.parametrize("options", [STRETCH, LETTERBOX])
@pytest.mark.parametrize("extraction", PASSES)
def test_features_averaged_over_the_cells_are_the_prototype(folder, tmp_path, extraction, options):
    example, out = example_of(folder, options), pool(folder, extraction, tmp_path / "prototypes.parquet", options)
    columns = json.loads(parquet.read_schema(out).metadata[LAYER_SETS])
    rows = pd.read_parquet(out).set_index(["instance_id", "view", "timestep"])
    for (view, timestep), name in product(PASSES[extraction], SETS):
        row = rows.loc[("b/red", view, timestep)]
        shown = example.render(condition("any", view=view, timestep=timestep, layers=name))
        mean = (shown.features * shown.cells).sum(axis=(1, 2)) / shown.cells.sum()
        np.testing.assert_allclose(mean, np.concatenate(row[columns[name]].to_list()), rtol=1e-4, atol=1e-5)
        assert row[f"n_cells@{len(shown.cells)}"] == np.count_nonzero(shown.cells)


@pytest.mark.parametrize("view", VIEWS)
def test_cells_are_the_weights_of_the_object_among_all_of_its_image(folder, example, view):
    instances = pd.read_parquet(folder / "manifest.parquet").query("image_id == 'b'")
    weights = MaskWeights(load_view(view), list(instances.itertuples()), ["mid8@8", "enc16.1@16"], **STRETCH)
    place = instances["instance_id"][weights.shown].to_list().index("b/red")
    for layer_set, side in (("mid8", 8), ("enc16.1", 16)):
        cells = example.render(condition("any", view=view, layers=layer_set)).cells
        np.testing.assert_array_equal(cells, weights.on_grid[side][place])


def test_layers_are_joined_on_the_largest_grid(example):
    layers = ["enc64.1", "enc16.1", "dec16.1"]
    maps = [torch.from_numpy(map_of("b", "identity", 50, layer))[None] for layer in layers]
    large = [F.interpolate(values, (64, 64), mode="bilinear", align_corners=False) for values in maps]
    shown = example.render(condition("50", timestep=50, layers="64+16"))
    np.testing.assert_allclose(shown.features, torch.cat(large, dim=1)[0], atol=1e-5)
    assert shown.cells.shape == (64, 64)


@pytest.mark.parametrize("view", VIEWS)
def test_a_sample_is_found_by_its_name(example, view):
    sample = "b/red" if view.startswith("crop") else "b"
    features = example.render(condition("any", view=view)).features
    np.testing.assert_array_equal(features, map_of(sample, view, 0, "enc16.1"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"view": "rot90"}, "holds view 'rot90' of 'second'"), ({"timestep": 1}, "holds view 'identity' of 'second'")],
)
def test_what_no_extraction_holds_is_named(folder, example, changes, words):
    with pytest.raises(ValueError) as error:
        example.render(condition("second", **changes))
    assert str(error.value) == f"none of {folder / 'plain.h5'}, {folder / 'transformed.h5'} {words}"


@pytest.fixture(scope="module")
def sparing(folder, tmp_path_factory):
    """The same object, where one extraction keeps its maps and the other prototypes alone."""
    seen = pool(folder, "transformed", tmp_path_factory.mktemp("pooled") / "transformed.parquet", LETTERBOX)
    return ExampleObject(folder, folder / "manifest.parquet", {folder / "plain.h5": STRETCH, seen: LETTERBOX})


@pytest.mark.parametrize("layer_set", SETS)
@pytest.mark.parametrize("view", VIEWS)
def test_without_maps_the_object_and_its_cells_are_the_same(folder, sparing, view, layer_set):
    there = condition("any", view=view, layers=layer_set)
    shown = sparing.render(there)
    expected = example_of(folder, STRETCH if view == "identity" else LETTERBOX).render(there)
    for found, with_maps in zip(shown[:3], expected[:3], strict=True):
        np.testing.assert_array_equal(found, with_maps)
    assert (shown.features is None) == (view != "identity")


def test_panels_say_which_maps_are_not_kept(sparing):
    conditions = [condition(view, view=view) for view in ("hflip", "crop_pad")]
    figure = draw_example_objects({"voc": sparing}, conditions, title="Views", axis="view")
    assert [[panel.get_title() for panel in row] for row in panels_of(figure, 3)] == [
        ["identity", "hflip", "crop pad"],
        ["mask at 16x16"] * 3,
        ["identity", "maps not kept", "maps not kept"],
    ]


def test_where_no_maps_are_kept_one_panel_says_so(folder, tmp_path):
    plain = pool(folder, "plain", tmp_path / "plain.parquet", STRETCH)
    example = ExampleObject(folder, folder / "manifest.parquet", {plain: STRETCH})
    conditions = [condition(name, layers=name) for name in ("enc16.1", "mid8", "16")]
    (row,) = panels_of(draw_example_objects({"voc": example}, conditions, title="Layers", axis="layers"), 1)
    titles = [panel.get_title() for panel in row]
    assert titles == ["image", "mask", "mask at 16x16", "maps not kept", "mask at 8x8"]
    with pytest.raises(ValueError, match=r"none of .*plain\.parquet holds view 'hflip' of 'any'"):
        example.render(condition("any", view="hflip"))


@pytest.fixture(scope="module")
def hiding(folder):
    """A seed that shifts the window to where the L has nothing."""
    row = instance_of(folder)
    view = load_view("crop_shift60")
    return next(seed for seed in range(999) if not render_mask(view, row, resize="stretch", seed=seed).any())


@pytest.mark.parametrize("mask", ["nearest", "area"])
def test_a_view_that_hides_the_object_has_no_cells_and_is_drawn(folder, hiding, mask):
    example = example_of(folder, {"resize": "stretch", "mask": mask, "seed": hiding})
    hidden = condition("crop_shift60", view="crop_shift60", layers="64+16")
    shown = example.render(hidden)
    assert shown.cells.shape == (64, 64)
    assert not shown.cells.any() and not shown.outline.any()
    assert shown.image[..., 0].max() < 0.6
    assert shown.features.any()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        figure = draw_example_objects({"voc": example}, [hidden], title="Hidden", axis="view")
        figure.canvas.draw()
    _, cells, _ = panels_of(figure, 3)
    assert cells[1].get_xlabel() == "0 of 4096 cells"
    assert cells[0].get_xlabel() != "0 of 4096 cells"
    assert not image_of(cells[1]).any()


def test_a_view_that_shows_no_object_is_drawn_without_maps_too(folder, hiding, tmp_path):
    options = {**STRETCH, "seed": hiding}
    alone = pd.read_parquet(folder / "manifest.parquet").query("instance_id == 'b/red'")
    write_parquet(alone, INSTANCES, tmp_path / "manifest.parquet")
    with create_shard(tmp_path / "features.h5", {"extraction": "transformed", "layers": ["mid8"]}, {}) as file:
        file["crop_shift60/sample_id"] = ["b/red"]
        write_samples(file, "crop_shift60/t0/mid8", 0, map_of("b/red", "crop_shift60", 0, "mid8")[None], total=1)
    made = {"features": tmp_path / "features.h5", "manifest": tmp_path / "manifest.parquet"}
    pool_prototypes(**made, layer_sets=["mid8"], **options, out=tmp_path / "transformed.parquet")
    assert not len(pd.read_parquet(tmp_path / "transformed.parquet"))
    example = ExampleObject(folder, tmp_path / "manifest.parquet", {tmp_path / "transformed.parquet": options})
    assert not example.render(condition("hidden", view="crop_shift60", layers="mid8")).cells.any()


@pytest.fixture(scope="module")
def varied():
    """A map whose channels vary together in a few directions, each with a strength of its own."""
    rng = np.random.default_rng(0)
    cells = rng.standard_normal((576, 6)) * [9, 5, 3, 1, 0.5, 0.2] @ rng.standard_normal((6, 12)) + 40
    return np.ascontiguousarray(cells.T.reshape(12, 24, 24), dtype=np.float32)


def test_colours_are_the_three_principal_components(varied):
    colours = PcaColours(varied).paint(varied)
    assert colours.shape == (24, 24, 3)
    assert (colours.min(), colours.max()) == (0, 1)
    cells = varied.reshape(12, -1).T.astype(float)
    components = np.linalg.svd(cells - cells.mean(axis=0), full_matrices=False)[2][:3]
    for channel, component in zip(colours.reshape(-1, 3).T, components, strict=True):
        values = (cells - cells.mean(axis=0)) @ component * np.sign(component[np.abs(component).argmax()])
        low, high = np.percentile(values, [1, 99])
        np.testing.assert_allclose(channel, np.clip((values - low) / (high - low), 0, 1), atol=1e-3)


def test_colours_are_the_same_every_time(varied):
    np.testing.assert_array_equal(PcaColours(varied).paint(varied), PcaColours(varied.copy()).paint(varied))


def test_two_maps_are_coloured_on_one_scale(varied):
    palette = PcaColours(varied)
    colours = palette.paint(varied)
    np.testing.assert_allclose(palette.paint(varied[:, ::-1, 5:9]), colours[::-1, 5:9], atol=1e-5)
    mean = varied.mean(axis=(1, 2), keepdims=True)
    weaker = mean + (varied - mean) / 2
    assert 0 < palette.paint(weaker).min() < palette.paint(weaker).max() < 1  # half the contrast, so nothing is clipped
    assert palette.paint(weaker).std() == pytest.approx(colours.std() / 2, rel=0.05)
    np.testing.assert_allclose(
        PcaColours(weaker).paint(weaker), colours, atol=1e-3
    )  # on its own scale it looks as strong


def test_views_are_columns_of_image_cells_and_map_after_the_original(example):
    conditions = [condition(view, view=view) for view in ("hflip", "crop_resize")]
    figure = draw_example_objects({"voc": example, "coco": example}, conditions, title="Views", axis="view")
    assert figure.get_suptitle() == "Views"
    rows = panels_of(figure, 6)
    assert [len(row) for row in rows] == [3] * 6
    assert [row[0].get_ylabel() for row in rows] == ["voc: bird", "", "", "coco: bird", "", ""]
    assert [[panel.get_title() for panel in row] for row in rows[:3]] == [
        ["identity", "hflip", "crop resize"],
        ["mask at 16x16"] * 3,
        ["identity", "hflip", "crop resize"],
    ]
    rendered = [example.render(entry) for entry in (condition("identity"), *conditions)]
    palette = PcaColours(rendered[0].features)
    for panels, shown in zip(zip(*rows[:3], strict=True), rendered, strict=True):
        image, cells, features = map(image_of, panels)
        np.testing.assert_array_equal(image, shown.image)
        np.testing.assert_array_equal(cells, shown.cells)
        np.testing.assert_array_equal(features, palette.paint(shown.features))
        assert panels[1].get_xlabel() == f"{np.count_nonzero(shown.cells)} of 256 cells"
        assert [len(panel.collections) for panel in panels] == [2, 0, 0]  # an outline in black and white
        assert panels[0].get_xlim() == (-0.5, SIZE - 0.5)


def test_the_original_is_shown_once_though_it_is_a_condition_too(example):
    conditions = [condition(view, view=view) for view in ("hflip", "identity")]
    rows = panels_of(draw_example_objects({"voc": example}, conditions, title="Views", axis="view"), 3)
    assert [panel.get_title() for panel in rows[0]] == ["identity", "hflip"]


def test_timesteps_are_one_row__a_mask_and_their_maps(example):
    conditions = [condition(str(timestep), timestep=timestep) for timestep in (0, 50, 999)]
    figure = draw_example_objects({"voc": example, "coco": example}, conditions, title="Noise", axis="timestep")
    for row, dataset in zip(panels_of(figure, 2), ("voc", "coco"), strict=True):
        assert [panel.get_title() for panel in row] == [
            "image",
            "mask",
            "mask at 16x16",
            "t = 0",
            "t = 50",
            "t = 999",
        ]
        assert row[0].get_ylabel() == f"{dataset}: bird"
        first = example.render(conditions[0])
        palette = PcaColours(first.features)
        for panel, entry in zip(row[3:], conditions, strict=True):
            np.testing.assert_array_equal(image_of(panel), palette.paint(example.render(entry).features))


def test_layers_have_colours_of_their_own_and_a_mask_for_each_grid(example):
    conditions = [condition(name, layers=name) for name in ("enc16.1", "mid8", "dec16.1")]
    (row,) = panels_of(draw_example_objects({"voc": example}, conditions, title="Layers", axis="layers"), 1)
    assert [panel.get_title() for panel in row] == [
        *("image", "mask", "mask at 16x16", "enc16.1"),
        *("mask at 8x8", "mid8", "dec16.1"),
    ]
    assert [len(image_of(panel)) for panel in row] == [SIZE, SIZE, 16, 16, 8, 8, 16]
    for panel, entry in zip([row[3], row[5], row[6]], conditions, strict=True):
        features = example.render(entry).features
        np.testing.assert_array_equal(image_of(panel), PcaColours(features).paint(features))


def test_examples_are_read_by_comparison_in_their_order(folder):
    files = {"manifest": folder / "manifest.parquet", "images": folder, "exif": "ignore"}
    examples = load_example_objects(
        {"name": name, "features": folder / f"{extraction}.h5", **files, **STRETCH}
        for extraction in PASSES
        for name in ("voc", "coco")
    )
    assert list(examples) == ["voc", "coco"]
    for example in examples.values():
        for view in ("identity", "hflip"):  # one of each extraction
            assert example.render(condition("any", view=view)).features is not None
