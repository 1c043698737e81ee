"""What several tests of the library need."""

import json
import shutil

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """The demo's model: Stable Diffusion's folders and grids (64 to 8) for 512 x 512 pictures, random weights."""
    import torch
    from semlens import tiny

    torch.set_num_threads(1)  # networks this small gain nothing from threads, and lose where other tests compete
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny.write(folder, seed=0)
    return folder


@pytest.fixture(scope="session")
def small_model(tiny_model):
    """The same weights for 128 x 128 pictures: grids 16 to 2, and passes of milliseconds."""
    folder = tiny_model.with_name("small")
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps({**config, "sample_size": 16}))
    return folder
