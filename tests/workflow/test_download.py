"""From an empty folder and a server that misbehaves to results: the paper's configuration on what is there."""

import copy
import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import original_layout
import pandas as pd
import pytest
import torch
import yaml
from demo_model import MODEL
from repository import ROOT, Repository, copied, execute, plan, snakemake
from safetensors.torch import load_file, save_file

from demo.layouts import write_coco, write_davis, write_voc

pytestmark = pytest.mark.slow

HOSTS = ("coco.invalid", "voc.invalid", "davis.invalid", "hub.invalid", "diff.invalid")  # that no one has
LISTED = {"coco": 4, "pascal": 3}


def facts(content: bytes) -> dict:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def zipped(folder: Path, *inside: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(file for name in inside for file in (folder / name).rglob("*") if file.is_file()):
            archive.write(path, path.relative_to(folder))
    return content.getvalue()


def tarred(folder: Path, *inside: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in inside:
            archive.add(folder / name, name)
    return content.getvalue()


@pytest.fixture(scope="module")
def origin(tmp_path_factory) -> SimpleNamespace:
    """What hosts would serve, by address, and the registry that says so."""
    folder = tmp_path_factory.mktemp("origin")
    write_coco(folder / "coco", images=8, seed=1, split="train2017")
    write_voc(folder / "voc", images=6, seed=2)
    write_davis(
        folder / "davis", sequences={"crossing": {1: "person", 2: "person"}, "other": {1: "person"}}, images=6, seed=3
    )
    shutil.copytree(MODEL, folder / "model", ignore=shutil.ignore_patterns("*.md", "*.png"))
    train = folder / "coco" / "annotations" / "instances_train2017.json"
    train.with_name("instances_val2017.json").write_text(
        json.dumps({**json.loads(train.read_text()), "images": [], "annotations": []})
    )
    images = sorted((folder / "coco" / "train2017").iterdir())
    names = (folder / "voc/VOCdevkit/VOC2012/ImageSets/Segmentation/trainval.txt").read_text().split()
    rows = [(path.name, "coco") for path in images[::-1][: LISTED["coco"]]]
    rows += [(f"{name}.jpg", "pascal") for name in names[1 : 1 + LISTED["pascal"]]]
    listed = "".join(f"{name},{kind}\n" for name, kind in [("src", "dataset"), *rows, ("crossing", "davis")]).encode()
    archives = {
        "coco-2017-annotations": zipped(folder / "coco", "annotations"),
        "voc-2012-trainval": tarred(folder / "voc", "VOCdevkit"),
        "davis-2017-trainval-480p": zipped(folder / "davis", "DAVIS"),
        "diff-props-list": listed,
    }
    registry = yaml.safe_load((ROOT / "resources" / "registry.yaml").read_text())
    files = {f"/train2017/{path.name}": path.read_bytes() for path in images}
    for name, content in archives.items():
        registry["files"][name] |= {"urls": [f"http://{name.split('-')[0]}.invalid/{name}"], **facts(content)}
        files[f"/{name}"] = content
    registry["datasets"]["coco-2017"]["images"] = ["http://coco.invalid/{split}/{file}"]
    model = registry["models"]["stable-diffusion-v1-5"]
    parts = {str(path.relative_to(folder / "model")): path.read_bytes() for path in (folder / "model").rglob("*.*")}
    model |= {
        "urls": ["http://hub.invalid/{revision}/{path}"],
        "files": {path: facts(content) for path, content in parts.items()},
    }
    files |= {f"/{model['revision']}/{path}": content for path, content in parts.items()}
    return SimpleNamespace(files=files, registry=registry, listed=rows, folder=folder)


def configuration(path: Path, origin: SimpleNamespace, mirrors: dict[str, str]) -> Path:
    """The paper's, on as many images as there are, with one experiment of stills and one of videos."""
    config = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    path.with_name("registry.yaml").write_text(yaml.safe_dump(origin.registry))
    config |= {"registry": str(path.with_name("registry.yaml")), "mirrors": mirrors, "device": "cpu", "threads": 1}
    for name, images in (("coco", LISTED["coco"]), ("voc", LISTED["pascal"]), ("davis", 6)):
        config["datasets"][name]["images"] = images
    config["datasets"]["davis"]["sequences"] = {"crossing": {1: "person", 2: "person"}}
    config["experiments"] = {name: config["experiments"][name] for name in ("single-layer", "video-example")}
    config["experiments"]["single-layer"]["datasets"] = ["coco"]
    config["searches"] = {}
    config["experiments"]["video-example"] |= {"reference": "crossing/00000/1", "conditions": [1, 5]}
    config["extractions"] = {name: config["extractions"][name] for name in ("plain", "video")}
    config["extractions"]["plain"] |= {"layers": ["enc16"], "datasets": ["coco"]}
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def fetched(origin, loopback, tmp_path_factory) -> SimpleNamespace:
    """A repository after `snakemake fetch`, from a server that cut, refused and was busy on the way."""
    folder = tmp_path_factory.mktemp("fetched")
    loopback.files = dict(origin.files)
    loopback.tricks["/voc-2012-trainval"] = ["cut", (429, {"Retry-After": "0"})]
    loopback.tricks["/davis-2017-trainval-480p"] = [503]
    loopback.tricks[f"/train2017/{origin.listed[0][0]}"] = ["cut", 503]
    mirrors = {f"http://{host}/": f"{loopback.address}/" for host in HOSTS}
    repo = Repository(copied(folder / "repository"), configuration(folder / "paper.yaml", origin, mirrors))
    execute(repo, "fetch")
    return SimpleNamespace(repo=repo, requests=list(loopback.requests))


def test_everything_is_fetched_and_nothing_more(fetched, origin):
    asked = {request.path for request in fetched.requests}
    images = {f"/train2017/{name}" for name, kind in origin.listed if kind == "coco"}
    assert {path for path in asked if path.startswith("/train2017/")} == images
    unasked = {path for path in origin.files if path.startswith("/train2017/")} - images
    assert len(unasked) == 4
    beside = {path for path in origin.files if path.count("/") == 2 and path.endswith(".json")}  # the model's parts
    assert {path.split("/")[-1] for path in beside} >= {"model_index.json"}
    assert asked == origin.files.keys() - unasked - beside


def test_a_cut_archive_was_gone_on_with(fetched, origin):
    size = len(origin.files["/voc-2012-trainval"])
    sent = [(request.start, request.sent) for request in fetched.requests if request.path == "/voc-2012-trainval"]
    assert sent[0] == (0, size * 3 // 4)
    start, more = sent[-1]
    assert size // 2 < start <= size * 3 // 4  # what reached a chunk's end was kept
    assert start + more == size


def test_what_is_fetched_is_what_the_origin_has(fetched, origin):
    resources = fetched.repo.path("resources", "paper")
    for name, kind in origin.listed:
        if kind == "coco":
            assert (resources / "images/coco-2017/train2017" / name).read_bytes() == origin.files[f"/train2017/{name}"]
    voc = "VOCdevkit/VOC2012/ImageSets/Segmentation/trainval.txt"
    assert (next(resources.glob("datasets/voc-*")) / voc).read_text() == (origin.folder / "voc" / voc).read_text()
    sequences = {path.name for path in (next(resources.glob("datasets/davis-*")) / "DAVIS/JPEGImages/480p").iterdir()}
    assert sequences == {"crossing"}
    unet = "unet/diffusion_pytorch_model.safetensors"
    found = resources / "downloads" / "stable-diffusion-v1-5" / unet
    assert found.read_bytes() == (origin.folder / "model" / unet).read_bytes()
    assert not [file for file in fetched.repo.files("resources") if "partial" in file]


def test_the_rest_runs_without_a_network(fetched, loopback):
    """As on a cluster, where the login node fetched: not one more request, to a figure and the paper's numbers."""
    before = len(loopback.requests)
    execute(fetched.repo)
    assert len(loopback.requests) == before
    judged = pd.read_csv(fetched.repo.path("results", "paper", "claims.csv"))
    assert set(judged.query("dataset == 'coco'")["reason"]) == {"4 of 1000 images"}
    assert fetched.repo.path("results", "paper", "figures", "video-example.png").stat().st_size > 10_000
    assert plan(fetched.repo) == set()


def test_the_list_decides_which_images_and_in_which_order(fetched, origin):
    manifests = {name: f"results/paper/manifests/{name}/00000.parquet" for name in ("coco", "voc")}
    execute(fetched.repo, *manifests.values())
    for dataset, kind in (("coco", "coco"), ("voc", "pascal")):
        manifest = pd.read_parquet(fetched.repo.path(manifests[dataset]))
        shown = list(dict.fromkeys(Path(file).name for file in manifest["file"]))
        assert shown == [name for name, of in origin.listed if of == kind and name in shown]
        assert len(shown) >= 2


def test_fetching_again_asks_for_nothing(fetched, loopback):
    before = len(loopback.requests)
    assert plan(fetched.repo, "fetch") == set()
    execute(fetched.repo, "fetch")
    assert len(loopback.requests) == before


def test_wrong_content_is_refused_and_named(origin, loopback, tmp_path):
    loopback.files = {**origin.files, "/voc-2012-trainval": b"something else" * 1000}
    repo = Repository(
        copied(tmp_path / "repository"),
        configuration(tmp_path / "paper.yaml", origin, {"http://voc.invalid/": f"{loopback.address}/"}),
    )
    archive = "resources/paper/downloads/VOCtrainval_11-May-2012.tar"
    said = snakemake(repo, archive, "--cores", "1", fails=True)
    expected = facts(origin.files["/voc-2012-trainval"])
    for name in (expected["sha256"], str(expected["bytes"]), "voc-2012-trainval", "SEMLENS_MIRRORS", "registry.yaml"):
        assert name in said
    assert not {file for file in repo.files("resources") if "downloads" in file}


def test_a_mirror_on_disk_takes_a_hosts_place(origin, tmp_path, monkeypatch):
    """By an environment variable, as an administrator would set it."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "diff-props-list").write_bytes(origin.files["/diff-props-list"])
    monkeypatch.setenv("SEMLENS_MIRRORS", f"http://diff.invalid/={mirror.as_uri()}/")
    repo = Repository(copied(tmp_path / "repository"), configuration(tmp_path / "paper.yaml", origin, {}))
    listed = "resources/paper/downloads/images_and_video_list.csv"
    execute(repo, listed)
    assert repo.path(listed).read_bytes() == origin.files["/diff-props-list"]


@pytest.mark.parametrize("whose", ["user's", "registry's"])
def test_a_model_in_one_file_needs_the_small_files_alone(whose, origin, loopback, tmp_path):
    """Its weights are the user's or in one file of the registry; what says how it is built comes from the registry."""
    model = origin.folder / "model"
    weights = original_layout.original(model)
    loopback.files, before = dict(origin.files), len(loopback.requests)
    registry = copy.deepcopy(origin.registry)
    file = {"config": "stable-diffusion-v1-5"}
    if whose == "user's":
        save_file(weights, tmp_path / "one.safetensors")
        file |= {"path": str(tmp_path / "one.safetensors")}
    else:
        torch.save({"state_dict": weights}, pickled := io.BytesIO())
        loopback.files["/sd-v1-4.ckpt"] = pickled.getvalue()
        registry["files"]["stable-diffusion-v1-4"] |= {
            "urls": ["http://hub.invalid/sd-v1-4.ckpt"],
            **facts(pickled.getvalue()),
        }
        file |= {"download": "stable-diffusion-v1-4", "allow_pickle": True}
    mirrors = {"http://hub.invalid/": f"{loopback.address}/"}
    path = configuration(tmp_path / "paper.yaml", SimpleNamespace(registry=registry), mirrors)
    config = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(config | {"models": {"sd15": {"source": {"file": file}}}}))
    repo = Repository(copied(tmp_path / "repository"), path)
    said = execute(repo, "layers", "encode", "extract", "--until", "list_layers", "link_model_part")
    assert "enc16.1 down_blocks.2.attentions.0    16" in said
    asked = {request.path for request in loopback.requests[before:]}
    assert asked and not [path for path in asked if path.endswith(".safetensors")]
    for part, name in (
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
    ):
        (folder,) = repo.path("resources", "paper", "models", "sd15").glob(f"{part}-*")
        found = load_file(folder / f"{name}.safetensors")
        expected = load_file(model / part / f"{name}.safetensors")
        assert found.keys() == expected.keys()
        assert all(found[key].equal(expected[key]) for key in expected)
