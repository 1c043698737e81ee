"""Cross references of the configuration: refused by name and with the choices; and the jobs that follow."""

import copy
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from semlens.compare.metrics import list_metrics
from semlens.config.checks import check_folders, check_models, check_references
from semlens.config.families import name_families
from semlens.config.load import read_config_schema
from semlens.config.plan import (
    get_max_pairs,
    get_shard_range,
    is_template,
    list_comparisons,
    list_conditions,
    list_distinct_inputs,
    list_extraction_shards,
    list_extractions_keeping,
    list_planes,
    list_projections,
    list_shards,
    list_splits,
    tracks_instance,
)
from semlens.config.readings import list_layer_sets, list_sampled
from semlens.config.schema import check_schema, fill_defaults

REPOSITORY = Path(__file__).parents[3]
CONFIG = {
    "shard_size": 10,
    "models": {"sd15": {}, "tiny": {}},
    "prompts": {"empty": "", "photo": "a photo"},
    "views": {"plain": ["identity"], "flips": ["hflip", "vflip"]},
    "datasets": {
        "coco": {"format": "coco", "source": {}, "split": "train2017", "images": 25},
        "voc": {"format": "voc", "source": {}, "split": "trainval", "images": 20},
        "davis": {"format": "davis", "source": {}, "sequences": {"walk": {1: "person"}}, "images": 3},
    },
    "extractions": {
        "still": {
            "models": ["sd15"],
            "datasets": ["coco", "voc"],
            "views": "plain",
            "prompt": "empty",
            "timesteps": [0],
        },
        "noise": {"models": ["sd15"], "datasets": ["coco"], "views": "plain", "prompt": "empty", "timesteps": [1, 50]},
        "flipped": {"models": ["sd15"], "datasets": ["coco"], "views": "flips", "prompt": "empty", "timesteps": [0]},
        "video": {
            "models": ["tiny"],
            "datasets": ["davis"],
            "views": "plain",
            "prompt": "photo",
            "timesteps": [0],
            "layers": ["enc16.1"],
        },
    },
    "experiments": {
        "metrics": {
            "extractions": ["still"],
            "datasets": ["coco", "voc"],
            "axis": "metric",
            "conditions": ["cosine", "euclidean"],
            "layers": "64+32+16",
            "timestep": 0,
            "view": "identity",
            "sets": ["scsi", "scdi", "dcsi"],
            "expected_order": ["scsi", "scdi"],
        },
        "steps": {
            "extractions": ["still", "noise"],
            "datasets": ["coco"],
            "axis": "timestep",
            "conditions": [0, 1, 50],
            "layers": "enc16.1",
            "metric": "cosine",
            "view": "identity",
            "sets": ["scsi", "scdi"],
            "expected_order": [],
        },
        "layers": {
            "extractions": ["still"],
            "datasets": ["coco"],
            "axis": "layers",
            "conditions": ["enc16.2", "enc16.1", "16"],
            "metric": "cosine",
            "timestep": 0,
            "view": "identity",
            "sets": ["scsi", "scdi"],
            "expected_order": ["scsi", "scdi"],
        },
        "flips": {
            "extractions": ["still", "flipped"],
            "datasets": ["coco"],
            "axis": "view",
            "conditions": ["hflip", "vflip"],
            "layers": "enc16.1",
            "metric": "cosine",
            "timestep": 0,
            "sets": ["sidi", "scdi"],
            "expected_order": ["sidi", "scdi"],
        },
    },
}
for entry in CONFIG["extractions"].values():
    entry["noise"] = True
for entry in CONFIG["experiments"].values():
    entry["reference"] = "all"


@pytest.fixture
def config():
    return copy.deepcopy(CONFIG)


def check_all_models(config, demo):
    name_families(config, {"models": {}}, demo)
    check_models(config, demo)


def change(config, path, value):
    """Set what ``path`` (keys joined by slashes) leads to; None removes it."""
    *parents, last = path.split("/")
    for key in parents:
        config = config[key]
    if value is None:
        del config[last]
    else:
        config[last] = value


# Cross references


def test_good_configuration_passes(config):
    check_references(config)
    assert config == CONFIG


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("extractions/still/models", ["sd3"], ["extraction 'still'", "model 'sd3'", "sd15, tiny"]),
        ("extractions/still/datasets", ["coco", "lvis"], ["extraction 'still'", "dataset 'lvis'", "coco, voc, davis"]),
        ("extractions/video/views", "rotations", ["extraction 'video'", "view group 'rotations'", "plain, flips"]),
        ("extractions/video/prompt", "none", ["extraction 'video'", "prompt 'none'", "empty, photo"]),
        ("datasets/coco/sequences", {"walk": {1: "dog"}}, ["dataset 'coco'", "'sequences'", "davis"]),
        ("datasets/davis/sequences", None, ["dataset 'davis'", "'sequences'", "davis"]),
        (
            "extractions/noise",
            {**CONFIG["extractions"]["noise"], "noise": False, "inference_steps": 10},
            ["'noise'", "noise: false"],
        ),
        ("extractions/noise/timesteps", [0, 1, 50], ["experiment 'steps'", "'still'", "'noise'", "both read"]),
        ("experiments/layers/reference", "first", ["experiment 'layers'", "'reference'", "'offset'"]),
        (
            "datasets/coco",
            {**CONFIG["datasets"]["coco"], "source": {"demo": {}}, "split": ["a", "b"]},
            ["'coco'", "one split"],
        ),
        ("datasets/davis/split", "train", ["dataset 'davis'", "'split'", "coco", "voc"]),
        ("datasets/coco/split", None, ["dataset 'coco'", "'split'", "coco"]),
        ("datasets/voc/split", None, ["dataset 'voc'", "'split'", "voc"]),
        (
            "experiments/steps/extractions",
            ["still", "loud"],
            ["experiment 'steps'", "extraction 'loud'", "still, noise, flipped, video"],
        ),
        ("experiments/steps/datasets", ["lvis"], ["experiment 'steps'", "dataset 'lvis'", "coco, voc, davis"]),
        ("experiments/steps/datasets", ["davis"], ["experiment 'steps'", "['still', 'noise']", "dataset 'davis'"]),
        (
            "experiments/metrics/expected_order",
            ["scsi", "sidi"],
            ["experiment 'metrics'", "expected set 'sidi'", "scsi, scdi, dcsi"],
        ),
        ("experiments/metrics/layers", None, ["experiment 'metrics'", "'layers'"]),
        (
            "experiments/steps/conditions",
            [0, 1, 2],
            ["experiment 'steps'", "condition '2'", "['still', 'noise']", "'identity'", "timestep 2"],
        ),
        ("experiments/metrics/timestep", 1, ["experiment 'metrics'", "condition 'cosine'", "['still']", "timestep 1"]),
        (
            "experiments/flips/extractions",
            ["still"],
            ["experiment 'flips'", "condition 'hflip'", "['still']", "view 'hflip'", "timestep 0"],
        ),
        ("views/flips", ["hflip", "vflip", "hflip"], ["view group 'flips'", "'hflip' twice"]),
        ("experiments/flips/conditions", ["vflip", "vflip"], ["experiment 'flips'", "'vflip' twice"]),
        ("views/flips", ["hflip"], ["experiment 'flips'", "condition 'vflip'", "view 'vflip'"]),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_with_the_choices(config, path, value, named):
    change(config, path, value)
    with pytest.raises(ValueError, match="".join(f"(?=.*{re.escape(name)})" for name in named)):
        check_references(config)


def test_view_and_timestep_must_come_from_one_capture(config):
    # hflip is captured at 0, identity at 50: nothing holds hflip at 50.
    change(config, "experiments/flips/extractions", ["flipped", "noise"])
    change(config, "experiments/flips/timestep", 50)
    with pytest.raises(ValueError, match=r"experiment 'flips', condition 'hflip'.*view 'hflip'.* at timestep 50"):
        check_references(config)


def test_every_dataset_must_have_every_condition(config):
    # voc is captured at 0 alone: its distances at 1 and 50 could never be made.
    change(config, "experiments/steps/datasets", ["coco", "voc"])
    with pytest.raises(ValueError, match=r"experiment 'steps', condition '1'(?=.*'voc')(?=.*timestep 1)"):
        check_references(config)


# The schema


@pytest.fixture
def schema():
    return read_config_schema(REPOSITORY, list_metrics())


@pytest.fixture
def demo():
    return yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())


def test_demo_keeps_the_schema(demo, schema):
    check_schema(demo, schema)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("colour", "red", ["top level", "'colour'", "known keys are", "shard_size"]),
        ("datasets/coco/colour", "red", ["datasets.coco", "'colour'", "known keys are", "min_area"]),
        ("extractions/plain/timestep", [0], ["extractions.plain", "'timestep'", "known keys are", "timesteps"]),
        ("shard_size", 0, ["shard_size", "0", "Images per shard"]),
        ("extractions/plain/layers", [64], ["extractions.plain.layers.0", 'write it in quotes, "64"']),
        ("extractions/plain/layers", ["enc16 + 8"], ["extractions.plain.layers.0", "'enc16 + 8'", "such as enc16.1"]),
        ("datasets/coco/format", "lvis", ["datasets.coco.format", "'lvis'", "coco, davis, voc"]),
        ("datasets/coco/images", None, ["datasets.coco", "'images'", "required"]),
        ("datasets/coco/min_area", 1.5, ["datasets.coco.min_area", "1.5"]),
        ("datasets/coco/split", "../secret", ["datasets.coco.split", "'../secret'"]),
        ("extractions/plain/timesteps", [0, 1000], ["extractions.plain.timesteps.1", "1000"]),
        ("extractions/plain/layers", ["-enc16"], ["extractions.plain.layers.0", "'-enc16'", "enc16.1"]),
        ("experiments/video/conditions", ["soon"], ["experiments.video.conditions.0", "'soon'"]),
        ("experiments/video/sets", ["sidi", "sisi"], ["experiments.video.sets.1", "'sisi'", "did you mean 'sidi'"]),
        (
            "experiments/distance-measures/conditions",
            ["cosine", "chebyshev"],
            ["experiments.distance-measures.conditions.1", "'chebyshev'", "euclidean"],
        ),
        ("models/a model", {"source": {"folder": "sd15"}}, ["models", "'a model'"]),
    ],
)
def test_what_breaks_the_schema_is_refused_by_place_and_with_the_way_out(demo, schema, path, value, named):
    change(demo, path, value)
    with pytest.raises(ValueError, match="(?s)" + "".join(f"(?=.*{re.escape(name)})" for name in named)) as refusal:
        check_schema(demo, schema)
    assert len(str(refusal.value).splitlines()) == 2


def test_all_that_breaks_the_schema_is_listed(demo, schema):
    change(demo, "colour", "red")
    change(demo, "datasets/coco/min_area", 2)
    change(demo, "extractions/plain/timesteps", [0, 1000])
    with pytest.raises(ValueError, match=r"(?s)datasets\.coco\.min_area.*extractions\.plain\.timesteps"):
        check_schema(demo, schema)


# Folders


@pytest.fixture
def model_folder(tmp_path):
    """A model of two grids, 16 (with attention) and 8: enc16.1, enc8.1, mid8, dec8.1-2, dec16.1-2."""
    folder = tmp_path / "sd"
    for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler"):
        (folder / part).mkdir(parents=True)
    unet = {
        "sample_size": 16,
        "block_out_channels": [4, 8],
        "layers_per_block": 1,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    }
    vae = {"block_out_channels": [4, 4, 4, 4]}
    scheduler = {"_class_name": "DDPMScheduler", "beta_start": 0.00085}
    for name, config in (("unet/config", unet), ("vae/config", vae), ("scheduler/scheduler_config", scheduler)):
        (folder / f"{name}.json").write_text(json.dumps(config))
    for name in ("text_encoder/config.json", "tokenizer/tokenizer.json"):
        (folder / name).write_text("{}")
    for part in ("unet", "vae", "text_encoder"):
        (folder / part / ("model" if part == "text_encoder" else "diffusion_pytorch_model")).with_suffix(
            ".safetensors"
        ).touch()
    return folder


@pytest.fixture
def sourced(model_folder, tmp_path):
    """A dataset and a model in folders, a dataset that is made, and a model that is downloaded."""
    demo = {"source": {"demo": {"seed": 0}}}
    common = {"axis": "metric", "conditions": ["cosine"], "view": "identity", "timestep": 0}
    return {
        "models": {
            "sd": {"source": {"folder": str(model_folder)}, "size": 128, "weights": "pretrained"},
            "tiny": {"source": {"download": "sd"}, "weights": "pretrained"},
        },
        "datasets": {"coco": {"source": {"folder": str(tmp_path)}}, "drawn": demo},
        "extractions": {
            "plain": {"models": ["sd"], "datasets": ["coco", "drawn"], "layers": ["enc16", "dec8.2"]},
            "tiny": {"models": ["tiny"], "datasets": ["drawn"], "layers": ["enc99"]},
        },
        "experiments": {
            "metrics": {"extractions": ["plain"], "datasets": ["coco"], "layers": "16+8", **common},
            "elsewhere": {"extractions": ["tiny"], "datasets": ["drawn"], "layers": "enc99", **common},
        },
    }


def test_folders_that_are_there_pass(sourced):
    check_folders(sourced)


def test_dataset_folder_that_is_not_there(sourced, tmp_path):
    change(sourced, "datasets/coco/source/folder", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=rf"dataset 'coco'.*{re.escape(str(tmp_path / 'nowhere'))}"):
        check_folders(sourced)


@pytest.mark.parametrize("part", ["vae", "text_encoder", "tokenizer", "scheduler"])
def test_model_folder_without_a_part(sourced, model_folder, part):
    shutil.rmtree(model_folder / part)
    with pytest.raises(ValueError, match=rf"model 'sd': folder {re.escape(str(model_folder))} has no {part};"):
        check_all_models(sourced, demo="nowhere")


def test_images_of_another_size_than_the_model_reads(sourced):
    sourced["models"]["sd"]["size"] = 512
    with pytest.raises(ValueError, match=r"model 'sd', .*unet: its U-Net reads images of 128; set 'size: 128'"):
        check_all_models(sourced, demo="nowhere")


def test_layers_that_the_model_has_pass(sourced):
    check_all_models(sourced, demo="nowhere")


def test_layers_of_the_demos_model_are_known_too(sourced, model_folder):
    change(sourced, "models/tiny/source", {"demo": {}})
    change(sourced, "models/tiny/size", 128)
    with pytest.raises(ValueError, match=r"extraction 'tiny': .*'enc99'.* enc16\.1, .*dec16\.2"):
        check_all_models(sourced, demo=str(model_folder))


@pytest.mark.parametrize(
    ("layers", "named"), [(["enc16", "dec4"], "'dec4'"), (["enc16.2"], "'enc16.2'"), (["16+32"], "'32'")]
)
def test_layer_that_the_model_has_not(sourced, layers, named):
    change(sourced, "extractions/plain/layers", layers)
    with pytest.raises(ValueError, match=rf"extraction 'plain': .*{re.escape(named)}.* enc16\.1, .*dec16\.2"):
        check_all_models(sourced, demo="nowhere")


@pytest.mark.parametrize("features", ["mid8", "16+enc8"])
def test_feature_set_that_the_capture_does_not_hold(sourced, features):
    change(sourced, "experiments/metrics/layers", features)
    with pytest.raises(ValueError, match=rf"extraction 'plain': .*'{re.escape(features)}'.* enc16\.1, dec8\.2$"):
        check_all_models(sourced, demo="nowhere")


@pytest.mark.parametrize("content", [None, "{", "[]"], ids=["missing", "cut off", "a list"])
def test_model_configuration_that_cannot_be_read(sourced, model_folder, content):
    path = model_folder / "unet" / "config.json"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(ValueError, match=rf"model 'sd', {re.escape(str(path.parent))}: .*config\.json"):
        check_all_models(sourced, demo="nowhere")


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("unet/config.json", {"sample_size": 16, "in_channels": 9, "out_channels": 4}, "inpainting"),
        ("unet/config.json", {}, "sample_size"),
        ("vae/config.json", {"block_out_channels": [4, 4, 4]}, "one latent of 4 pixels"),
        ("scheduler/scheduler_config.json", {"_class_name": "FlowMatchEulerDiscreteScheduler"}, "FlowMatch"),
    ],
)
def test_a_model_of_another_kind_is_refused_before_anything_runs(sourced, model_folder, file, content, named):
    (model_folder / file).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"model 'sd', {re.escape(str((model_folder / file).parent))}: .*{named}"):
        check_all_models(sourced, demo="nowhere")


# What follows


def test_conditions_differ_along_the_axis_alone():
    assert list_conditions(CONFIG["experiments"]["steps"]) == [
        {
            "name": str(timestep),
            "timestep": timestep,
            "layers": "enc16.1",
            "metric": "cosine",
            "view": "identity",
            "offset": None,
        }
        for timestep in (0, 1, 50)
    ]


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("metric", ["cosine"]),
        ("layers", ["16", "enc16.1"]),
        ("timestep", [500]),
        ("view", ["hflip"]),
        ("offset", [1, 40]),
    ],
)
def test_conditions_are_named_by_their_value_in_the_order_given(axis, values):
    made = list_conditions({"axis": axis, "conditions": values})
    assert [(condition["name"], condition[axis]) for condition in made] == [(str(value), value) for value in values]
    assert all(set(condition) == {"name", "metric", "layers", "timestep", "view", "offset"} for condition in made)


def test_a_grid_has_each_layer_at_each_timestep():
    made = list_conditions({"axis": "grid", "conditions": {"layers": ["64+32", "mid8"], "timestep": [0, 200]}})
    assert [(one["name"], one["layers"], one["timestep"]) for one in made] == [
        ("64+32@t0", "64+32", 0), ("64+32@t200", "64+32", 200), ("mid8@t0", "mid8", 0), ("mid8@t200", "mid8", 200),
    ]  # fmt: skip
    assert all(set(one) == {"name", "metric", "layers", "timestep", "view", "offset"} for one in made)


def test_a_grid_stores_as_many_distances_as_one_condition():
    one = {"axis": "timestep", "conditions": [0, 50], "layers": "mid8"}
    grid = {"axis": "grid", "conditions": {"layers": ["64", "mid8"], "timestep": [0, 200]}}
    config = {"max_pairs": 8000, "experiments": {"one": one, "grid": grid}}
    assert [get_max_pairs(config, name) for name in ("one", "grid")] == [8000, 2000]


@pytest.mark.parametrize(
    ("axis", "values", "names"),
    [
        ("metric", ["cosine", "euclidean"], ["enc16.1"]),
        ("offset", [1, 5], ["enc16.1"]),
        ("timestep", [1, 50], ["1", "50"]),
        ("view", ["hflip", "crop_pad"], ["hflip", "crop_pad"]),
        ("layers", ["16", "64"], ["16", "64"]),
    ],
)
def test_looks_are_what_differs_for_the_model(axis, values, names):
    looks = list_distinct_inputs({"layers": "enc16.1", "view": "identity", "axis": axis, "conditions": values})
    assert [look["name"] for look in looks] == names
    assert all(set(look) == {"name", "view", "timestep", "layers"} for look in looks)
    if axis in looks[0]:
        assert [look[axis] for look in looks] == values


@pytest.mark.parametrize(("split", "expected"), [("train", ["train"]), (["train", "val"], ["train", "val"])])
def test_a_split_may_be_several(split, expected):
    assert list_splits({"split": split}) == expected
    assert list_splits({"sequences": {}}) == []


@pytest.mark.parametrize(("reference", "expected"), [("all", False), ("first", False), ("walking/00000/1", True)])
def test_an_instance_is_followed_and_frames_are_not(reference, expected):
    assert tracks_instance({"reference": reference}) == expected


def test_a_template_names_classes():
    assert is_template("a photo of a {classes}")
    assert not is_template("a photo of {braces}")


@pytest.mark.parametrize(
    ("extraction", "dataset", "expected"),
    [
        ("still", "coco", ["16", "64+32+16", "enc16.1", "enc16.2"]),
        ("still", "voc", ["64+32+16"]),
        ("noise", "coco", ["enc16.1"]),
        ("video", "davis", ["enc16.1"]),  # no experiment reads it: all that it extractions
    ],
)
def test_feature_sets_are_those_that_experiments_read(extraction, dataset, expected):
    assert list_layer_sets(CONFIG, extraction, dataset) == expected


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("coco", {"00000": [0, 10], "00001": [10, 20], "00002": [20, 25]}),
        ("voc", {"00000": [0, 10], "00001": [10, 20]}),
        ("davis", {"00000": [0, 3]}),
    ],
    ids=["partial last shard", "full shards", "one partial shard"],
)
def test_shards_hold_every_image_once(dataset, expected):
    assert {shard: get_shard_range(CONFIG, dataset, shard) for shard in list_shards(CONFIG, dataset)} == expected


def test_more_images_only_add_shards(config):
    before = {shard: get_shard_range(config, "voc", shard) for shard in list_shards(config, "voc")}
    change(config, "datasets/voc/images", 41)
    after = {shard: get_shard_range(config, "voc", shard) for shard in list_shards(config, "voc")}
    assert before.items() < after.items()
    assert len(after) == 5


@pytest.mark.parametrize(
    ("extraction", "dataset", "expected"),
    [
        ("still", "voc", [("64+32+16", 0, "cosine")]),  # the first metric of an experiment that compares them
        (
            "still",
            "coco",
            [(layers, 0, "cosine") for layers in ("enc16.1", "enc16.2", "16", "64+32+16")],
        ),
        ("noise", "coco", [("enc16.1", 1, "cosine"), ("enc16.1", 50, "cosine")]),
        ("flipped", "coco", []),  # has no image as it is
        ("video", "davis", []),  # compared by no experiment
    ],
)
def test_planes_are_what_experiments_compare_without_a_view(config, extraction, dataset, expected):
    assert [tuple(plane.values()) for plane in list_planes(config, extraction, dataset)] == expected


def test_a_plane_has_the_metric_of_an_experiment_that_compares_no_metrics(config):
    config["experiments"]["metrics"] |= {"conditions": ["cityblock", "cosine"], "layers": "16"}
    metrics = {plane["layers"]: plane["metric"] for plane in list_planes(config, "still", "coco")}
    assert metrics["16"] == "cosine"
    assert [plane["metric"] for plane in list_planes(config, "still", "voc")] == ["cityblock"]


def test_tokens_are_measured_of_whatever_shows_images_as_they_are(config):
    assert [tuple(source.values()) for source in list_sampled(config)] == [
        ("still", "sd15", "coco"),
        ("still", "sd15", "voc"),
        ("noise", "sd15", "coco"),
        ("video", "tiny", "davis"),
    ]


@pytest.mark.parametrize(
    ("experiment", "expected"),
    [
        ("steps", [("still", "sd15", "coco"), ("noise", "sd15", "coco")]),
        ("flips", [("still", "sd15", "coco")]),
    ],
)
def test_an_experiment_shows_the_tokens_of_its_extractions_on_its_datasets(config, experiment, expected):
    assert [tuple(source.values()) for source in list_sampled(config, experiment)] == expected


def test_what_has_no_plane_is_not_projected(config):
    assert [tuple(job.values()) for job in list_projections(config)] == [
        ("still", "sd15", "coco"),
        ("still", "sd15", "voc"),
        ("noise", "sd15", "coco"),
    ]


def test_extraction_shards_are_all_shards_of_all_datasets_of_all_extractions():
    jobs = [tuple(job.values()) for job in list_extraction_shards(CONFIG)]
    assert len(jobs) == len(set(jobs)) == 5 + 3 + 3 + 1
    assert jobs[:3] == [("still", "sd15", "coco", f"0000{shard}") for shard in range(3)]
    assert jobs[-1] == ("video", "tiny", "davis", "00000")


def test_comparisons_are_the_datasets_of_every_experiment():
    assert [(job["experiment"], job["model"], job["dataset"], job["name"]) for job in list_comparisons(CONFIG)] == [
        ("metrics", "sd15", "coco", "coco"),
        ("metrics", "sd15", "voc", "voc"),
        ("steps", "sd15", "coco", "coco"),
        ("layers", "sd15", "coco", "coco"),
        ("flips", "sd15", "coco", "coco"),
    ]


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("captures", {}, "top level: 'captures' is now 'extractions'"),
        ("redirects", {}, "top level: 'redirects' is now 'mirrors'"),
        ("published", "here", "top level: 'published' is now 'reference_results'"),
        ("experiments/video/captures", ["video"], "experiments.video: 'captures' is now 'extractions'"),
        ("experiments/video/features", "enc16.1", "experiments.video: 'features' is now 'layers'"),
        ("experiments/video/expect", ["sidi"], "experiments.video: 'expect' is now 'expected_order'"),
        ("experiments/resolution/axis", "features", "experiments.resolution.axis: 'features' is now 'layers'"),
        ("experiments/resolution/dunn", "classical", "experiments.resolution.dunn: 'classical' is now 'eq10'"),
        ("models/trained/resize", "squash", "models.trained.resize: 'squash' is now 'stretch'"),
    ],
)
def test_an_old_word_is_refused_with_the_new_one(demo, schema, path, value, named):
    change(demo, path, value)
    with pytest.raises(ValueError) as refusal:
        check_schema(demo, schema)
    assert str(refusal.value).splitlines()[1:] == [named]


def test_an_old_configuration_is_told_each_new_word_once(demo, schema):
    demo["captures"] = demo.pop("extractions")
    with pytest.raises(ValueError) as refusal:
        check_schema(demo, schema)
    assert str(refusal.value).splitlines()[1:] == ["top level: 'captures' is now 'extractions'"]


def test_defaults_are_filled_in_at_every_depth(demo, schema):
    fill_defaults(demo, schema)
    assert (demo["max_pairs"], demo["prompts"]) == (10_000_000, {"empty": ""})
    assert demo["extractions"]["plain"]["keep"] == "maps"
    assert demo["experiments"]["video"]["reference"] == "all"
    assert demo["datasets"]["coco"]["min_area"] == 0.01
    check_schema(demo, schema)


@pytest.mark.parametrize(("keep", "kept"), [("maps", "maps"), ("half_maps", "maps"), ("prototypes", "prototypes")])
def test_maps_are_kept_in_whatever_precision(demo, keep, kept):
    name = next(iter(demo["extractions"]))
    changed = demo | {"extractions": {name: demo["extractions"][name] | {"keep": keep}}}
    assert list_extractions_keeping(changed, kept) == [name]
