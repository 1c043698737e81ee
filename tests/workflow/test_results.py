"""A finished run in a notebook: everything that ``open_run`` gives is what the files of the run hold."""

import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import semlens
from semlens.compare.metrics import pair_distances
from semlens.draw.kinds import list_kinds
from semlens.images.masks import decode_mask
from semlens.results.fiftyone_export import describe_images


@pytest.fixture(scope="module")
def run(finished):
    return semlens.open_run(finished.path("results"))


@pytest.fixture
def unfinished(finished, tmp_path):
    """The same, but for what is written last."""
    keep = shutil.ignore_patterns("provenance.*", "report.html", "statistics", "features", "figures", "tables")
    shutil.copytree(finished.path("results"), tmp_path / "results", ignore=keep)
    return semlens.open_run(tmp_path / "results", resources=finished.path("resources"))


def test_experiments_are_those_of_the_configuration(run):
    assert list(run.experiments.index) == ["metrics", "layers", "video", "noise", "turns", "both", "one"]
    turns = run.experiments.loc["turns"]
    assert (turns["axis"], turns["conditions"], turns["datasets"]) == ("view", ["hflip", "crop_pad"], ["voc"])
    assert turns["fixed"] == {"metric": "correlation", "layers": "enc16.1", "timestep": 0}
    assert run.experiments.loc["noise", "models"] == ["tiny", "untrained"]


def test_statistics_are_one_tidy_table(run, finished):
    sets = run.statistics("sets")
    assert not sets.duplicated(["experiment", "model", "dataset", "condition", "set"]).any()
    files = list(finished.path("results", "statistics").rglob("*.sets.csv"))
    assert len(sets) == sum(len(pd.read_csv(file)) for file in files)
    chosen = run.statistics("tests", experiment="noise", model="untrained")
    assert set(chosen["model"]) == {"untrained"} and set(chosen["condition"]) == {"1", "100"}
    expected = pd.read_csv(finished.path("results", "statistics", "noise", "untrained", "voc.tests.csv"))
    assert (chosen["h"].to_numpy() == expected["h"].to_numpy()).all()


def test_distances_are_those_of_the_prototypes(run):
    """Computed again from what the run gives, so that instances, vectors and pairs must belong together."""
    pairs = run.distances("metrics", "tiny", "coco", condition="cosine")
    instances, vectors = run.prototypes("plain", "tiny", "coco", layers="16")
    place = pd.Series(instances.index, index=instances["instance_id"])
    rows = [place[pairs[f"instance_{side}"].astype(str)].to_numpy() for side in ("a", "b")]
    np.testing.assert_allclose(pair_distances(vectors, *rows, "cosine"), pairs["distance"], atol=1e-6)
    class_of = instances.set_index("instance_id")["class_name"]
    for side in ("a", "b"):
        assert (pairs[f"class_{side}"].astype(str) == pairs[f"instance_{side}"].map(class_of).astype(str)).all()


def test_a_search_finds_of_a_single_layer_what_its_experiment_finds(run):
    table = run.search("pair", "tiny", "coco")
    assert set(table["layers"]) == {"enc16.1", "enc16.2", "enc16.1+enc16.2"}
    alone = table.set_index(["metric", "layers"]).loc[("correlation", "enc16.1")]
    separation = run.statistics("separation", experiment="layers").set_index(["condition", "comparison"])
    expected = separation.loc[("enc16.1", "between")]
    assert expected["separation"] > 0
    found = alone[["exact", "se", "low", "high"]].to_numpy(float)
    np.testing.assert_allclose(found, expected[["separation", "se", "low", "high"]].to_numpy(float), atol=1e-6)
    summary = run.search("pair", "tiny", "coco", summary=True)
    assert (summary["n_classes"] == expected["n_classes"]).all() and (summary["n_tried"] == 3).all()


def test_the_nearest_pairs_are_the_smallest_distances(run):
    pairs = run.distances("metrics", "tiny", "coco", condition="euclidean").query("set in ['scdi', 'dcdi']")
    nearest = run.nearest_pairs("metrics", "tiny", "coco", "euclidean", sets=["scdi", "dcdi"], n=5)
    assert list(nearest["distance"]) == sorted(pairs["distance"])[:5]


def test_neighbours_are_the_nearest_prototypes_of_other_images(run):
    instances, vectors = run.prototypes("plain", "tiny", "coco", layers="16")
    anchor = instances["instance_id"][0]
    table = run.neighbours("plain", "tiny", "coco", [anchor], layers="16", metric="correlation", n=3)
    distances = 1 - np.corrcoef(vectors)[0]
    elsewhere = np.flatnonzero(instances["image_id"] != instances["image_id"][0])
    expected = elsewhere[np.argsort(distances[elsewhere])[:3]]
    assert table["instance_b"].tolist() == instances["instance_id"][expected].tolist()
    assert table["distance"].tolist() == pytest.approx(distances[expected].tolist(), abs=1e-5)


def test_planes_are_those_of_every_extraction_that_shows_images_as_they_are(run):
    held = {tuple(plane.values()): set(table["instance_id"]) for plane, table in run.planes("voc")}
    everyone = set(run.instances("voc")["instance_id"])
    assert held == {
        ("plain", "tiny", "16", 0): everyone,
        ("plain", "tiny", "enc16.1", 0): everyone,
        **{("noised", model, "enc16.1", step): everyone for model in ("tiny", "untrained") for step in (1, 100)},
    }


def test_a_dataset_that_is_not_there_is_refused_by_name(run):
    for ask in (run.find_images, lambda name: list(run.planes(name))):
        with pytest.raises(ValueError, match="no dataset 'nope'; there are coco, davis, voc"):
            ask("nope")


@pytest.mark.parametrize(("dataset", "has_frames"), [("voc", False), ("davis", True)])
def test_what_fiftyone_is_told_is_what_was_studied(run, dataset, has_frames):
    instances = run.instances(dataset).set_index("instance_id")
    images = list(describe_images(run, dataset))
    assert [image["image_id"] for image in images] == list(dict.fromkeys(instances["image_id"]))
    assert [("frame" in image) for image in images] == [has_frames] * len(images)
    for image in images:
        with Image.open(image["filepath"]) as picture:
            width, height = picture.size
        for told in image["objects"]:
            instance = instances.loc[told["object_id"]]
            assert told["label"] == instance["class_name"]
            assert not has_frames or (image["video"], image["frame"]) == (instance["video"], instance["frame"])
            left, top, w, h = told["bounding_box"]
            assert told["mask"].shape == (round(h * height), round(w * width))
            assert told["mask"].sum() == round(instance["area_fraction"] * width * height)
            whole = decode_mask(instance["rle"], width=width, height=height).astype(bool)
            rows, columns = np.nonzero(whole)
            assert (round(top * height), round(left * width)) == (rows.min(), columns.min())


def test_without_fiftyone_the_export_says_how_to_get_it(run):
    with pytest.raises(ImportError, match=r"pip install 'semlens\[fiftyone\]'"):
        semlens.to_fiftyone(run, "davis")


@pytest.mark.parametrize(
    ("dataset", "extraction", "view", "timestep"),
    [("coco", "plain", "identity", 0), ("voc", "noised", "identity", 100)],
)
def test_a_feature_map_is_what_the_prototype_is_the_mean_of(run, dataset, extraction, view, timestep):
    """An instance's prototype is the mean over some cells: it lies between the extremes of its image's map."""
    instances, vectors = run.prototypes(extraction, "tiny", dataset, layers="enc16.1", view=view, timestep=timestep)
    for instance, vector in zip(instances.itertuples(), vectors, strict=True):
        found = run.feature_map(
            extraction, "tiny", dataset, instance.image_id, layer="enc16.1", view=view, timestep=timestep
        )
        cells = found.reshape(len(found), -1)
        slack = 1e-2 * np.abs(cells).max()
        assert (cells.min(axis=1) - slack <= vector).all() and (vector <= cells.max(axis=1) + slack).all()


def test_a_feature_map_is_that_of_the_image_that_was_asked_for(run, finished):
    """Of the second shard, whose samples are found by name."""
    image = run.instances("coco").query("shard == '00001'")["image_id"].iloc[-1]
    with h5py.File(finished.path("results", "features", "plain", "tiny", "coco", "00001.h5")) as shard:
        position = [name.decode() for name in shard["identity/sample_id"]].index(image)
        expected = shard["identity/t0/enc16.2"][position]
    assert (run.feature_map("plain", "tiny", "coco", image, layer="enc16.2") == expected).all()


def test_a_crop_shows_the_instance(run):
    for instance in run.instances("voc").itertuples():
        image, mask, box = run.crop("voc", instance.instance_id, margin=0)
        assert image.size == mask.shape[::-1] == (box.right - box.left, box.bottom - box.top)
        assert mask.sum() == round(instance.area_fraction * instance.width * instance.height)
    wide = run.crop("voc", instance.instance_id, margin=10)
    assert wide.box == (0, 0, instance.width, instance.height)


def test_every_figure_is_drawn_again(run):
    kinds = set()
    boxes = run.plot("turns", "boxes").axes[0]
    assert boxes.get_ylabel().endswith("\ncorrelation distance")  # as in the file
    for name, entry in run.configuration["experiments"].items():
        for kind in list_kinds(entry):
            if kind.file.endswith(".png"):
                assert run.plot(name, kind.name).axes
                kinds.add(kind.name)
    assert kinds == {
        "boxes",
        "curves",
        "separation",
        "tasks",
        "heat_maps",
        "artefacts",
        "track",
        "class_distances",
        "pca",
        "neighbours",
        "pairs",
        "tokens",
        "objects",
    }
    assert run.plot("metrics").get_suptitle() == "Which distance separates classes best?"


def test_an_unfinished_run_gives_what_it_has(unfinished, run):
    assert unfinished.configuration is None and "not finished" in repr(unfinished)
    assert unfinished.experiments.loc["noise", "conditions"] == ["1", "100"]
    assert set(unfinished.experiments.index) == set(run.experiments.index)
    pd.testing.assert_frame_equal(
        unfinished.distances("layers", "tiny", "coco"), run.distances("layers", "tiny", "coco")
    )
    for ask in (unfinished.statistics, lambda: unfinished.plot("metrics")):
        with pytest.raises(FileNotFoundError):
            ask()


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda run: run.distances("metric", "tiny", "coco"), "'metric'; there are metrics, layers"),
        (lambda run: run.distances("layers", "tiny", "voc"), "'voc'; there are coco"),
        (lambda run: run.distances("metrics", "tiny", "coco", condition="cityblock"), "euclidean, correlation, cosine"),
        (lambda run: run.nearest_pairs("metrics", "tiny", "coco", "cosine", sets=["sidi"]), "'sidi'; there are scsi"),
        (lambda run: run.prototypes("plane", "tiny", "coco", layers="16"), "'plane'; there are noised, plain"),
        (lambda run: run.prototypes("plain", "tiny", "coco", layers="32"), "'32'; there are 16, enc16.1"),
        (lambda run: run.prototypes("plain", "tiny", "coco", layers="16", view="hflip"), "'hflip'; there are identity"),
        (lambda run: run.prototypes("noised", "tiny", "voc", layers="enc16.1"), "timestep 0; there are 1, 100"),
        (lambda run: run.feature_map("plain", "tiny", "coco", "nobody", layer="enc16.1"), "image_id 'nobody'"),
        (lambda run: run.crop("voc", "nobody"), "instance 'nobody'"),
        (lambda run: run.search("pairs", "tiny", "coco"), "'pairs'; there are pair"),
        (lambda run: run.search("pair", "tiny", "voc"), "'voc'; there are coco"),
        (lambda run: run.plot("metrics", "curves"), "'curves'; there are boxes, separation, objects"),
    ],
)
def test_an_unknown_name_is_answered_with_those_that_are_there(run, ask, named):
    with pytest.raises(ValueError) as error:
        ask(run)
    assert named in str(error.value)


def test_maps_that_were_not_kept_are_explained(run):
    image = run.instances("davis")["image_id"].iloc[0]
    with pytest.raises(FileNotFoundError, match=r"kept prototypes only.*'keep'"):
        run.feature_map("video", "tiny", "davis", image, layer="enc16.1")


def test_maps_of_an_earlier_run_are_not_believed(finished, clone):
    """They lie there still, after an extraction was told to keep prototypes only."""
    repo = clone()
    shutil.copytree(repo.path("results", "features", "plain"), repo.path("results", "features", "video"))
    run = semlens.open_run(repo.path("results"))
    with pytest.raises(FileNotFoundError, match="kept prototypes only"):
        run.feature_map("video", "tiny", "davis", run.instances("davis")["image_id"].iloc[0], layer="enc16.1")


def test_a_folder_without_a_run_says_what_to_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no run.*pathvars"):
        semlens.open_run(tmp_path)


def test_a_run_of_the_first_edition_is_refused(tmp_path):
    (tmp_path / "provenance.json").write_text('{"configuration": {"captures": {}, "models": {}}}')
    with pytest.raises(ValueError, match=r"another version of semlens.*extractions"):
        semlens.open_run(tmp_path)


def test_contrasts_of_models_are_differences_of_their_separations(run):
    found = run.contrast("noise", "voc", "tiny", "untrained").set_index("condition")
    table = run.statistics("separation", experiment="noise", dataset="voc").query("comparison == 'between'")
    values = table.pivot(index="condition", columns="model", values="separation")
    for condition, row in found.iterrows():
        assert row["difference"] == pytest.approx(values.loc[condition, "tiny"] - values.loc[condition, "untrained"])
    assert set(found.index) == set(values.dropna().index)


def test_influences_give_the_standard_errors(run):
    influence = run.influence("metrics", "tiny", "coco")
    table = run.statistics("separation", experiment="metrics", model="tiny", dataset="coco").dropna(subset="se")
    for row in table.itertuples():
        values = influence.query("condition == @row.condition and comparison == @row.comparison")["influence"]
        assert np.sqrt(row.n_units / (row.n_units - 1) * np.sum(values**2)) == pytest.approx(row.se)
