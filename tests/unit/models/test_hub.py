"""What is downloaded from a hub: one commit, the files that are read, and nothing before the model is accepted.

Each download is a process of its own, as in the workflow: huggingface_hub reads its settings as it is imported.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub import Hub

pytestmark = pytest.mark.slow  # a process a test

FETCH = """
import json, sys
from functools import partial
from semlens.models.hub import fetch_part
from semlens.models.requirements import check_part

asked = json.loads(sys.argv[1])
repository, part, size = asked.pop("repository"), asked.pop("part"), asked.pop("size")
check = partial(check_part, part, family="unet", size=size)
try:
    commit, files = fetch_part(repository, part, check=check, **asked)
    print(json.dumps([commit, {name: str(file) for name, file in files.items()}]))
except (ValueError, ConnectionError) as error:
    print(json.dumps(f"{type(error).__name__}: {error}"))
"""
UNET = ("unet/config.json", "unet/diffusion_pytorch_model.safetensors")


@pytest.fixture
def hub(tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"half as long")
    (folder / "unet" / "notes.md").write_text("read me")
    with Hub({"lab/tiny": folder}) as hub:
        yield hub


@pytest.fixture
def fetch(hub, tmp_path):
    """Fetch a part; gives commit and files, or the error."""

    def run(part="unet", repository="lab/tiny", size=512, offline=False, **asked):
        asked = {"revision": None, "variant": None, "with_weights": True, "is_required": "_2" not in part, **asked}
        environment = os.environ | {
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(tmp_path / "cache"),
            "HF_HUB_OFFLINE": str(int(offline)),
            "HF_HUB_DISABLE_XET": "1",
            "PYTHONPATH": str(Path(__file__).parents[3] / "workflow" / "scripts"),
        }
        asked = json.dumps({"repository": repository, "part": part, "size": size, **asked})
        done = subprocess.run([sys.executable, "-c", FETCH, asked], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        if isinstance(result, str):
            return SimpleNamespace(error=result)
        return SimpleNamespace(commit=result[0], files={name: Path(file) for name, file in result[1].items()})

    return run


def downloaded(hub):
    """The files whose bytes were asked for."""
    return [path.split("/", 4)[-1] for method, path in hub.asked if method == "GET" and "/resolve/" in path]


def test_the_files_that_are_read_come_at_the_branchs_commit(hub, fetch):
    fetched = fetch()
    assert fetched.commit == hub.find_commit("lab/tiny")
    assert tuple(downloaded(hub)) == UNET  # no pickle, no other variant, no notes; the configuration first
    for name, file in fetched.files.items():
        assert file.read_bytes() == (hub.models["lab/tiny"] / "unet" / name).read_bytes()


def test_what_the_cache_has_is_not_downloaded_again(hub, fetch):
    fetch()
    hub.asked.clear()
    assert fetch().files.keys() == {Path(path).name for path in UNET}
    assert downloaded(hub) == []


def test_weights_of_a_variant_have_the_plain_name(hub, fetch):
    file = fetch(variant="fp16").files["diffusion_pytorch_model.safetensors"]
    assert file.read_bytes() == b"half as long"


def test_a_part_without_that_variant_is_read_as_it_is(fetch):
    assert fetch("vae", variant="fp16").files["diffusion_pytorch_model.safetensors"].stat().st_size > 1000


def test_a_control_needs_no_weights(hub, fetch):
    fetch(with_weights=False)
    assert downloaded(hub) == ["unet/config.json"]


def test_offline_the_cache_is_enough(hub, fetch):
    commit = fetch().commit
    hub.asked.clear()
    offline = fetch(offline=True)
    assert offline.commit == commit
    assert offline.files["config.json"].read_bytes() == (hub.models["lab/tiny"] / "unet/config.json").read_bytes()
    assert hub.asked == []


def test_a_hub_that_is_down_is_as_good_as_offline(hub, fetch):
    commit = fetch().commit
    hub.shutdown()
    hub.server_close()
    assert fetch().commit == commit


def test_offline_without_a_cache_says_the_way_out(fetch):
    error = fetch(offline=True).error
    assert error.startswith("ConnectionError: the hub cannot be reached")
    assert "lab/tiny at main; run snakemake --cores 1 fetch where there is a network, with the same HF_HOME" in error


def test_offline_with_another_part_alone_says_what_is_missing(fetch):
    fetch("vae")
    assert "the unet of lab/tiny at main in the cache (the hub cannot be asked: " in fetch(offline=True).error


def test_a_model_that_is_not_there_is_named(fetch):
    error = fetch(repository="lab/other").error
    assert error.startswith("ValueError: the hub has no lab/other at main, or does not show it to you")


def test_a_revision_that_is_not_there_is_named(fetch):
    assert "the hub has no lab/tiny at v9" in fetch(revision="v9").error


def test_a_gated_model_names_licence_and_token(hub, fetch):
    hub.gated.add("lab/tiny")
    assert "its licence: accept it on its page, and set HF_TOKEN" in fetch().error


def test_a_second_encoder_may_be_absent(fetch):
    assert fetch("text_encoder_2").files == {}


def test_a_part_that_a_model_must_have_may_not(hub, fetch):
    shutil.rmtree(hub.models["lab/tiny"] / "scheduler")
    assert (
        "the scheduler of lab/tiny at main cannot be read: it has no scheduler_config.json" in fetch("scheduler").error
    )


@pytest.mark.parametrize(
    ("part", "changes", "named"),
    [
        ("unet", {"in_channels": 9}, "it wants more than latents"),
        ("vae", {"block_out_channels": [8, 8]}, "one latent of 2 pixels"),
    ],
)
def test_a_model_of_another_kind_costs_a_configuration_and_no_weights(hub, fetch, part, changes, named):
    file = hub.models["lab/tiny"] / part / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    assert named in fetch(part).error
    assert downloaded(hub) == [f"{part}/config.json"]


def test_images_of_another_size_are_refused_before_the_weights(hub, fetch):
    assert "its U-Net reads images of 512; set 'size: 512'" in fetch(size=256).error
    assert downloaded(hub) == ["unet/config.json"]


def test_pickles_alone_are_refused(hub, fetch):
    for file in (hub.models["lab/tiny"] / "unet").glob("*.safetensors"):
        file.unlink()
    assert "its weights are a pickle (diffusion_pytorch_model.bin)" in fetch().error
    assert downloaded(hub) == []
