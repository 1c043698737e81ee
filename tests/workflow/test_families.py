"""Networks of several families over the same objects: a transformer that denoises, an encoder, and place alone."""

import json

import pandas as pd
import pytest
import tiny_encoders
import tiny_transformers
import yaml
from hub import Hub
from repository import ROOT, SMALL, Repository, copied, execute, plan

ORDER = ["scsi", "scdi", "dcsi", "dcdi"]
LAYERS = ["block00", "block01.attn_in", "block02"]


def make_config(pixart):
    """Two transformers and a control, of which one reads latents, and a baseline."""
    vit = {"source": {"hub": "lab/vit"}, "family": "vit", "size": 128}
    asked = {"axis": "layers", "sets": ORDER, "expected_order": ORDER, "datasets": ["coco"]}
    held = {"datasets": ["coco"], "keep": "prototypes"}
    return {key: SMALL[key] for key in ("permutations", "device", "threads")} | {
        "models": {
            "pixart": {"source": {"folder": str(pixart)}},
            "vit": vit,
            "vit-1": {**vit, "weights": "random", "seed": 1},
            "position": {"source": {"baseline": "position"}},
        },
        "datasets": {"coco": {**SMALL["datasets"]["coco"], "images": 16}},
        "extractions": {
            "transformers": {"models": ["pixart", "vit", "vit-1"], "layers": LAYERS, **held},
            "baselines": {"models": ["position"], "layers": ["baseline"], **held},
        },
        "experiments": {
            "transformers": {"extractions": ["transformers"], "conditions": LAYERS, **asked},
            "baselines": {"extractions": ["baselines"], "conditions": ["baseline"], **asked},
        },
    }


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A run up to the findings, its models from a folder and from a hub."""
    home = tmp_path_factory.mktemp("families")
    tiny_transformers.write(home / "pixart", "pixart", seed=1)
    tiny_encoders.write(home / "vit", "vit", seed=1)
    (home / "config.yaml").write_text(yaml.safe_dump(make_config(home / "pixart")))
    repo = Repository(copied(home / "repository"), home / "config.yaml")
    with Hub({"lab/vit": home / "vit"}) as hub, pytest.MonkeyPatch.context() as patch:
        hidden = {"HF_HOME": home / "cache", "HF_HUB_OFFLINE": 0, "HF_HUB_DISABLE_XET": 1, "HF_ENDPOINT": hub.address}
        for name, value in hidden.items():
            patch.setenv(name, str(value))
        execute(repo, "results/models.csv", "results/provenance.json", "results/tokens/baselines/position/coco.csv")
        yield repo, hub


@pytest.mark.slow
def test_only_what_denoises_has_latents_and_texts(mixed):
    repo, _ = mixed
    for stage in ("latents", "prompts", "noise"):
        assert {path.name.removesuffix(".csv") for path in repo.path("results", stage).iterdir()} == {"pixart"}


@pytest.mark.slow
def test_models_of_all_families_stand_side_by_side_without_controls(mixed):
    repo, _ = mixed
    models = pd.read_csv(repo.path("results", "models.csv")).query("comparison == 'between'")
    assert set(models["model"]) == {"pixart", "vit", "position"}
    assert models["separation"].is_monotonic_decreasing
    assert models.set_index("model")["condition"]["position"] == "baseline"
    assert models["behind"].iloc[0] == 0 and (models["behind"].iloc[1:] <= 0).all()
    findings = pd.read_csv(repo.path("results", "findings.csv")).query("comparison == 'between'").set_index("model")
    assert findings["control_model"]["vit"] == "vit-1"
    assert findings["conditions"]["position"] == "baseline"
    assert findings["conditions"]["vit"] == ", ".join(LAYERS)


@pytest.mark.slow
def test_a_model_that_holds_place_alone_is_found_out(mixed):
    repo, _ = mixed
    found = pd.read_csv(repo.path("results", "statistics", "baselines", "position", "coco.artefacts.csv"))
    assert found["place_r2"].item() > 0.9  # of the box, where the baseline says the centroid
    tokens = pd.read_csv(repo.path("results", "tokens", "baselines", "position", "coco.csv"))
    assert tokens["position_r2"].item() > 0.99


@pytest.mark.slow
def test_what_was_read_is_in_provenance(mixed):
    repo, hub = mixed
    run = json.loads(repo.path("results", "provenance.json").read_text())
    files = {(entry["model"], entry["file"]): entry["origin"] for entry in run["models"]}
    assert files["vit", "network/model.safetensors"] == f"lab/vit@{hub.find_commit('lab/vit')}"
    assert ("pixart", "tokenizer/tokenizer.json") in files and ("vit-1", "network/config.json") in files
    assert not any(model == "position" for model, _ in files)
    assert any("images bicubic, minus" in stage["versions"] for stage in run["stages"])


@pytest.mark.slow
def test_nothing_is_left_to_do_and_the_hub_is_not_asked_again(mixed):
    repo, hub = mixed
    hub.asked.clear()
    assert plan(repo, "results/models.csv") == set()
    assert hub.asked == []


@pytest.mark.slow
def test_only_networks_that_read_images_read_them_again(mixed):
    """An image that is turned otherwise concerns latents and encoders, and not what a hub or a text said."""
    repo, _ = mixed
    config = yaml.safe_load(repo.config.read_text())
    config["models"]["vit"]["size"] = config["models"]["vit-1"]["size"] = 64
    other = repo.config.with_name("other.yaml")
    other.write_text(yaml.safe_dump(config))
    repo.path("results", "configuration.json").unlink()
    jobs = plan(repo, "results/prototypes/transformers/vit/coco/00000.parquet", config=other)
    assert {job.rule for job in jobs} == {"download_model_part", "extract_prototypes"}
    assert plan(repo, "results/prototypes/transformers/pixart/coco/00000.parquet", config=other) == set()


def test_the_comparison_of_ten_models_plans_without_data(tmp_path):
    repo = Repository(copied(tmp_path / "repository"), ROOT / "config" / "compare.yaml")
    jobs = plan(repo, "results/compare/models.csv")
    extracted = {job.place.split("/")[1] for job in jobs if job.rule == "extract_prototypes"}
    assert len(extracted) == 10
    encoded = {job.place.split("/")[0] for job in jobs if job.rule == "encode_images"}
    assert encoded == {"sd15", "sd21", "sdxl", "pixart-sigma", "flux-schnell"}
    asked = {job.place.split("/")[0] for job in jobs if job.rule == "download_model_part"}
    assert asked == {"pixart-sigma", "flux-schnell", "dinov2-b", "clip-b", "mae-b"}
