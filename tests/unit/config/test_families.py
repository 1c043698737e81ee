"""Which family reads a model, what does not apply to it, and what models share."""

import json
from pathlib import Path

import pytest
from tiny_encoders import PREPROCESSING

from semlens.config.checks import check_models
from semlens.config.digests import _digest
from semlens.config.families import name_families
from semlens.config.model_sources import ModelSources
from semlens.config.models import find_base_model, find_twin, get_image_options, list_compared_models
from semlens.models.backbones import load_backbone

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"
PLAIN = {"timesteps": [0], "noise": True, "posterior": "sample", "prompt": "empty"}
DINO = {"model_type": "dinov2", "architectures": ["Dinov2Model"], "patch_size": 14, "hidden_size": 8} | {
    **{"num_hidden_layers": 2, "image_size": 224},
}


def config_of(**models):
    entries = {
        name: {"weights": "pretrained", "size": 448, "resize": "stretch", **entry} for name, entry in models.items()
    }
    return {"models": entries, "seed": 7, "extractions": {}, "experiments": {}}


def named(**models):
    config = config_of(**models)
    name_families(config, {"models": {"sd": {}, "dino": {"family": "dinov2"}}}, "nowhere")
    return config


@pytest.fixture
def folder(tmp_path):
    """An encoder's folder, whose weights are not read."""
    (tmp_path / "config.json").write_text(json.dumps(DINO))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))
    (tmp_path / "model.safetensors").touch()
    return tmp_path


def test_families_are_found_where_they_can_be(folder):
    sources = {
        "dinov2": {"folder": str(folder)},
        "rgb": {"baseline": "rgb"},
        "unet": {"hub": "lab/sd"},
    }
    found = named(
        **{family: {"source": source} for family, source in sources.items()},
        listed={"source": {"download": "dino"}},
        plain={"source": {"download": "sd"}},
        single={"source": {"file": {"path": "a.safetensors", "config": "sd"}}},
        said={"source": {"hub": "lab/dino"}, "family": "dinov2"},
    )["models"]
    assert {name: entry["family"] for name, entry in found.items()} == {
        **{family: family for family in sources},
        **{"listed": "dinov2", "plain": "unet", "single": "unet", "said": "dinov2"},
    }


def test_the_latents_of_any_model_are_a_family(folder):
    (folder / "transformer").mkdir()
    (folder / "config.json").unlink()
    (folder / "transformer" / "config.json").write_text('{"_class_name": "PixArtTransformer2DModel"}')
    source = {"folder": str(folder)}
    models = named(pixart={"source": source}, latents={"source": source, "family": "vae"})["models"]
    assert [models[name]["family"] for name in ("pixart", "latents")] == ["pixart", "vae"]


def test_a_family_that_is_not_the_networks_is_refused(folder):
    with pytest.raises(ValueError, match="model 'dino': its network is of the family dinov2, not clip"):
        named(dino={"source": {"folder": str(folder)}, "family": "clip"})


def test_a_network_of_no_family_is_refused_by_its_name(folder):
    (folder / "config.json").write_text('{"model_type": "resnet", "architectures": ["ResNetModel"]}')
    with pytest.raises(ValueError, match=rf"model 'net', {folder}: no family reads a network resnet; known are .*ViT"):
        named(net={"source": {"folder": str(folder)}})


def test_a_seed_goes_with_random_weights():
    with pytest.raises(ValueError, match="model 'sd': 'seed' goes with 'weights: random' alone"):
        named(sd={"source": {"hub": "lab/sd"}, "seed": 1})
    models = named(
        one={"source": {"hub": "lab/sd"}, "weights": "random"},
        two={"source": {"hub": "lab/sd"}, "weights": "random", "seed": 1},
    )["models"]
    assert (models["one"]["seed"], models["two"]["seed"]) == (7, 1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timesteps", [0, 50]),
        ("noise", False),
        ("posterior", "mean"),
        ("prompt", "named"),
        ("inference_steps", 5),
    ],
)
def test_what_does_not_apply_to_an_encoder_is_refused(folder, key, value):
    config = named(dino={"source": {"folder": str(folder)}})
    config["extractions"]["one"] = {"models": ["dino"], "layers": ["block00"], "datasets": [], **PLAIN}
    check_models(config, "nowhere")
    config["extractions"]["one"][key] = value
    with pytest.raises(ValueError, match=rf"extraction 'one': '{key}' does not apply to model 'dino' of the family"):
        check_models(config, "nowhere")


@pytest.mark.parametrize(("family", "key"), [("pixart", "inference_steps"), ("dit", "prompt"), ("vae", "timesteps")])
def test_what_does_not_apply_to_a_family_that_reads_latents_is_refused(family, key):
    config = named(model={"source": {"hub": "lab/model"}, "family": family})
    values = {"inference_steps": 5, "prompt": "named", "timesteps": [50]}
    config["extractions"]["one"] = {"models": ["model"], "layers": ["block00"], "datasets": [], **PLAIN}
    check_models(config, "nowhere")
    config["extractions"]["one"][key] = values[key]
    with pytest.raises(ValueError, match=f"extraction 'one': '{key}' does not apply"):
        check_models(config, "nowhere")


def test_a_baseline_has_no_weights():
    config = named(rgb={"source": {"baseline": "rgb"}, "weights": "random"})
    with pytest.raises(ValueError, match="model 'rgb' of the family rgb has no weights"):
        check_models(config, "nowhere")


def test_a_size_that_an_encoder_cannot_cut_is_refused_before_anything_runs(folder):
    config = named(dino={"source": {"folder": str(folder)}, "size": 512})
    with pytest.raises(ValueError, match=r"model 'dino'.* patches of 14; set 'size' to one of 224, 448, 504, 518"):
        check_models(config, "nowhere")


def test_layers_that_an_encoder_has_not_are_refused_with_those_that_there_are(folder):
    config = named(dino={"source": {"folder": str(folder)}})
    config["extractions"]["one"] = {"models": ["dino"], "layers": ["enc16.1"], "datasets": [], **PLAIN}
    with pytest.raises(
        ValueError, match=r"no layer 'enc16\.1'.* there are block00\.attn_in, block00, block01\.attn_in"
    ):
        check_models(config, "nowhere")


SOURCE = {"source": {"hub": "lab/sd"}}


def test_controls_latents_and_other_seeds_share_what_the_model_reads():
    config = named(
        latents={**SOURCE, "family": "vae"},
        control={**SOURCE, "weights": "random"},
        again={**SOURCE, "weights": "random", "seed": 1},
        sd=SOURCE,
        large={**SOURCE, "size": 512},
        rgb={"source": {"baseline": "rgb"}},
    )
    shared = {name: find_base_model(config, name) for name in config["models"]}
    assert shared == {**dict.fromkeys(("latents", "control", "again", "sd"), "sd"), "large": "large", "rgb": "rgb"}
    twins = {name: find_twin(config, name) for name in config["models"]}
    assert {name for name, twin in twins.items() if twin == "sd"} == {"control", "again"}
    assert all(twin is None for name, twin in twins.items() if name not in ("control", "again"))


def test_every_seed_of_a_network_controls_its_model():
    config = named(sd=SOURCE, one={**SOURCE, "weights": "random"}, two={**SOURCE, "weights": "random", "seed": 1})
    config["extractions"]["all"] = {"models": ["sd", "one", "two"], "datasets": ["coco"]}
    config["experiments"]["first"] = {"extractions": ["all"], "datasets": ["coco"]}
    assert [(model["name"], model["controls"]) for model in list_compared_models(config)] == [
        ("sd", None),
        ("one", "sd"),
        ("two", "sd"),
    ]


def test_what_reads_latents_depends_on_no_image_option(folder):
    config = named(sd=SOURCE, dino={"source": {"folder": str(folder)}})
    config |= {"views": {"plain": ["identity"]}, "datasets": {"coco": {"exif": "apply"}}}
    config["extractions"]["one"] = {"views": "plain"}
    assert get_image_options(config, "one", "sd", "coco") == {"size": 448}
    assert get_image_options(config, "one", "dino", "coco") == {
        **{"size": 448, "resize": "stretch", "views": ["identity"], "seed": None, "exif": "apply"},
    }


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "has no preprocessor_config.json"),
        (lambda folder: (folder / "preprocessor_config.json").write_text("{}"), "'resample' is None"),
        (lambda folder: write_config(folder, model_type=None), "has the model_type None; known are dinov2"),
        (lambda folder: write_config(folder, patch_size=[14, 16]), r"its patches are \[14, 16\]"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no weights"),
    ],
)
def test_a_folder_that_cannot_be_read_is_refused_before_anything_runs(folder, spoil, named):
    spoil(folder)
    config = named_by_folder(folder)
    with pytest.raises(ValueError, match=rf"model 'dino', {folder}: .*{named}"):
        check_models(config, "nowhere")


def write_config(folder, **changes):
    (folder / "config.json").write_text(json.dumps(DINO | changes))


def named_by_folder(folder):
    return named(dino={"source": {"folder": str(folder)}})


def test_a_processor_of_today_says_how_images_are_prepared(folder):
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": PREPROCESSING}))
    check_models(named_by_folder(folder), "nowhere")


def test_sides_may_be_written_as_pairs(folder):
    write_config(folder, image_size=[224, 224], patch_size=[14, 14])
    check_models(named_by_folder(folder), "nowhere")
    assert {layer.grid for layer in load_backbone("dinov2").list_layers(DINO | {"image_size": [224, 224]})} == {16}


def test_a_folder_of_timm_is_told_as_such(folder):
    (folder / "config.json").write_text('{"architecture": "vit_base_patch16_224", "pretrained_cfg": {}}')
    with pytest.raises(ValueError, match=rf"model 'dino', {folder}: it is laid out as timm does"):
        named_by_folder(folder)


def test_the_latents_of_a_model_whose_network_is_unknown_are_read(folder):
    (folder / "config.json").write_text('{"_class_name": "Lumina2Transformer2DModel"}')
    config = named(latents={"source": {"folder": str(folder)}, "family": "vae"})
    assert config["models"]["latents"]["family"] == "vae"


def test_other_files_beside_an_encoder_change_nothing(folder):
    config = named_by_folder(folder)
    sources = ModelSources(config, {"models": {}, "files": {}}, "nowhere", SCRIPTS)
    before = sources.find_part("dino", "encoder")
    (folder / "trainer_state.json").write_text("{}")
    (folder / "README.txt").write_text("mine")
    assert sources.find_part("dino", "encoder") == before
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING | {"resample": 2}))
    _digest.cache_clear()  # as in the next run
    assert sources.find_part("dino", "encoder") != before
