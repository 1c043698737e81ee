"""The configuration's cross references: what a schema cannot say, and what follows from it for each job."""

from collections.abc import Iterable
from itertools import product
from typing import Any

Config = dict[str, Any]
AXES = {"metric", "features", "timestep", "view", "offset"}


def check(config: Config) -> None:
    """Refuse a configuration whose parts do not fit together.

    Raises
    ------
    ValueError
        Naming the entry, the key and what there is to choose from.
    """
    for name, capture in config["captures"].items():
        where = f"capture {name!r}"
        _known(where, "model", [capture["model"]], config["models"])
        _known(where, "dataset", capture["datasets"], config["datasets"])
        _known(where, "view group", [capture["views"]], config["views"])
        _known(where, "prompt", [capture["prompt"]], config["prompts"])
    for name, dataset in config["datasets"].items():
        if (dataset["format"] == "davis") != ("sequences" in dataset):
            raise ValueError(f"dataset {name!r}: 'sequences' goes with 'format: davis', and only with it")
        if (dataset["format"] == "davis") == ("split" in dataset):
            raise ValueError(
                f"dataset {name!r}: 'split' goes with 'format: coco' and 'format: voc', and only with them"
            )
    for name, experiment in config["experiments"].items():
        _check_experiment(f"experiment {name!r}", experiment, config)


def _check_experiment(where: str, experiment: Config, config: Config) -> None:
    _known(where, "capture", experiment["captures"], config["captures"])
    _known(where, "dataset", experiment["datasets"], config["datasets"])
    _known(where, "expected set", experiment["expect"], experiment["sets"])
    for dataset in experiment["datasets"]:
        captures = [config["captures"][name] for name in experiment["captures"]]
        if not any(dataset in capture["datasets"] for capture in captures):
            raise ValueError(f"{where}: none of its captures {experiment['captures']} reads dataset {dataset!r}")
    for condition in conditions(experiment):
        if not condition["features"]:
            raise ValueError(f"{where}: 'features' is neither set nor the axis")
        holding = [
            name
            for name in experiment["captures"]
            if condition["timestep"] in config["captures"][name]["timesteps"]
            and condition["view"] in config["views"][config["captures"][name]["views"]]
        ]
        if not holding:
            raise ValueError(
                f"{where}, condition {condition['name']!r}: none of its captures {experiment['captures']} reads "
                f"view {condition['view']!r} at timestep {condition['timestep']}"
            )


def conditions(experiment: Config) -> list[Config]:
    """Return the conditions of an experiment, each with all that defines it and its ``name``."""
    common = {axis: experiment.get(axis) for axis in sorted(AXES)}
    return [{**common, experiment["axis"]: value, "name": str(value)} for value in experiment["conditions"]]


def feature_sets(config: Config, capture: str, dataset: str) -> list[str]:
    """Return the feature sets that experiments read from a capture of a dataset."""
    return sorted(
        {
            condition["features"]
            for experiment in config["experiments"].values()
            if capture in experiment["captures"] and dataset in experiment["datasets"]
            for condition in conditions(experiment)
        }
    )


def shards(config: Config, dataset: str) -> list[str]:
    """Return the shard names of a dataset."""
    return [f"{number:05d}" for number in range(-(-config["datasets"][dataset]["images"] // config["shard_size"]))]


def shard_images(config: Config, dataset: str, shard: str) -> list[int]:
    """Return the first image of a shard and the one after its last, in the order of the selection."""
    size = config["shard_size"]
    return [int(shard) * size, min((int(shard) + 1) * size, config["datasets"][dataset]["images"])]


def capture_shards(config: Config, captures: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return (capture, dataset, shard) of everything that captures read."""
    return [
        (capture, dataset, shard)
        for capture in captures
        for dataset in config["captures"][capture]["datasets"]
        for shard in shards(config, dataset)
    ]


def studied(config: Config) -> list[tuple[str, str]]:
    """Return (experiment, dataset) of everything that is compared."""
    return [pair for name, entry in config["experiments"].items() for pair in product([name], entry["datasets"])]


def _known(where: str, what: str, names: Iterable[str], there: Iterable[str]) -> None:
    for name in names:
        if name not in there:
            raise ValueError(f"{where} names {what} {name!r}; there are {', '.join(there)}")
