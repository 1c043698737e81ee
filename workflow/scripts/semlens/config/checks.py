"""TODO."""

import json
from collections.abc import Iterable
from pathlib import Path

from semlens.config.plan import MODEL_PARTS, Config, list_conditions, list_layer_sets, list_splits, tracks_instance
from semlens.models.backbones.unet import list_unet_layers
from semlens.models.layers import expand_layers


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
    """Refuse layers that a model does not have, and feature sets that a extraction does not hold.

    Only models in a folder can be asked before anything runs; others are checked when they are read.

    Parameters
    ----------
    demo
        The folder of the demo's model.

    Raises
    ------
    ValueError
        Naming the extraction, the layer and the layers there are.
    """
    for name, extraction in config["extractions"].items():
        for model in extraction["models"]:
            source = config["models"][model]["source"]
            if folder := demo if "demo" in source else source.get("folder"):
                _check_extraction(config, name, model, folder)


def _check_extraction(config: Config, name: str, model: str, folder: str | Path) -> None:
    extraction = config["extractions"][name]
    try:
        unet = json.loads(Path(folder, "unet", "config.json").read_text())
        there = [layer.name for layer in list_unet_layers(unet)]
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
        held = [layer for wanted in extraction["layers"] for layer in expand_layers(wanted, there)]
        for dataset in extraction["datasets"]:
            for layer_set in list_layer_sets(config, name, dataset):
                expand_layers(layer_set, [layer for layer in there if layer in held])
    except ValueError as error:
        raise ValueError(f"extraction {name!r}: {error}") from None


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
                _check_known(f"{kind[:-1]} {name!r}", "download", [entry["source"]["download"]], registry[kind])
    for name, model in config["models"].items():
        size = registry["models"].get(model["source"].get("download"), {}).get("size", model["size"])
        if size != model["size"]:
            raise ValueError(f"model {name!r}: its U-Net reads pictures of {size}; set 'size: {size}'")
        single = model["source"].get("file", {})
        if "download" in single:
            _check_known(f"model {name!r}: 'file'", "download", [single["download"]], registry["files"])
        built = single.get("config")
        if built is not None and not Path(built).is_dir():
            _check_known(f"model {name!r}", "no folder but 'config'", [built], registry["models"])
    for name, dataset in config["datasets"].items():
        if "download" in dataset.get("list", {}):
            _check_known(f"dataset {name!r}: 'list'", "download", [dataset["list"]["download"]], registry["files"])
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
    for name, extraction in config["extractions"].items():
        where = f"extraction {name!r}"
        _check_known(where, "model", extraction["models"], config["models"])
        _check_known(where, "dataset", extraction["datasets"], config["datasets"])
        _check_known(where, "view group", [extraction["views"]], config["views"])
        _check_known(where, "prompt", [extraction["prompt"]], config["prompts"])
        if "inference_steps" in extraction and not extraction["noise"]:
            raise ValueError(f"{where}: 'inference_steps' takes noise away again; it does not go with 'noise: false'")
    for name, dataset in config["datasets"].items():
        if (dataset["format"] == "davis") != ("sequences" in dataset):
            raise ValueError(f"dataset {name!r}: 'sequences' goes with 'format: davis', and only with it")
        if (dataset["format"] == "davis") == ("split" in dataset):
            raise ValueError(
                f"dataset {name!r}: 'split' goes with 'format: coco' and 'format: voc', and only with them"
            )
        if "demo" in dataset["source"] and len(list_splits(dataset)) > 1:
            raise ValueError(f"dataset {name!r}: the demo draws one split, not {list_splits(dataset)}")
    for name, experiment in config["experiments"].items():
        _check_experiment(f"experiment {name!r}", experiment, config)


def _check_experiment(where: str, experiment: Config, config: Config) -> None:
    _check_known(where, "extraction", experiment["extractions"], config["extractions"])
    _check_known(where, "dataset", experiment["datasets"], config["datasets"])
    _check_known(where, "expected set", experiment["expected_order"], experiment["sets"])
    read = {name: config["extractions"][name]["models"] for name in experiment["extractions"]}
    if len(set(map(tuple, read.values()))) > 1:
        each = "; ".join(f"{name!r} reads {', '.join(models)}" for name, models in read.items())
        raise ValueError(f"{where}: its extractions read different models ({each}); give them the same")
    for dataset in experiment["datasets"]:
        reading = [name for name in experiment["extractions"] if dataset in config["extractions"][name]["datasets"]]
        if not reading:
            raise ValueError(f"{where}: none of its extractions {experiment['extractions']} reads dataset {dataset!r}")
        for condition in list_conditions(experiment):
            if not condition["layers"]:
                raise ValueError(f"{where}: 'layers' is neither set nor the axis")
            if condition["offset"] is not None and config["datasets"][dataset]["format"] != "davis":
                raise ValueError(f"{where}: 'offset' needs videos (format: davis); dataset {dataset!r} has none")
            if condition["offset"] is not None and condition["view"] != "identity":
                raise ValueError(f"{where}: 'offset' and 'view' do not go together")
            if condition["offset"] is None and experiment["reference"] != "all":
                raise ValueError(f"{where}: 'reference' needs 'offset', set or as the axis")
            if tracks_instance(experiment) and experiment["axis"] != "offset":
                raise ValueError(f"{where}: an instance is followed along 'axis: offset', not {experiment['axis']!r}")
            if tracks_instance(experiment) and len(experiment["datasets"]) > 1:
                raise ValueError(f"{where}: 'reference' {experiment['reference']!r} is in one dataset; name that alone")
            for view in {condition["view"], "identity"}:
                holding = [
                    name
                    for name in reading
                    if condition["timestep"] in config["extractions"][name]["timesteps"]
                    and view in config["views"][config["extractions"][name]["views"]]
                ]
                if len(holding) > 1:
                    both = " and ".join(map(repr, holding))
                    raise ValueError(
                        f"{where}, condition {condition['name']!r}: extractions {both} both read view {view!r} of dataset "
                        f"{dataset!r} at timestep {condition['timestep']}; name one of them"
                    )
                if not holding:
                    raise ValueError(
                        f"{where}, condition {condition['name']!r}: none of its extractions {experiment['extractions']} "
                        f"reads view {view!r} of dataset {dataset!r} at timestep {condition['timestep']}"
                    )


def _check_known(where: str, what: str, names: Iterable[str], there: Iterable[str]) -> None:
    for name in names:
        if name not in there:
            raise ValueError(f"{where} names {what} {name!r}; there are {', '.join(there)}")
