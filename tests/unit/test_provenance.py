"""The page of provenance names what can be found by hand."""

import hashlib
import json
import platform
from importlib.metadata import version

import pandas as pd
import pytest
import yaml
from semlens import provenance, shards

SHARED = ["cat", "ewe & ram"]
SETTINGS = {"seed": 3, "datasets": {"a": {"classes": SHARED}, "b": {"classes": SHARED, "images": 2}}}


@pytest.fixture
def described(tmp_path):
    """A page of two shards of latents, three of manifests, a model in a folder and a file of another."""
    latents = [tmp_path / f"{place}.h5" for place in range(2)]
    for path in latents:
        with shards.create(path, {}):
            pass
    manifests = []
    for place, (dataset, images) in enumerate([("a", ["x", "x", "y"]), ("a", ["z"]), ("b", ["x"])]):
        manifests.append(tmp_path / f"{place}.parquet")
        rows = pd.DataFrame({"dataset": dataset, "image_id": images, "rle": f"mask {place}"})
        rows.to_parquet(manifests[-1])
    folder, file = tmp_path / "unet", tmp_path / "vae" / "vae.safetensors"
    for path in (folder / "part" / "weights", folder / "config.json", file):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode() * 3)
    provenance.describe(
        latents=latents,
        manifests=manifests,
        models=[folder, file],
        settings=SETTINGS,
        html=tmp_path / "p.html",
        json_=tmp_path / "p.json",
    )
    return tmp_path


def test_software_is_that_of_here_and_that_which_shards_record(described):
    software = pd.DataFrame(json.loads((described / "p.json").read_text())["software"]).set_index("package")
    assert software.loc["Python", "version"] == platform.python_version()
    assert software.loc["numpy", "version"] == version("numpy")
    assert list(software.loc["torch"]) == [version("torch"), "2 shards of latents"]


def test_versions_that_differ_between_shards_are_all_named(described):
    with shards.h5py.File(described / "1.h5", "a") as shard:
        shard.attrs["version_torch"] = "1.13"
    found = list(provenance._software([described / "0.h5", described / "1.h5"]))
    torch = [(row["version"], row["where"]) for row in found if row["package"] == "torch"]
    assert torch == [("1.13", "1 shards of latents"), (version("torch"), "1 shards of latents")]


def test_datasets_are_counted_over_their_shards(described):
    datasets = json.loads((described / "p.json").read_text())["datasets"]
    assert [(row["dataset"], row["images"], row["instances"]) for row in datasets] == [("a", 3, 4), ("b", 1, 1)]
    alone = "dataset,image_id,rle\nb,x,mask 2\n"
    assert datasets[1]["sha256"] == hashlib.sha256(alone.encode()).hexdigest()


def test_every_file_of_a_model_has_its_hash(described):
    models = json.loads((described / "p.json").read_text())["models"]
    names = [row["file"].removeprefix(f"{described}/") for row in models]
    assert names == ["unet/config.json", "unet/part/weights", "vae/vae.safetensors"]
    for row in models:
        content = row["file"].rsplit("/")[-1].encode() * 3
        assert (row["bytes"], row["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_the_configuration_can_be_read_back(described):
    page = (described / "p.html").read_text()
    written = page.split("<pre>")[1].split("</pre>")[0].replace("&amp;", "&")
    assert yaml.safe_load(written) == SETTINGS == json.loads((described / "p.json").read_text())["configuration"]
    assert "&id0" not in written and "ewe &amp; ram" in page
