"""The configuration's cross references: what a schema cannot say, and what follows from it for each job."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

Config = dict[str, Any]


MODEL_PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


PARTS = (*MODEL_PARTS, "tokenizer_2", "text_encoder_2")  # SDXL has the last two


AXES = {"metric", "layers", "timestep", "view", "offset"}


def list_conditions(experiment: Config) -> list[Config]:
    """Return the conditions of an experiment, each with all that defines it and its ``name``."""
    common = {axis: experiment.get(axis) for axis in sorted(AXES)}
    return [{**common, experiment["axis"]: value, "name": str(value)} for value in experiment["conditions"]]


def list_distinct_inputs(experiment: Config) -> list[Config]:
    """Return what the model sees and says under the conditions: each view, timestep and feature set once, named."""
    different: dict[tuple, Config] = {}
    for condition in list_conditions(experiment):
        look = {key: condition[key] for key in ("view", "timestep", "layers")}
        name = condition["layers"] if experiment["axis"] in ("metric", "offset") else condition["name"]
        different.setdefault(tuple(look.values()), {**look, "name": name})
    return list(different.values())


def is_template(prompt: str) -> bool:
    """Return whether a prompt names the classes that a sample shows, so that each sample has its own text."""
    return "{classes}" in prompt


def tracks_instance(experiment: Config) -> bool:
    """Return whether an experiment is about one instance, followed through its video."""
    return experiment["reference"] not in ("all", "first")


def compares_classes(experiment: Config) -> bool:
    """Return whether an experiment asks how far apart classes lie: where features vary, and frames do not matter."""
    return experiment["axis"] == "layers" and experiment.get("offset") is None


def list_report_parts(config: Config) -> list[tuple[str, str, str]]:
    """Return (experiment, kind, file) of every figure and table of the report, in its order."""
    found = []
    for name, entry in config["experiments"].items():
        files = {"figure": f"figures/{name}.png"}
        if tracks_instance(entry):
            files["track"] = f"tables/{name}.html"
        else:
            files |= {kind: f"tables/{name}.{kind}.html" for kind in ("sets", "tests")}
            if compares_classes(entry):
                files |= {kind: f"figures/{name}.{kind}.png" for kind in ("class_distances", "pca")}
            files["objects"] = f"figures/{name}.objects.png"
        found += [(name, kind, file) for kind, file in files.items()]
    return found


def list_layer_sets(config: Config, extraction: str, dataset: str) -> list[str]:
    """Return the feature sets that experiments read from a extraction of a dataset; what it extractions if none does."""
    read = {
        condition["layers"]
        for experiment in config["experiments"].values()
        if extraction in experiment["extractions"] and dataset in experiment["datasets"]
        for condition in list_conditions(experiment)
    }
    return sorted(read or config["extractions"][extraction]["layers"])


def list_shards(config: Config, dataset: str) -> list[str]:
    """Return the shard names of a dataset."""
    return [f"{number:05d}" for number in range(-(-config["datasets"][dataset]["images"] // config["shard_size"]))]


def get_shard_range(config: Config, dataset: str, shard: str) -> list[int]:
    """Return the first image of a shard and the one after its last, in the order of the selection."""
    size = config["shard_size"]
    return [int(shard) * size, min((int(shard) + 1) * size, config["datasets"][dataset]["images"])]


def list_splits(dataset: Config) -> list[str]:
    """Return the splits of a dataset's entry, none for videos."""
    split = dataset.get("split", [])
    return [split] if isinstance(split, str) else split


def list_annotation_files(config: Config, dataset: str) -> list[str]:
    """Return the files in a user's own folder that change when what is annotated changes."""
    entry = config["datasets"][dataset]
    folder = entry["source"].get("folder")
    if folder is None:
        return []
    if entry["format"] == "coco":
        return [f"{folder}/annotations/instances_{split}.json" for split in list_splits(entry)]
    if entry["format"] == "voc":
        return [f"{folder}/VOCdevkit/VOC2012/ImageSets/Segmentation/{split}.txt" for split in list_splits(entry)]
    return sorted(str(path) for path in Path(folder, "DAVIS", "ImageSets", "2017").glob("*.txt"))


def list_extraction_shards(config: Config, extractions: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """Return (extraction, model, dataset, shard) of everything that extractions read."""
    return [
        (extraction, model, dataset, shard)
        for extraction in extractions
        for model in config["extractions"][extraction]["models"]
        for dataset in config["extractions"][extraction]["datasets"]
        for shard in list_shards(config, dataset)
    ]


def list_comparisons(config: Config) -> list[tuple[str, str, str]]:
    """Return (experiment, model, dataset) of everything that is compared; models of the same dataset stand together."""
    return [
        (name, model, dataset)
        for name, entry in config["experiments"].items()
        for dataset in entry["datasets"]
        for model in config["extractions"][entry["extractions"][0]]["models"]
    ]


def name_comparisons(studies: Iterable[tuple[str, str]]) -> list[str]:
    """Return what figures call each (model, dataset): the dataset, with the model where there are several."""
    studies = list(studies)
    several = len({model for model, _ in studies}) > 1
    return [f"{dataset}, {model}" if several else dataset for model, dataset in studies]
