"""What follows from the configuration: conditions, comparisons, shards, and what decides each job."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from itertools import product
from typing import Any

from semlens.config.axes import AXES, FOREIGN, SINGLE_AXES
from semlens.config.schema import Config
from semlens.extract.settings import ExtractionSettings
from semlens.images.original import ORIGINAL
from semlens.images.views import load_view
from semlens.models.backbones import load_backbone
from semlens.select.formats import load_format

# Keys of the configuration that say where and how a run takes place, not what it finds.
PLACE_KEYS = ("pathvars", "device", "threads", "batch_size", "registry", "mirrors", "reference_results")
# Keys of an extraction that decide how the network is read, and what a prototype is.
_READING_KEYS = ("prompt", "posterior", "noise", "inference_steps", "mask", "seed")
# Keys of an experiment that say what is done to channels before prototypes are compared.
_CHANNEL_KEYS = ("discard_channels", "standardize_channels")


def name_views(config: Config, name: Callable[[Any], str]) -> None:
    """Replace every view of the configuration, such as ``{crop_shift: 0.2}``, by its canonical name.

    Parameters
    ----------
    name
        Of a view: its name, see :func:`semlens.images.views.name_view`.
    """
    for group, views in config["views"].items():
        config["views"][group] = [name(view) for view in views]
    for multiverse in config["multiverses"].values():
        multiverse["view"] = name(multiverse["view"])
    for experiment in config["experiments"].values():
        experiment["view"] = name(experiment["view"])
        if experiment["axis"] == "view":
            experiment["conditions"] = [name(view) for view in experiment["conditions"]]


def list_conditions(experiment: Config) -> list[Config]:
    """Return the conditions of an experiment, each with a value on every axis and its ``name``."""
    common = {axis: experiment.get(axis) for axis in sorted(SINGLE_AXES)} | get_options(experiment)
    if AXES[experiment["axis"]].varies:
        layers, timesteps = experiment["conditions"]["layers"], experiment["conditions"]["timestep"]
        return [
            {**common, "layers": layer, "timestep": timestep, "name": f"{layer}@t{timestep}"}
            for layer, timestep in product(layers, timesteps)
        ]
    return [{**common, experiment["axis"]: value, "name": str(value)} for value in experiment["conditions"]]


def get_options(experiment: Config) -> Config:
    """Return what an experiment does to channels, what its separation is given, and ``across``; only what it names."""
    return {key: experiment[key] for key in (*_CHANNEL_KEYS, "given", "across") if experiment.get(key)}


def list_distinct_inputs(experiment: Config) -> list[Config]:
    """Return each view, timestep and layer set that the conditions compare, once, named as a figure names it."""
    inputs: dict[tuple, Config] = {}
    for condition in list_conditions(experiment):
        compared = {key: condition[key] for key in ("view", "timestep", "layers")}
        name = condition["name"] if AXES[experiment["axis"]].changes_features else condition["layers"]
        inputs.setdefault(tuple(compared.values()), {**compared, "name": name})
    return list(inputs.values())


def list_experiment_conditions(config: Config, experiment: str) -> list[Config]:
    """Return :func:`list_conditions` of an experiment by its name."""
    return list_conditions(config["experiments"][experiment])


def get_max_pairs(config: Config, experiment: str) -> int:
    """Return how many distances of a set are stored under each condition; a grid stores as many as one condition."""
    entry = config["experiments"][experiment]
    return config["max_pairs"] // (1 if entry["axis"] in SINGLE_AXES else len(list_conditions(entry)))


def list_metrics(config: Config, experiment: str) -> list[str]:
    """Return the metrics that an experiment names, each once."""
    return sorted({condition["metric"] for condition in list_experiment_conditions(config, experiment)})


def list_task_metrics(config: Config, experiment: str) -> list[str]:
    """Return the metrics that an experiment's tasks need: its own, and cosine where neighbours vote."""
    voting = {"cosine"} if "knn" in config["experiments"][experiment]["tasks"] else set()
    return sorted({*list_metrics(config, experiment), *voting})


def list_experiments_with_tasks(config: Config) -> list[str]:
    """Return the names of the experiments that ask what features are good for."""
    return [name for name, entry in config["experiments"].items() if entry["tasks"]]


def is_template(prompt: str) -> bool:
    """Return whether a prompt names the classes that a sample shows, so that each sample has its own text."""
    return "{classes}" in prompt


def tracks_instance(experiment: Config) -> bool:
    """Return whether an experiment is about one instance, tracked through its video."""
    return experiment["reference"] not in ("all", "first")


def compares_classes(experiment: Config) -> bool:
    """Return whether an experiment has maps of classes: where layers vary, and frames do not matter."""
    return experiment["axis"] == "layers" and experiment.get("offset") is None


def has_videos(dataset: Config) -> bool:
    """Return whether a dataset's images are frames of videos."""
    return load_format(dataset["format"]).has_videos


def list_planes(config: Config, extraction: str, dataset: str) -> list[Config]:
    """Return ``layers``, ``timestep`` and ``metric`` of everything that experiments compare without a view, each once.

    A layer set at a timestep has the metric and the channels of the first experiment that compares all channels as they
    are and does not compare metrics, if there is one. Grids of layers and timesteps are left out: they are too many.
    """
    held = config["extractions"][extraction]
    if ORIGINAL not in config["views"][held["views"]]:
        return []
    planes: dict[tuple, Config] = {}
    experiments = [entry for entry in config["experiments"].values() if entry["axis"] in SINGLE_AXES]
    for experiment in sorted(experiments, key=_is_special):
        if extraction in experiment["extractions"] and dataset in experiment["datasets"]:
            for condition in list_conditions(experiment):
                if condition["timestep"] in held["timesteps"]:
                    keys = ("layers", "timestep", "metric", *_CHANNEL_KEYS)
                    plane = {key: condition[key] for key in keys if key in condition}
                    planes.setdefault((plane["layers"], plane["timestep"]), plane)
    return list(planes.values())


def _is_special(experiment: Config) -> tuple[bool, bool]:
    return any(experiment.get(key) for key in _CHANNEL_KEYS), experiment["axis"] == "metric"


def list_plane_metrics(config: Config, extraction: str, dataset: str) -> list[str]:
    """Return the metrics of :func:`list_planes`, each once."""
    return sorted({plane["metric"] for plane in list_planes(config, extraction, dataset)})


def list_projections(config: Config) -> list[Config]:
    """Return extraction, model and dataset of everything that the explorer shows."""
    return [
        {"extraction": name, "model": model, "dataset": dataset}
        for name, entry in config["extractions"].items()
        for dataset in entry["datasets"]
        for model in entry["models"]
        if list_planes(config, name, dataset)
    ]


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


def list_extraction_shards(config: Config) -> list[Config]:
    """Return extraction, model, dataset and shard of every job that extracts."""
    return [
        {"extraction": name, "model": model, "dataset": dataset, "shard": shard}
        for name, entry in config["extractions"].items()
        for model in entry["models"]
        for dataset in entry["datasets"]
        for shard in list_shards(config, dataset)
    ]


def list_comparisons(config: Config, experiment: str | None = None) -> list[Config]:
    """Return experiment, model and dataset of every comparison, or of one experiment's, and the ``name`` for figures.

    Models of the same dataset stand together. The name is the dataset's, with the model where there are several.
    """
    comparisons = []
    for name in config["experiments"] if experiment is None else [experiment]:
        entry = config["experiments"][name]
        models = config["extractions"][entry["extractions"][0]]["models"]
        for dataset in entry["datasets"]:
            for model in models:
                label = f"{dataset}, {model}" if len(models) > 1 else dataset
                comparisons.append({"experiment": name, "model": model, "dataset": dataset, "name": label})
    return comparisons


def list_judged_comparisons(config: Config) -> list[Config]:
    """Return the comparisons of pretrained models, which the paper's claims are about, with what decides the verdicts.

    Each has the keys of :func:`list_comparisons` and of :func:`get_paper_settings`.
    """
    return [
        comparison | get_paper_settings(config, comparison["experiment"], comparison["model"], comparison["dataset"])
        for comparison in list_comparisons(config)
        for model in [config["models"][comparison["model"]]]
        if model["weights"] == "pretrained" and model["family"] == "unet"
    ]


def list_example_shards(config: Config, experiment: str) -> list[Config]:
    """Return extraction, model, dataset and ``00000`` of the first shard of everything that an experiment reads."""
    return [
        {"extraction": name, "model": comparison["model"], "dataset": comparison["dataset"], "shard": "00000"}
        for comparison in list_comparisons(config, experiment)
        for name in list_extractions_of(config, experiment, comparison["dataset"])
    ]


def list_example_options(config: Config, experiment: str) -> list[Config]:
    """Return, for each of these shards, the comparison's ``name``, ``exif`` and what decides which cells count."""
    names = {(entry["model"], entry["dataset"]): entry["name"] for entry in list_comparisons(config, experiment)}
    return [
        {"name": names[shard["model"], shard["dataset"]], "exif": config["datasets"][shard["dataset"]]["exif"]}
        | get_mask_options(config, shard["extraction"], shard["model"])
        for shard in list_example_shards(config, experiment)
    ]


def list_extractions_of(config: Config, experiment: str, dataset: str) -> list[str]:
    """Return the extractions of an experiment that read a dataset."""
    names = config["experiments"][experiment]["extractions"]
    return [name for name in names if dataset in config["extractions"][name]["datasets"]]


def list_extractions_keeping(config: Config, what: str) -> list[str]:
    """Return the names of the extractions that keep this: maps, of whatever precision, or prototypes alone."""
    return [name for name, entry in config["extractions"].items() if keeps_maps(entry) == (what == "maps")]


def keeps_maps(extraction: Config) -> bool:
    """Return whether an extraction keeps maps, and not prototypes alone."""
    return extraction["keep"] != "prototypes"


def list_names_by_source(entries: Config, kind: str) -> list[str]:
    """Return the names of those datasets or models that come from one kind of source."""
    return [name for name, entry in entries.items() if kind in entry["source"]]


def get_reader_options(dataset: Config) -> Config:
    """Return what a format's reader is given beside the folder."""
    sequences = dataset.get("sequences")
    return {
        "splits": list_splits(dataset),
        "sequences": sequences
        and {name: {int(key): value for key, value in ids.items()} for name, ids in sequences.items()},
    }


def get_criteria(dataset: Config) -> Config:
    """Return what decides the selection, but for the number of images: more images must not change the first ones."""
    return {
        "classes": dataset.get("classes"),
        "min_area": dataset["min_area"],
        "min_area_of": dataset["min_area_of"],
        "seed": dataset["seed"],
        "listed_as": dataset.get("list", {}).get("dataset"),
    }


def get_view_seed(config: Config, views: Iterable[str]) -> int | None:
    """Return the seed where it decides what a view shows; latents of other views do not depend on it."""
    return config["seed"] if any(load_view(view).seeded for view in views) else None


def get_extraction_settings(config: Config, extraction: str) -> Config:
    """Return what decides an extraction's features, see :class:`semlens.extract.settings.ExtractionSettings`."""
    shared = {key: config[key] for key in ("dtype", "optimizations")} | {
        "seed": get_extraction_seed(config, extraction)
    }
    entry = {"inference_steps": None, **config["extractions"][extraction], **shared}
    return {field.name: entry[field.name] for field in fields(ExtractionSettings)}


def get_extraction_seed(config: Config, extraction: str) -> int:
    """Return the seed of an extraction's noise and latents: its own, or that of the configuration."""
    return config["extractions"][extraction].get("seed", config["seed"])


def get_extraction_names(config: Config, extraction: str, model: str, dataset: str) -> Config:
    """Return what a shard of features says that it holds."""
    prompt = config["prompts"][config["extractions"][extraction]["prompt"]]
    return {"extraction": extraction, "dataset": dataset, "model": model, "prompt": prompt}


def get_mask_options(config: Config, extraction: str, model: str) -> Config:
    """Return what decides which cells of a feature map count, but for the masks."""
    mask = config["extractions"][extraction]["mask"]
    return {"resize": config["models"][model]["resize"], "mask": mask, "seed": config["seed"]}


def get_question(config: Config, experiment: str, model: str, dataset: str) -> Config:
    """Return what an experiment asks: its ``axis``, and all ``settings`` that are the same throughout.

    Experiments whose axis and settings agree ask the same, perhaps under other conditions. What does not apply to the
    model's family is ``FOREIGN``.
    """
    entry = config["experiments"][experiment]
    varied = AXES[entry["axis"]].parts
    settings = {key: entry.get(key) for key in (*SINGLE_AXES, "reference") if key not in varied}
    settings |= {key: entry.get(key) or None for key in _CHANNEL_KEYS}
    settings["given"] = " and ".join(sorted(entry.get("given", []))) or None
    settings |= {"across": True} if entry.get("across") else {}
    extractions = [config["extractions"][name] for name in list_extractions_of(config, experiment, dataset)]
    for key in _READING_KEYS:
        values = dict.fromkeys(extraction.get(key) for extraction in extractions)
        settings[key] = " or ".join(map(str, values)) if len(values) > 1 else next(iter(values))
    foreign = list_foreign(load_backbone(config["models"][model]["family"]))
    settings |= dict.fromkeys(foreign & settings.keys(), FOREIGN)
    return {"axis": entry["axis"], "settings": settings}


def list_foreign(family: Any) -> set[str]:
    """Return the keys of extractions and settings of questions that are nothing to a family."""
    foreign = set() if getattr(family, "NOISE", None) else {"timesteps", "timestep", "noise", "inference_steps"}
    if family.READS == "images":
        foreign.add("posterior")
    if getattr(family, "TEXT", None) is None:
        foreign.add("prompt")
    return foreign


def list_questions(config: Config, experiment: str | None = None) -> list[Config]:
    """Return :func:`list_comparisons`, each with what it asks, see :func:`get_question`."""
    return [
        comparison | get_question(config, comparison["experiment"], comparison["model"], comparison["dataset"])
        for comparison in list_comparisons(config, experiment)
    ]


def format_mirrors(config: Config, more: str) -> str:
    """Return the addresses that are replaced by others, as downloads take them; ``more`` prevails."""
    return ",".join([*(f"{prefix}={target}" for prefix, target in config["mirrors"].items()), more])


def name_metric(experiment: Config) -> str:
    """Return an experiment's metric as an axis names it; nothing if its conditions are metrics."""
    return "" if experiment["axis"] == "metric" else experiment["metric"].replace("_", " ")


def get_paper_settings(config: Config, experiment: str, model: str, dataset: str) -> Config:
    """Return what decides whether a comparison can be set beside the paper's, see :mod:`semlens.report.claims`."""
    entry, studied = config["experiments"][experiment], config["datasets"][dataset]
    extractions = [config["extractions"][name] for name in list_extractions_of(config, experiment, dataset)]
    stills = not has_videos(studied)
    source: dict[str, Any] = config["models"][model]["source"]
    return {
        "settings": {
            "model": source.get("download"),
            "metric": None if entry["axis"] == "metric" else entry["metric"],
            "timestep": None if "timestep" in AXES[entry["axis"]].parts else entry["timestep"],
            "min_area": studied["min_area"] if stills else None,
            "classes": len(studied.get("classes", [])) if stills else None,
            "listed": "list" in studied if stills else None,
        },
        "layers": None if "layers" in AXES[entry["axis"]].parts else entry.get("layers"),
        "denoised": any("inference_steps" in extraction for extraction in extractions),
        "across": entry["across"],
        "demo": "demo" in studied["source"] or "demo" in source,
        "images": studied["images"],
    }
