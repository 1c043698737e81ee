"""Print what a configuration will cost before it runs: jobs and disk per stage, and hours on GPUs, as Markdown.

    python benchmarks/plan.py config/paper.yaml
    python benchmarks/plan.py config/paper.yaml --gpus 4 --rates results/pilot

Jobs are counted by a forced dry run. Disk follows from the configuration, the registry and the layers of the published
networks. How many objects an image shows is an assumption (--objects): 2.25 in a sample of 60 images of COCO
and 1.9 in one of 24 of VOC, of VOC's classes and over 1 % of the image. Of a configuration with multiverses, further
columns say what these need beyond the rest.

Hours are those of jobs that encode images or extract features. They follow from a pilot, a finished run of few images
on the GPU in question: --rates names its folder of results, with provenance.json, benchmarks/ and logs/. A job takes
seconds to start, until its log says that it begins to read, and then as many for each pass: a sample that is encoded,
or read at one timestep. Both are means over the pilot's jobs of one kind: same rule, network, size, layers, arithmetic.
A row is "not measured" if the pilot has no such job.

A row is dealt to the GPUs by itself, the longest job first; the last row has all jobs. Each GPU is taken to be as fast
as in the pilot. What a GPU does once, at its first pass, counts as passes: of very few images, hours are too many.
Queues, downloads and other jobs are not counted.
"""

import argparse
import re
import subprocess
import sys
from itertools import chain, product
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from hours import Pilot, tabulate

from semlens.compare.metrics import list_metrics
from semlens.config.load import load_configuration
from semlens.config.plan import get_max_pairs, keeps_maps, list_shards, list_splits
from semlens.config.readings import find_maps, list_layer_sets
from semlens.extract.tokens import MAX_CELLS, MAX_IMAGES
from semlens.images.views import load_view
from semlens.models.backbones import load_backbone
from semlens.models.layers import Layer, expand_layers
from semlens.models.parts import locate_part
from semlens.runtime.registry import list_archives, list_files, list_model_files

SD15 = {
    "sample_size": 64,
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}
SDXL = {
    "sample_size": 128,
    "block_out_channels": [320, 640, 1280],
    "layers_per_block": 2,
    "down_block_types": ["DownBlock2D"] + ["CrossAttnDownBlock2D"] * 2,
    "up_block_types": ["CrossAttnUpBlock2D"] * 2 + ["UpBlock2D"],
}
BASE = {"num_hidden_layers": 12, "hidden_size": 768, "image_size": 224, "patch_size": 16}
BUILT = {  # configurations of what is read, by family, as far as layers follow from them
    "pixart": {"num_layers": 28, "num_attention_heads": 16, "attention_head_dim": 72, "sample_size": 128}
    | {"patch_size": 2, "in_channels": 4},
    "flux": {"num_layers": 19, "num_single_layers": 38, "num_attention_heads": 24, "attention_head_dim": 128}
    | {"in_channels": 64},
    "dinov2": BASE | {"patch_size": 14},
    **dict.fromkeys(("clip", "vit"), BASE),
    **{key: {} for key in ("rgb", "position")},
}
STORED = {"float32": 4, "bfloat16": 4, "float16": 2}
INSTANCE = 200  # bytes with its mask, in an index or a manifest
COCO = {"train2017": 860_001, "val2017": 36_781}  # instances; other datasets have few that are not studied
PAIR = 12  # bytes of two instances and the distance; labels take next to nothing
RULES = {  # by stage, a file of workflow/rules each
    path.stem: re.findall(r"^rule (\w+):", path.read_text(), re.MULTILINE)
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
}
STAGES = {
    name: RULES[name]
    for name in (
        *("fetch", "select", "encode", "extract", "pool", "compare", "statistics"),
        *("multiverse", "agree", "search", "propagate", "draw", "report"),
    )
}


def jobs(config: Path) -> dict[str, int]:
    """Jobs by rule, whatever is there already."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--quiet", "rules", "--configfile", config]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)}


def disk(config: dict, registry: dict, objects: float) -> dict[str, float]:
    """Bytes by stage."""
    extractions, datasets = config["extractions"], config["datasets"]

    def samples(views: str, dataset: str) -> float:
        images = datasets[dataset]["images"]
        return sum(images * (objects if load_view(view).per_instance else 1) for view in config["views"][views])

    latents = {  # a control shares those of its twin
        (str(config["models"][model]["source"]), config["models"][model]["resize"], dataset, c["views"]): size_latent(
            config["models"][model]
        )
        for c in extractions.values()
        for model in c["models"]
        for dataset in c["datasets"]
    }
    kept = {"extract": 0.0, "pool": 0.0}
    for name, extraction in extractions.items():
        for model, dataset in product(extraction["models"], extraction["datasets"]):
            layers = list_layers(config["models"][model])
            wanted = {layer for layer_set in extraction["layers"] for layer in expand_layers(layer_set, layers)}
            passes = len(extraction["timesteps"])
            if keeps_maps(extraction) and find_maps(config, name) == name:
                stored = 2 if extraction["keep"] == "half_maps" else STORED[config["dtype"]]
                values = sum(layers[layer].channels * layers[layer].grid ** 2 for layer in wanted)
                kept["extract"] += samples(extraction["views"], dataset) * passes * values * stored
            if find_maps(config, name) == name and "identity" in config["views"][extraction["views"]]:
                sampled = len(list_shards(config, dataset)) * passes * MAX_IMAGES * MAX_CELLS
                kept["extract"] += sampled * sum(layers[layer].channels for layer in wanted) * 4
            columns = {
                (layer, max(layers[other].grid for other in held))
                for held in (expand_layers(layer_set, layers) for layer_set in list_layer_sets(config, name, dataset))
                for layer in held
            }
            width = sum(layers[layer].channels for layer, _ in columns)
            shown = datasets[dataset]["images"] * objects * len(config["views"][extraction["views"]])
            kept["pool" if keeps_maps(extraction) else "extract"] += shown * passes * width * 4
    pairs = sum(
        len(extractions[experiment["extractions"][0]]["models"])
        * len(experiment["conditions"])
        * min((datasets[dataset]["images"] * objects) ** 2 / 2, len(experiment["sets"]) * get_max_pairs(config, name))
        for name, experiment in config["experiments"].items()
        for dataset in experiment["datasets"]
        if experiment["axis"] != "offset"
    )
    whole = [entry for entry in datasets.values() if "demo" not in entry["source"]]
    annotated = sum(COCO.get(split, 0) for entry in whole for split in list_splits(entry))
    studied = sum(entry["images"] * objects for entry in datasets.values())
    return {
        "fetch": fetched(config, registry),
        "select": (annotated + 2 * studied) * INSTANCE,
        "encode": sum(samples(views, dataset) * size for (*_, dataset, views), size in latents.items()),
        **kept,
        "compare": pairs * PAIR,
    }


def find_built(model: dict) -> dict:
    """The configuration of a model's network."""
    return (SDXL if model["size"] == 1024 else SD15) if model["family"] == "unet" else BUILT[model["family"]]


def list_layers(model: dict) -> dict[str, Layer]:
    """A model's layers by name."""
    return {layer.name: layer for layer in load_backbone(model["family"]).list_layers(find_built(model), model["size"])}


def size_latent(model: dict) -> int:
    """Bytes of the mean and log variance of a latent, float32; 0 for what reads images itself."""
    family = load_backbone(model["family"])
    if family.READS == "images" or model["family"] == "vae":  # which shares those of the model whose they are
        return 0
    return 2 * family.count_channels(find_built(model)) * (model["size"] // family.REDUCTION) ** 2 * 4


def fetched(config: dict, registry: dict) -> int:
    """Bytes of all that the registry has, archives twice, as they are unpacked; not what comes from a hub."""
    sizes = {path: entry["bytes"] for path, entry in list_files(registry).items()}
    wanted = []
    for dataset in config["datasets"].values():
        if "download" in dataset["source"]:
            wanted += 2 * list_archives(registry, dataset["source"]["download"])
    parts = {
        path
        for model in config["models"].values()
        for part in (load_backbone(model["family"]).PARTS if "download" in model["source"] else ())
        for path in list_model_files(registry, model["source"]["download"], locate_part(part))
    }
    return sum(sizes[path] for path in [*wanted, *parts])


class Plan(NamedTuple):
    """What a configuration needs: jobs by rule, and bytes by stage."""

    content: dict
    jobs: dict[str, int]
    bytes: dict[str, float]


def plan(config: Path, objects: float) -> Plan:
    """What a configuration needs."""
    content = yaml.safe_load(config.read_text())
    registry = load_configuration(content, ROOT, list_metrics(), [str(config)])
    return Plan(content, jobs(config), disk(content, registry, objects))


def plan_without_multiverses(config: Path, objects: float) -> Plan | None:
    """The same without its multiverses, if it has any."""
    content = yaml.safe_load(config.read_text())
    seeded = [entry.pop("seeds") for entry in content["experiments"].values() if "seeds" in entry]
    if not content.pop("multiverses", None) and not seeded:
        return None
    with NamedTemporaryFile("w", dir=config.parent, prefix=".plan", suffix=".yaml") as file:  # paths are relative to it
        yaml.safe_dump(content, file)
        file.flush()
        return plan(Path(file.name), objects)


def table(whole: Plan, without: Plan | None) -> str:
    """Jobs and disk as Markdown; and which of these multiverses need."""
    names = ("jobs", "disk, GB", *(("jobs for multiverses", "disk for them, GB") if without else ()))
    lines = [f"| stage | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for stage in (*STAGES, "all"):
        cells = []
        for one, other in ((whole, None), (whole, without)) if without else ((whole, None),):
            number, size = (
                of_one - of_other for of_one, of_other in zip(_sum(one, stage), _sum(other, stage), strict=True)
            )
            cells += [number, "under 0.1" if size < 5e7 else f"{size / 1e9:.{0 if stage == 'all' else 1}f}"]
        lines.append(f"| {stage} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _sum(one: Plan | None, stage: str) -> tuple[int, float]:
    """Jobs and bytes of a stage, or of all."""
    if one is None:
        return 0, 0.0
    rules = chain(*STAGES.values()) if stage == "all" else STAGES[stage]
    size = sum(one.bytes.values()) if stage == "all" else one.bytes.get(stage, 0.0)
    return sum(one.jobs.get(rule, 0) for rule in rules), size


def main(config: Path, objects: float, pilot: Pilot | None, gpus: int) -> None:
    whole, without = plan(config, objects), plan_without_multiverses(config, objects)
    print(table(whole, without))
    for title, one in (("Hours", whole), ("Hours without multiverses", without)):
        if pilot and one:
            print(f"\n{title} by the rates of {pilot.results}, measured on {', '.join(pilot.devices)}:\n")
            print(tabulate(one.content, pilot, gpus, objects))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="such as config/paper.yaml")
    parser.add_argument("--objects", type=float, default=2.2, help="objects that an image shows, on average")
    parser.add_argument("--rates", type=Path, metavar="RESULTS", help="the pilot's folder of results")
    parser.add_argument("--gpus", type=int, help="GPUs that share the jobs; 1 without it")
    arguments = parser.parse_args()
    if arguments.gpus and not arguments.rates:
        parser.error("hours need --rates: seconds are measured, not assumed")
    try:
        rates = arguments.rates and Pilot(arguments.rates)
    except FileNotFoundError as error:
        parser.error(f"{arguments.rates} is no finished run: there is no {error.filename}")
    main(arguments.config.resolve(), arguments.objects, rates, arguments.gpus or 1)
