"""Which files a model's part is made of, and what its folder is called."""

import pytest

from semlens.config.model_sources import ModelSources

PLAIN, HALF = "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"


def sources(**models):
    entries = {
        name: {"weights": "pretrained", "size": 512, "resize": "stretch", "family": "unet"} | entry
        for name, entry in models.items()
    }
    return ModelSources({"models": entries, "seed": 0}, {"models": {}, "files": {}}, "nowhere", "nowhere")


@pytest.fixture
def folder(tmp_path):
    unet = tmp_path / "model" / "unet"
    unet.mkdir(parents=True)
    for name in ("config.json", PLAIN, HALF):
        (unet / name).write_text(name)
    return unet.parent


@pytest.mark.parametrize(("variant", "read"), [({}, PLAIN), ({"variant": "fp16"}, HALF)])
def test_a_users_variant_is_linked_under_the_plain_name(folder, variant, read):
    files = sources(tiny={"source": {"folder": str(folder), **variant}}).list_part_files("tiny", "unet")
    assert files == {"config.json": str(folder / "unet" / "config.json"), PLAIN: str(folder / "unet" / read)}


def test_another_variant_is_another_folder(folder):
    both = sources(
        plain={"source": {"folder": str(folder)}}, half={"source": {"folder": str(folder), "variant": "fp16"}}
    )
    keys = [both.find_part(model, "unet").rpartition("-")[2] for model in ("plain", "half")]
    assert keys[0] != keys[1]


def test_another_revision_is_another_folder():
    places = [
        sources(tiny={"source": {"hub": "lab/tiny", "revision": revision}}).find_part("tiny", "vae")
        for revision in ("v1", "v2")
    ]
    assert len(set(places)) == 2
    assert all(place.startswith("<resources>/hub/tiny/vae-") for place in places)


def test_a_control_of_the_hub_shares_all_but_the_network():
    both = sources(tiny={"source": {"hub": "lab/tiny"}}, control={"source": {"hub": "lab/tiny"}, "weights": "random"})
    assert both.find_part("control", "vae") == both.find_part("tiny", "vae")
    assert both.list_network_settings("control") == [both.find_part("tiny", "unet")]
    assert not both.needs_weights("control", "unet")
