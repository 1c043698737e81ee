"""The page of provenance names what can be found by hand."""

import hashlib
import json
import platform
from importlib.metadata import version

import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
import yaml

from semlens.extract.prototypes import ENVIRONMENT
from semlens.report.provenance import describe_run
from semlens.runtime.version import VERSION, find_commit

SHARED = ["cat", "ewe & ram"]
SETTINGS = {"seed": 3, "datasets": {"a": {"classes": SHARED}, "b": {"classes": SHARED, "images": 2}}}


@pytest.fixture
def described(tmp_path):
    """A page of three shards of prototypes and of manifests, of a model in a folder, named twice, and of a file."""
    prototypes = [tmp_path / f"{place}.prototypes" for place in range(3)]
    for path, torch in zip(prototypes, ["2.13.0", "1.13", "2.13.0"], strict=True):
        made = {"date": f"2026-01-0{torch[0]}", "device": "cpu", "commit": "abc", "torch": torch, "h5py": "3"}
        metadata = {ENVIRONMENT: json.dumps({"extract": made})}
        parquet.write_table(arrow.table({"x": [1]}).replace_schema_metadata(metadata), path)
    manifests = []
    for place, (dataset, images) in enumerate([("a", ["x", "x", "y"]), ("a", ["z"]), ("b", ["x"])]):
        manifests.append(tmp_path / f"{place}.parquet")
        rows = pd.DataFrame({"dataset": dataset, "image_id": images, "rle": f"mask {place}"})
        rows.to_parquet(manifests[-1])
    folder, file = tmp_path / "unet", tmp_path / "vae" / "vae.safetensors"
    for path in (folder / "part" / "weights", folder / "config.json", folder / ".snakemake_timestamp", file):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode() * 3)
    describe_run(
        prototypes=prototypes,
        manifests=manifests,
        models=[folder, file, folder],
        settings=SETTINGS,
        tools={"snakemake": "9.27"},
        html=tmp_path / "p.html",
        json_=tmp_path / "p.json",
    )
    return tmp_path


def test_software_is_that_of_the_report(described):
    software = json.loads((described / "p.json").read_text())["software"]
    found = {(row["package"], row["version"]): row["where"] for row in software}
    assert {("Python", platform.python_version()), ("snakemake", "9.27"), ("numpy", version("numpy"))} <= found.keys()
    assert found["semlens", VERSION] == f"commit {find_commit()}"


def test_stages_name_device_dates_commit_and_versions_as_shards_record_them(described):
    """Versions that differ between shards are all named."""
    stages = json.loads((described / "p.json").read_text())["stages"]
    common = {"stage": "extract", "device": "cpu", "commit": "abc"}
    assert stages == [
        {**common, "first": "2026-01-02", "last": "2026-01-02", "shards": 2, "versions": "torch 2.13.0, h5py 3"},
        {**common, "first": "2026-01-01", "last": "2026-01-01", "shards": 1, "versions": "torch 1.13, h5py 3"},
    ]


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
