"""Functions that rules share: where sources lie, which code a script runs, what a job's parameters are."""

import ast
import os
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

import yaml
from snakemake.utils import validate

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from semlens import configuration, registry

HOME = Path(workflow.basedir)
DEMO = HOME / "resources" / "demo" / "model"
SCHEMA = HOME / "workflow" / "schemas" / "config.schema.yaml"

try:
    configuration.check_schema(config, yaml.safe_load(SCHEMA.read_text()))
    validate(config, str(SCHEMA))  # fills in defaults
    REGISTRY = yaml.safe_load((HOME / config["registry"]).read_text())
    configuration.check_schema(REGISTRY, yaml.safe_load(SCHEMA.with_name("registry.schema.yaml").read_text()))
    configuration.check_references(config)
    configuration.check_downloads(config, REGISTRY)
    configuration.check_folders(config)
    configuration.check_layers(config, DEMO)
except (ValueError, OSError, yaml.YAMLError) as error:
    raise WorkflowError(str(error)) from None

CAPTURED = configuration.capture_shards(config, config["extractions"])
STUDIED = configuration.studied(config)
JUDGED = [study for study in STUDIED if config["models"][study[1]]["weights"] == "pretrained"]
MAPPED = [name for name, entry in config["experiments"].items() if configuration.maps_classes(entry)]
SHOWN = configuration.report_parts(config)
FOLLOWING = [name for name, entry in config["experiments"].items() if configuration.follows(entry)]
# Keys of the configuration that say where and how a run takes place, not what it finds.
PLACES = ("pathvars", "device", "threads", "batch_size", "registry", "mirrors", "published")


@cache
def imported(path):
    """The library modules that a file of code imports itself."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "semlens":
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.startswith("semlens.")}
    modules = {HOME / "workflow" / "scripts" / f"{name.replace('.', '/')}.py" for name in names}
    return {module for module in modules if module.is_file()}


def sources(script):
    """The script and every library module that it imports, directly or not: the code that a rule runs."""
    found, queue = set(), {HOME / "workflow" / "scripts" / script}
    while queue:
        found |= queue
        queue = set().union(*map(imported, queue)) - found
    return sorted(map(here, found))


def here(path):
    """A path of the repository as jobs name it: relative where the workflow runs in the repository."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def one_of(names):
    """A pattern that matches these names and nothing else."""
    return "|".join(map(re.escape, names)) or "(?!)"


def sourced(entries, kind):
    """The names of those datasets or models that come from one kind of source: demo, download, file or folder."""
    return [name for name, entry in entries.items() if kind in entry["source"]]


def keeping(what):
    """The names of the extractions that keep this: maps or prototypes."""
    return [name for name, entry in config["extractions"].items() if entry["keep"] == what]


def source(wildcards):
    """Where the job's dataset or model comes from."""
    entries, name = ("datasets", wildcards.dataset) if hasattr(wildcards, "dataset") else ("models", wildcards.model)
    return config[entries][name]["source"]


def downloaded(file):
    """Where a file of the registry is kept."""
    return f"<resources>/downloads/{file}"


def dataset_folder(dataset):
    """The folder that is made for this dataset, or a user's own, used in place.

    Whatever else happens in a user's folder reruns nothing: its annotations are an input of their own.
    """
    folder = config["datasets"][dataset]["source"].get("folder")
    return f"<resources>/datasets/{dataset}" if folder is None else ancient(folder)


def pictures(dataset, shard):
    """What holds a shard's pictures: the dataset's folder, or the list of those that were downloaded one by one."""
    name = config["datasets"][dataset]["source"].get("download")
    if name is not None and "images" in REGISTRY["datasets"][name]:
        return f"<resources>/images/{dataset}/{shard}.csv"
    return dataset_folder(dataset)


def published_list(dataset):
    """The list of images of a dataset, none where criteria choose them."""
    entry = config["datasets"][dataset].get("list", {})
    return downloaded(REGISTRY["files"][entry["download"]]["file"]) if "download" in entry else entry.get("file", [])


def mirrors():
    """Addresses that are replaced by others: the configuration's, and the environment's, which prevail."""
    configured = [f"{prefix}={target}" for prefix, target in config["mirrors"].items()]
    return ",".join([*configured, os.environ.get("SEMLENS_MIRRORS", "")])


def seed_of_views(views):
    """The seed, where it decides what a view shows; latents of other views do not depend on it."""
    return config["seed"] if any(view.startswith("crop_shift") for view in views) else None


def checkpoint_file(source):
    """The file of a model in a single file: a user's own, or one of the registry."""
    return source["path"] if "path" in source else downloaded(REGISTRY["files"][source["download"]]["file"])


def built_as(source):
    """The files that say how a model in a single file is built, by part: all but weights."""
    if source["config"] in REGISTRY["models"]:
        files = {name: registry.model_files(REGISTRY, source["config"], name) for name in configuration.PARTS}
        small = {
            name: [downloaded(path) for path in paths if not path.endswith(".safetensors")]
            for name, paths in files.items()
        }
        return {name: paths for name, paths in small.items() if paths}
    return {
        name: [f"{source['config']}/{name}"] for name in configuration.PARTS if Path(source["config"], name).is_dir()
    }


def pretrained(model):
    """The model whose VAE, text encoder and scheduler a model has: a control shares those of what it controls."""
    alike = config["models"][model] | {"weights": "pretrained"}
    return next((name for name, entry in config["models"].items() if entry == alike), model)


def source_part(model, name):
    """What a part (unet, vae, ...) of a model comes in, for semlens.registry.part; nothing if it has no such part."""
    source = config["models"][model]["source"]
    if "download" in source:
        return [downloaded(file) for file in registry.model_files(REGISTRY, source["download"], name)]
    if "file" in source:
        return f"<resources>/models/{pretrained(model)}" if name in built_as(source["file"]) else []
    folder = here(DEMO) if "demo" in source else source["folder"]
    return f"{folder}/{name}" if Path(folder, name).is_dir() else []


def model_part(model, name):
    """What a part of a model is read from: what it comes in, but for a U-Net with random weights."""
    if name == "unet" and config["models"][model]["weights"] == "random":
        return f"<results>/untrained/{model}"
    return source_part(model, name)


def part(name):
    """Input function: a part of the job's model."""
    return lambda wildcards: model_part(wildcards.model, name)


def unet_settings(wildcards):
    """What says how the U-Net of the job's model is built, without its weights where they lie apart."""
    read = source_part(wildcards.model, "unet")
    return [path for path in read if Path(path).name == "config.json"] if isinstance(read, list) else read


def reader(wildcards):
    """What semlens.datasets.read_instances is told about a dataset, but for its folder."""
    entry = config["datasets"][wildcards.dataset]
    sequences = entry.get("sequences")
    return {
        "format": entry["format"],
        "splits": configuration.splits(entry),
        "sequences": sequences and {name: {int(k): v for k, v in ids.items()} for name, ids in sequences.items()},
    }


def criteria(wildcards):
    """The selection of a dataset, but for how many images: asking for more must not rerun what is there."""
    entry = config["datasets"][wildcards.dataset]
    return {
        "classes": entry.get("classes"),
        "min_area": entry["min_area"],
        "min_area_of": entry["min_area_of"],
        "seed": entry["seed"],
        "published_as": entry.get("list", {}).get("dataset"),
    }


def latents(extraction, model, dataset, shard):
    """The latents that a extraction of a shard reads."""
    return f"<results>/latents/{pretrained(model)}/{dataset}/{config['extractions'][extraction]['views']}/{shard}.h5"


def embedding(extraction, model, dataset, shard):
    """The text embedding that a extraction of a shard reads: one for all, or a template's of its samples."""
    entry = config["extractions"][extraction]
    prompt = f"<results>/prompts/{pretrained(model)}/{entry['prompt']}"
    if configuration.is_template(config["prompts"][entry["prompt"]]):
        return f"{prompt}/{dataset}/{entry['views']}/{shard}.h5"
    return f"{prompt}.h5"


def prototypes(wildcards):
    """All prototype shards of a model and dataset that an experiment compares, extraction by extraction."""
    extractions = config["experiments"][wildcards.experiment]["extractions"]
    return [
        f"<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet"
        for extraction, model, dataset, shard in configuration.capture_shards(config, extractions)
        if (model, dataset) == (wildcards.model, wildcards.dataset)
    ]


def extracted(extraction, model, dataset, shard):
    """What extraction keeps of a extraction of a shard: feature maps, or their prototypes alone."""
    if extraction in keeping("prototypes"):
        return f"<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet"
    return f"<results>/features/{extraction}/{model}/{dataset}/{shard}.h5"


def first_shards(experiment):
    """The (extraction, model, dataset) of every first shard that an experiment reads."""
    return [
        (extraction, model, dataset)
        for model, dataset in studies(experiment)
        for extraction in config["experiments"][experiment]["extractions"]
        if dataset in config["extractions"][extraction]["datasets"]
    ]


def studies(experiment):
    """The (model, dataset) of everything that an experiment compares, in the order in which figures show them."""
    return [(model, dataset) for name, model, dataset in STUDIED if name == experiment]


def study_names(wildcards):
    """What figures and tables call each study of an experiment."""
    return configuration.study_names(studies(wildcards.experiment))


def published(name=""):
    """A file of the published numbers and claims, or their folder; in the repository, or wherever the path leads."""
    return here(HOME / config["published"] / name)


def used(experiment, model, dataset):
    """What decides whether an experiment with a model on a dataset can be compared with the paper's."""
    entry = config["experiments"][experiment]
    extractions = [
        config["extractions"][name] for name in entry["extractions"] if dataset in config["extractions"][name]["datasets"]
    ]
    studied = config["datasets"][dataset]
    stills = studied["format"] != "davis"
    source = config["models"][model]["source"]
    return {
        "experiment": experiment,
        "dataset": dataset,
        "settings": {
            "model": source.get("download"),
            "metric": None if entry["axis"] == "metric" else entry["metric"],
            "timestep": None if entry["axis"] == "timestep" else entry["timestep"],
            "min_area": studied["min_area"] if stills else None,
            "classes": len(studied.get("classes", [])) if stills else None,
            "listed": "list" in studied if stills else None,
        },
        "layers": None if entry["axis"] == "layers" else entry.get("layers"),
        "denoised": any("inference_steps" in extraction for extraction in extractions),
        "demo": "demo" in studied["source"] or "demo" in source,
        "images": studied["images"],
    }


def reading(wildcards):
    """What decides what the U-Net reads and says for a job's extraction, but for the files."""
    entry = config["extractions"][wildcards.extraction]
    return {
        "layer_sets": entry["layers"],
        "timesteps": entry["timesteps"],
        "posterior": entry["posterior"],
        "noise": entry["noise"],
        "inference_steps": entry.get("inference_steps"),
        "seed": config["seed"],
        "dtype": config["dtype"],
        "about": {
            "extraction": wildcards.extraction,
            "dataset": wildcards.dataset,
            "model": wildcards.model,
            "prompt": config["prompts"][entry["prompt"]],
        },
    }


def pooling(extraction, model):
    """What decides which cells of a extraction count, but for the masks."""
    mask = config["extractions"][extraction]["mask"]
    return {"resize": config["models"][model]["resize"], "mask": mask, "seed": config["seed"]}


def all_statistics(kind):
    """One kind of statistics of everything that is compared."""
    return [f"<results>/statistics/{name}/{model}/{dataset}.{kind}.csv" for name, model, dataset in STUDIED]


def the_dataset(wildcards):
    """The one dataset of an experiment that follows an instance."""
    return config["experiments"][wildcards.experiment]["datasets"][0]


def asked(experiment):
    """What an experiment asks, but for its conditions: along which axis, of which features, under which settings."""
    entry = config["experiments"][experiment]
    of = {key: None if key == entry["axis"] else entry.get(key) for key in ("layers", "metric", "timestep", "view")}
    return {"axis": entry["axis"], "layers": of.pop("layers"), "settings": tuple(of.values())}


def of_experiment(key):
    """Params function: one value of the job's experiment."""
    return lambda wildcards: config["experiments"][wildcards.experiment][key]


def multiplies(wildcards):
    """Whether an experiment's distances are worth a GPU: those of distance correlation, a matrix product of billions."""
    conditions = configuration.conditions(config["experiments"][wildcards.experiment])
    return any(condition["metric"] == "distance_correlation" for condition in conditions)


def condition_names(wildcards):
    """The names of an experiment's conditions, in order."""
    return [entry["name"] for entry in configuration.conditions(config["experiments"][wildcards.experiment])]


def statistics(kind):
    """Input function: one kind of statistics of every study of an experiment."""
    return lambda wildcards: [
        f"<results>/statistics/{wildcards.experiment}/{model}/{dataset}.{kind}.csv"
        for model, dataset in studies(wildcards.experiment)
    ]


wildcard_constraints:
    extraction=one_of(config["extractions"]),
    dataset=one_of(config["datasets"]),
    experiment=one_of(config["experiments"]),
    model=one_of(config["models"]),
    prompt=one_of(config["prompts"]),
    views=one_of(config["views"]),
    shard=r"\d{5}",
