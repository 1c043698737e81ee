"""Print what a configuration will cost before it runs: jobs and disk per stage, as Markdown.

    python benchmarks/plan.py config/paper.yaml

Jobs are counted by a forced dry run. Disk follows from the configuration, the registry and the layers of Stable
Diffusion 1.5. How many objects an image shows is an assumption (--objects): 2.25 in a sample of 60 images of COCO
and 1.9 in one of 24 of VOC, of VOC's classes and over 1 % of the image.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from semlens.compare.metrics import list_metrics
from semlens.config.load import load_configuration
from semlens.config.plan import list_layer_sets, list_splits
from semlens.images.views import load_view
from semlens.models.backbones import unet
from semlens.models.layers import expand_layers
from semlens.models.parts import PARTS
from semlens.runtime.registry import list_archives, list_files, list_model_files

SD15 = {
    "sample_size": 64,
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}
LAYERS = {layer.name: layer for layer in unet.list_layers(SD15)}
POSTERIOR = 8 * 64 * 64 * 4  # bytes: mean and log variance of four channels, float32
STORED = {"float32": 4, "bfloat16": 4, "float16": 2}
INSTANCE = 200  # bytes with its mask, in an index or a manifest
COCO = {"train2017": 860_001, "val2017": 36_781}  # instances; other datasets have few that are not studied
PAIR = 12  # bytes of two instances and the distance; labels take next to nothing
STAGES = {
    "fetch": (
        *("download_file", "unpack_dataset", "download_images", "convert_checkpoint"),
        *("render_dataset", "link_model_part", "randomize_network"),
    ),
    "index, select": ("index_dataset", "select_images"),
    "encode": ("encode_images", "encode_prompt", "encode_template"),
    "extract": ("extract_features", "extract_prototypes"),
    "pool": ("pool_prototypes",),
    "compare": ("compare_prototypes",),
    "statistics": ("compute_statistics", "compare_classes"),
    "draw": ("draw_experiment", "draw_classes", "draw_example_objects", "draw_track"),
    "report": ("judge_claims", "describe_run", "summarize_findings", "write_report"),
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

    sources = {name: str(entry["source"]) for name, entry in config["models"].items()}  # controls share latents
    latents = {
        (sources[model], dataset, c["views"])
        for c in extractions.values()
        for model in c["models"]
        for dataset in c["datasets"]
    }
    kept = {"extract": 0.0, "pool": 0.0}
    for name, extraction in extractions.items():
        wanted = {layer for layer_set in extraction["layers"] for layer in expand_layers(layer_set, LAYERS)}
        values = sum(LAYERS[layer].channels * LAYERS[layer].grid ** 2 for layer in wanted)
        passes = len(extraction["timesteps"]) * len(extraction["models"])
        for dataset in extraction["datasets"]:
            if extraction["keep"] == "maps":
                kept["extract"] += samples(extraction["views"], dataset) * passes * values * STORED[config["dtype"]]
            sets = list_layer_sets(config, name, dataset)
            columns = {
                (layer, max(LAYERS[other].grid for other in held))
                for held in (expand_layers(layer_set, LAYERS) for layer_set in sets)
                for layer in held
            }
            width = sum(LAYERS[layer].channels for layer, _ in columns)
            shown = datasets[dataset]["images"] * objects * len(config["views"][extraction["views"]])
            kept["pool" if extraction["keep"] == "maps" else "extract"] += shown * passes * width * 4
    pairs = sum(
        len(extractions[experiment["extractions"][0]]["models"])
        * len(experiment["conditions"])
        * (datasets[dataset]["images"] * objects) ** 2
        / 2
        for experiment in config["experiments"].values()
        for dataset in experiment["datasets"]
        if experiment["axis"] != "offset"
    )
    whole = [entry for entry in datasets.values() if "demo" not in entry["source"]]
    annotated = sum(COCO.get(split, 0) for entry in whole for split in list_splits(entry))
    studied = sum(entry["images"] * objects for entry in datasets.values())
    return {
        "fetch": fetched(config, registry),
        "index, select": (annotated + 2 * studied) * INSTANCE,
        "encode": sum(samples(views, dataset) * POSTERIOR for _, dataset, views in latents),
        **kept,
        "compare": pairs * PAIR,
    }


def fetched(config: dict, registry: dict) -> int:
    """Bytes of all that is downloaded, archives twice, as they are unpacked."""
    sizes = {path: entry["bytes"] for path, entry in list_files(registry).items()}
    wanted = []
    for dataset in config["datasets"].values():
        if "download" in dataset["source"]:
            wanted += 2 * list_archives(registry, dataset["source"]["download"])
    for model in config["models"].values():
        for part in PARTS if "download" in model["source"] else ():
            wanted += list_model_files(registry, model["source"]["download"], part)
    return sum(sizes[path] for path in wanted)


def table(config: Path, objects: float) -> str:
    """The plan as Markdown."""
    content = yaml.safe_load(config.read_text())
    registry = load_configuration(content, ROOT, list_metrics())
    counted, bytes_of = jobs(config), disk(content, registry, objects)
    lines = ["| stage | jobs | disk, GB |", "|---|---:|---:|"]
    for stage, rules in STAGES.items():
        number = sum(counted.get(rule, 0) for rule in rules)
        size = bytes_of.get(stage)
        lines.append(f"| {stage} | {number} | {'under 0.1' if size is None or size < 5e7 else f'{size / 1e9:.1f}'} |")
    total = sum(counted.get(rule, 0) for rules in STAGES.values() for rule in rules)
    return "\n".join([*lines, f"| all | {total} | {sum(bytes_of.values()) / 1e9:.0f} |"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="such as config/paper.yaml")
    parser.add_argument("--objects", type=float, default=2.2, help="objects that an image shows, on average")
    arguments = parser.parse_args()
    print(table(arguments.config.resolve(), arguments.objects))
