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
    """A page of three shards of prototypes and of manifests; the weights of the second shard were others."""
    prototypes = [tmp_path / f"plain/tiny/{dataset}/{shard}.prototypes" for shard, dataset in enumerate("aab")]
    for path, torch in zip(prototypes, ["2.13.0", "1.13", "2.13.0"], strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        made = {"date": f"2026-01-0{torch[0]}", "device": "cpu", "commit": "abc", "torch": torch, "h5py": "3"}
        extract = made | {"parts": {"network": {"weights": f"hash {torch}"}}}
        encode = made | {
            "parts": {"vae": {"weights": "hash"}},
            "origins": {"vae": "lab/tiny@0123"},
            "images": f"pixels {path.stem}",
        }
        metadata = {ENVIRONMENT: json.dumps({"encode": encode, "extract": extract})}
        parquet.write_table(arrow.table({"x": [1]}).replace_schema_metadata(metadata), path)
    manifests = []
    for place, (dataset, images) in enumerate([("a", ["x", "x", "y"]), ("a", ["z"]), ("b", ["x"])]):
        manifests.append(tmp_path / f"{place}.parquet")
        rows = pd.DataFrame({"dataset": dataset, "image_id": images, "rle": f"mask {place}", "class_name": "dog"})
        rows.to_parquet(manifests[-1])
    describe_run(
        prototypes=prototypes,
        manifests=manifests,
        folders={"a": "data/a", "b": "data/b"},
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
    assert [stage for stage in stages if stage["stage"] == "extract"] == [
        {**common, "first": "2026-01-02", "last": "2026-01-02", "shards": 2, "versions": "torch 2.13.0, h5py 3"},
        {**common, "first": "2026-01-01", "last": "2026-01-01", "shards": 1, "versions": "torch 1.13, h5py 3"},
    ]


def test_datasets_are_counted_over_their_shards(described):
    datasets = json.loads((described / "p.json").read_text())["datasets"]
    assert [(row["dataset"], row["images"], row["instances"]) for row in datasets] == [("a", 3, 4), ("b", 1, 1)]
    alone = "dataset,image_id,rle,class_name\nb,x,mask 2,dog\n"
    assert datasets[1]["instances_sha256"] == hashlib.sha256(alone.encode()).hexdigest()


def test_files_of_models_have_the_hashes_that_they_had_when_they_were_read(described):
    """Weights that were replaced between two shards are both named."""
    models = json.loads((described / "p.json").read_text())["models"]
    assert [tuple(row.values()) for row in models] == [
        ("tiny", "network/weights", "hash 1.13", "", 1),
        ("tiny", "network/weights", "hash 2.13.0", "", 2),
        ("tiny", "vae/weights", "hash", "lab/tiny@0123", 3),
    ]


def test_the_hash_of_a_datasets_pixels_is_that_of_all_its_shards(described):
    datasets = json.loads((described / "p.json").read_text())["datasets"]
    assert [row["absent_classes"] for row in datasets] == ["cat, ewe & ram"] * 2
    assert [row["folder"] for row in datasets] == ["data/a", "data/b"]
    assert datasets[0]["pixels_sha256"] == hashlib.sha256(b"pixels 0pixels 1").hexdigest()


def test_the_configuration_can_be_read_back(described):
    page = (described / "p.html").read_text()
    written = page.split("<pre tabindex='0'>")[1].split("</pre>")[0].replace("&amp;", "&")
    assert yaml.safe_load(written) == SETTINGS == json.loads((described / "p.json").read_text())["configuration"]
    assert "&id0" not in written and "ewe &amp; ram" in page
