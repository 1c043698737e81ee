"""The configuration's cross references: what a schema cannot say, and what follows from it for each job."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from semlens.layers import layers, members

Config = dict[str, Any]
MODEL_PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
PARTS = (*MODEL_PARTS, "tokenizer_2", "text_encoder_2")  # SDXL has the last two
AXES = {"metric", "features", "timestep", "view", "offset"}


def check_schema(config: Config, schema: Config) -> None:
    """Refuse unknown keys and wrong values.

    Raises
    ------
    ValueError
        With a line per offending key: its place, what is wrong, what is expected.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: [*map(str, error.path)])
    if errors:
        raise ValueError("the configuration is not valid:\n" + "\n".join(map(_explained, errors)))


def _explained(error: ValidationError) -> str:
    where = ".".join(map(str, error.absolute_path)) or "top level"
    if error.validator == "additionalProperties":
        return f"{where}: {error.message}; known keys are {', '.join(error.schema['properties'])}"
    described = error.schema.get("description")
    return f"{where}: {error.message}" + (f" ({described})" if described else "")


def check_folders(config: Config) -> None:
    """Refuse datasets and models whose folder is not there or lacks a part.

    Raises
    ------
    ValueError
        Naming the entry, the folder and the part.
    """
    for name, entry in config["datasets"].items():
        folder = entry["source"].get("folder")
        if folder is not None and not Path(folder).is_dir():
            raise ValueError(f"dataset {name!r}: folder {folder} does not exist")
    for name, entry in config["models"].items():
        file = entry["source"].get("file", {}).get("path")
        if file is not None and not Path(file).is_file():
            raise ValueError(f"model {name!r}: file {file} does not exist")
        folder = entry["source"].get("folder")
        missing = [part for part in MODEL_PARTS if folder is not None and not Path(folder, part).is_dir()]
        if missing:
            raise ValueError(
                f"model {name!r}: folder {folder} has no {', '.join(missing)}; a model is a folder in diffusers "
                f"layout ({', '.join(MODEL_PARTS)})"
            )


def check_layers(config: Config, demo: str | Path) -> None:
    """Refuse layers that a model does not have, and feature sets that a capture does not hold.

    Only models in a folder can be asked before anything runs; others are checked when they are read.

    Parameters
    ----------
    demo
        The folder of the demo's model.

    Raises
    ------
    ValueError
        Naming the capture, the layer and the layers there are.
    """
    for name, capture in config["captures"].items():
        for model in capture["models"]:
            source = config["models"][model]["source"]
            if folder := demo if "demo" in source else source.get("folder"):
                _check_capture(config, name, model, folder)


def _check_capture(config: Config, name: str, model: str, folder: str | Path) -> None:
    capture = config["captures"][name]
    try:
        unet = json.loads(Path(folder, "unet", "config.json").read_text())
        there = [layer.name for layer in layers(unet)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"model {model!r}: {folder}/unet/config.json cannot be read: {error}") from None
    if unet.get("addition_embed_type") not in (None, "text_time") or unet.get("class_embed_type"):
        raise ValueError(
            f"model {model!r}: its U-Net wants more than a timestep, prompts and sizes; "
            f"Stable Diffusion 1, 2 and XL are known"
        )
    size, reads = config["models"][model]["size"], 8 * unet["sample_size"]
    if size != reads:
        raise ValueError(f"model {model!r}: its U-Net reads pictures of {reads}; set 'size: {reads}'")
    try:
        held = [layer for wanted in capture["layers"] for layer in members(wanted, there)]
        for dataset in capture["datasets"]:
            for feature_set in feature_sets(config, name, dataset):
                members(feature_set, [layer for layer in there if layer in held])
    except ValueError as error:
        raise ValueError(f"capture {name!r}: {error}") from None


def check_downloads(config: Config, registry: Config) -> None:
    """Refuse to download what the registry does not have.

    Raises
    ------
    ValueError
        Naming the entry and what there is.
    """
    for kind in ("datasets", "models"):
        for name, entry in config[kind].items():
            if "download" in entry["source"]:
                _known(f"{kind[:-1]} {name!r}", "download", [entry["source"]["download"]], registry[kind])
    for name, model in config["models"].items():
        size = registry["models"].get(model["source"].get("download"), {}).get("size", model["size"])
        if size != model["size"]:
            raise ValueError(f"model {name!r}: its U-Net reads pictures of {size}; set 'size: {size}'")
        single = model["source"].get("file", {})
        if "download" in single:
            _known(f"model {name!r}: 'file'", "download", [single["download"]], registry["files"])
        built = single.get("config")
        if built is not None and not Path(built).is_dir():
            _known(f"model {name!r}", "no folder but 'config'", [built], registry["models"])
    for name, dataset in config["datasets"].items():
        if "download" in dataset.get("list", {}):
            _known(f"dataset {name!r}: 'list'", "download", [dataset["list"]["download"]], registry["files"])
        if "download" in dataset["source"]:
            has = registry["datasets"][dataset["source"]["download"]]["format"]
            if has != dataset["format"]:
                raise ValueError(
                    f"dataset {name!r}: {dataset['source']['download']!r} has format {has!r}, not {dataset['format']!r}"
                )


def check_references(config: Config) -> None:
    """Refuse a configuration whose parts do not fit together.

    Raises
    ------
    ValueError
        Naming the entry, the key and what there is to choose from.
    """
    for name, capture in config["captures"].items():
        where = f"capture {name!r}"
        _known(where, "model", capture["models"], config["models"])
        _known(where, "dataset", capture["datasets"], config["datasets"])
        _known(where, "view group", [capture["views"]], config["views"])
        _known(where, "prompt", [capture["prompt"]], config["prompts"])
        if "inference_steps" in capture and not capture["noise"]:
            raise ValueError(f"{where}: 'inference_steps' takes noise away again; it does not go with 'noise: false'")
    for name, dataset in config["datasets"].items():
        if (dataset["format"] == "davis") != ("sequences" in dataset):
            raise ValueError(f"dataset {name!r}: 'sequences' goes with 'format: davis', and only with it")
        if (dataset["format"] == "davis") == ("split" in dataset):
            raise ValueError(
                f"dataset {name!r}: 'split' goes with 'format: coco' and 'format: voc', and only with them"
            )
        if "demo" in dataset["source"] and len(splits(dataset)) > 1:
            raise ValueError(f"dataset {name!r}: the demo draws one split, not {splits(dataset)}")
    for name, experiment in config["experiments"].items():
        _check_experiment(f"experiment {name!r}", experiment, config)


def _check_experiment(where: str, experiment: Config, config: Config) -> None:
    _known(where, "capture", experiment["captures"], config["captures"])
    _known(where, "dataset", experiment["datasets"], config["datasets"])
    _known(where, "expected set", experiment["expect"], experiment["sets"])
    read = {name: config["captures"][name]["models"] for name in experiment["captures"]}
    if len(set(map(tuple, read.values()))) > 1:
        each = "; ".join(f"{name!r} reads {', '.join(models)}" for name, models in read.items())
        raise ValueError(f"{where}: its captures read different models ({each}); give them the same")
    for dataset in experiment["datasets"]:
        reading = [name for name in experiment["captures"] if dataset in config["captures"][name]["datasets"]]
        if not reading:
            raise ValueError(f"{where}: none of its captures {experiment['captures']} reads dataset {dataset!r}")
        for condition in conditions(experiment):
            if not condition["features"]:
                raise ValueError(f"{where}: 'features' is neither set nor the axis")
            if condition["offset"] is not None and config["datasets"][dataset]["format"] != "davis":
                raise ValueError(f"{where}: 'offset' needs videos (format: davis); dataset {dataset!r} has none")
            if condition["offset"] is not None and condition["view"] != "identity":
                raise ValueError(f"{where}: 'offset' and 'view' do not go together")
            if condition["offset"] is None and experiment["reference"] != "all":
                raise ValueError(f"{where}: 'reference' needs 'offset', set or as the axis")
            if follows(experiment) and experiment["axis"] != "offset":
                raise ValueError(f"{where}: an instance is followed along 'axis: offset', not {experiment['axis']!r}")
            if follows(experiment) and len(experiment["datasets"]) > 1:
                raise ValueError(f"{where}: 'reference' {experiment['reference']!r} is in one dataset; name that alone")
            for view in {condition["view"], "identity"}:
                holding = [
                    name
                    for name in reading
                    if condition["timestep"] in config["captures"][name]["timesteps"]
                    and view in config["views"][config["captures"][name]["views"]]
                ]
                if len(holding) > 1:
                    both = " and ".join(map(repr, holding))
                    raise ValueError(
                        f"{where}, condition {condition['name']!r}: captures {both} both read view {view!r} of dataset "
                        f"{dataset!r} at timestep {condition['timestep']}; name one of them"
                    )
                if not holding:
                    raise ValueError(
                        f"{where}, condition {condition['name']!r}: none of its captures {experiment['captures']} "
                        f"reads view {view!r} of dataset {dataset!r} at timestep {condition['timestep']}"
                    )


def conditions(experiment: Config) -> list[Config]:
    """Return the conditions of an experiment, each with all that defines it and its ``name``."""
    common = {axis: experiment.get(axis) for axis in sorted(AXES)}
    return [{**common, experiment["axis"]: value, "name": str(value)} for value in experiment["conditions"]]


def looks(experiment: Config) -> list[Config]:
    """Return what the model sees and says under the conditions: each view, timestep and feature set once, named."""
    different: dict[tuple, Config] = {}
    for condition in conditions(experiment):
        look = {key: condition[key] for key in ("view", "timestep", "features")}
        name = condition["features"] if experiment["axis"] in ("metric", "offset") else condition["name"]
        different.setdefault(tuple(look.values()), {**look, "name": name})
    return list(different.values())


def is_template(prompt: str) -> bool:
    """Return whether a prompt names the classes that a sample shows, so that each sample has its own text."""
    return "{classes}" in prompt


def follows(experiment: Config) -> bool:
    """Return whether an experiment is about one instance, followed through its video."""
    return experiment["reference"] not in ("all", "first")


def maps_classes(experiment: Config) -> bool:
    """Return whether an experiment asks how far apart classes lie: where features vary, and frames do not matter."""
    return experiment["axis"] == "features" and experiment.get("offset") is None


def report_parts(config: Config) -> list[tuple[str, str, str]]:
    """Return (experiment, kind, file) of every figure and table of the report, in its order."""
    found = []
    for name, entry in config["experiments"].items():
        files = {"figure": f"figures/{name}.png"}
        if follows(entry):
            files["frames"] = f"tables/{name}.html"
        else:
            files |= {kind: f"tables/{name}.{kind}.html" for kind in ("sets", "pairs")}
            if maps_classes(entry):
                files |= {kind: f"figures/{name}.{kind}.png" for kind in ("classes", "plane")}
            files["plate"] = f"figures/{name}.plate.png"
        found += [(name, kind, file) for kind, file in files.items()]
    return found


def feature_sets(config: Config, capture: str, dataset: str) -> list[str]:
    """Return the feature sets that experiments read from a capture of a dataset; what it captures if none does."""
    read = {
        condition["features"]
        for experiment in config["experiments"].values()
        if capture in experiment["captures"] and dataset in experiment["datasets"]
        for condition in conditions(experiment)
    }
    return sorted(read or config["captures"][capture]["layers"])


def shards(config: Config, dataset: str) -> list[str]:
    """Return the shard names of a dataset."""
    return [f"{number:05d}" for number in range(-(-config["datasets"][dataset]["images"] // config["shard_size"]))]


def shard_images(config: Config, dataset: str, shard: str) -> list[int]:
    """Return the first image of a shard and the one after its last, in the order of the selection."""
    size = config["shard_size"]
    return [int(shard) * size, min((int(shard) + 1) * size, config["datasets"][dataset]["images"])]


def splits(dataset: Config) -> list[str]:
    """Return the splits of a dataset's entry, none for videos."""
    split = dataset.get("split", [])
    return [split] if isinstance(split, str) else split


def annotation_files(config: Config, dataset: str) -> list[str]:
    """Return the files in a user's own folder that change when what is annotated changes."""
    entry = config["datasets"][dataset]
    folder = entry["source"].get("folder")
    if folder is None:
        return []
    if entry["format"] == "coco":
        return [f"{folder}/annotations/instances_{split}.json" for split in splits(entry)]
    if entry["format"] == "voc":
        return [f"{folder}/VOCdevkit/VOC2012/ImageSets/Segmentation/{split}.txt" for split in splits(entry)]
    return sorted(str(path) for path in Path(folder, "DAVIS", "ImageSets", "2017").glob("*.txt"))


def capture_shards(config: Config, captures: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """Return (capture, model, dataset, shard) of everything that captures read."""
    return [
        (capture, model, dataset, shard)
        for capture in captures
        for model in config["captures"][capture]["models"]
        for dataset in config["captures"][capture]["datasets"]
        for shard in shards(config, dataset)
    ]


def studied(config: Config) -> list[tuple[str, str, str]]:
    """Return (experiment, model, dataset) of everything that is compared; models of the same dataset stand together."""
    return [
        (name, model, dataset)
        for name, entry in config["experiments"].items()
        for dataset in entry["datasets"]
        for model in config["captures"][entry["captures"][0]]["models"]
    ]


def study_names(studies: Iterable[tuple[str, str]]) -> list[str]:
    """Return what figures call each (model, dataset): the dataset, with the model where there are several."""
    studies = list(studies)
    several = len({model for model, _ in studies}) > 1
    return [f"{dataset}, {model}" if several else dataset for model, dataset in studies]


def _known(where: str, what: str, names: Iterable[str], there: Iterable[str]) -> None:
    for name in names:
        if name not in there:
            raise ValueError(f"{where} names {what} {name!r}; there are {', '.join(there)}")
