"""What rules share: the configuration, checked and filled in, and thin input functions."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import yaml

HOME = Path(workflow.current_basedir).parents[1]
SCRIPTS = HOME / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from semlens.compare.metrics import list_metrics, load_metric
from semlens.config import checks, plan
from semlens.config.digests import digest_files
from semlens.config.model_sources import BACKBONE, ModelSources
from semlens.config.paths import Paths
from semlens.config.schema import check_schema, fill_defaults
from semlens.config.sources import list_sources
from semlens.draw.kinds import list_experiments, list_kinds, list_report_parts
from semlens.images.view_schema import describe_view_schema
from semlens.images.views import name_view, parse_view
from semlens.models.parts import PARTS
from semlens.runtime import registry
from semlens.select.formats import list_formats, load_format


def here(path):
    """A path of the repository as jobs name it: relative where the workflow runs in the repository."""
    path = Path(path)
    return local(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def read_schema(name):
    return yaml.safe_load((HOME / "workflow" / "schemas" / f"{name}.schema.yaml").read_text())


try:
    schema = read_schema("config")
    schema["$defs"] |= {
        "metric": {"enum": list_metrics()},
        "format": {"enum": list_formats()},
        "view": describe_view_schema(),
    }
    check_schema(config, schema)
    fill_defaults(config, schema)
    plan.name_views(config, name_view)
    REGISTRY = yaml.safe_load((HOME / config["registry"]).read_text())
    check_schema(REGISTRY, read_schema("registry"), config["registry"])
    checks.check_references(config)
    checks.check_downloads(config, REGISTRY)
    checks.check_folders(config)
    checks.check_layers(config, HOME / "resources" / "demo" / "model")
except (ValueError, OSError, yaml.YAMLError) as error:
    raise WorkflowError(str(error)) from None

models = ModelSources(config, REGISTRY, str(here(HOME / "resources" / "demo" / "model")))
paths = Paths(config, REGISTRY, models)
EXTRACTED = plan.list_extraction_shards(config)
COMPARED = plan.list_comparisons(config)


def sources(script, *variants):
    """The code that a job runs: its script, the variants that it loads by name, and all modules that they import."""
    files = [script, *(f"semlens/{variant}.py" for variant in variants)]
    return [here(path) for path in list_sources(SCRIPTS, *files)]


def view_sources(script, views, *more):
    return sources(script, *(f"images/views/{parse_view(view)[0]}" for view in sorted(views)), *more)


def metric_sources(script):
    """Input function: the code of a job that measures the distances of an experiment."""

    def find(wildcards):
        metrics = plan.list_metrics_of(config["experiments"][wildcards.experiment])
        return sources(script, *(f"compare/metrics/{metric}" for metric in metrics))

    return find


def one_of(names):
    """A pattern that matches these names and nothing else."""
    return "|".join(map(re.escape, names)) or "(?!)"


def grow(amount, unit):
    """Resource function: more at every attempt."""
    return lambda wildcards, attempt: f"{amount * attempt}{unit}"


def part(name):
    """Input function: the folder of a part of the job's model."""
    return lambda wildcards: models.find_part(wildcards.model, name)


def views_of(extraction):
    return config["views"][config["extractions"][extraction]["views"]]


def gpu_for_metrics(wildcards):
    metrics = plan.list_metrics_of(config["experiments"][wildcards.experiment])
    return int(config["device"] != "cpu" and any(load_metric(metric).needs_gpu for metric in metrics))


def comparisons_of(wildcards):
    return plan.list_comparisons(config, [wildcards.experiment])


def statistics_of(kind, comparisons=comparisons_of):
    """Input function: one kind of statistics of every comparison of an experiment, or of all."""
    pattern = "<results>/statistics/{experiment}/{model}/{dataset}" + f".{kind}.csv"
    return lambda wildcards: [pattern.format_map(comparison) for comparison in comparisons(wildcards)]


def place_of(comparison):
    return "{experiment}/{model}/{dataset}".format_map(comparison)


def judged_comparisons(wildcards):
    """The comparisons of pretrained models: what the paper's claims are about."""
    return [entry for entry in COMPARED if config["models"][entry["model"]]["weights"] == "pretrained"]


def datasets_of(wildcards):
    return config["experiments"][wildcards.experiment]["datasets"]


def examples_of(wildcards):
    """The first shard of every extraction that an experiment reads."""
    return [
        {"extraction": extraction, "model": entry["model"], "dataset": entry["dataset"], "shard": "00000"}
        for entry in comparisons_of(wildcards)
        for extraction in plan.list_extractions_of(config, wildcards.experiment, entry["dataset"])
    ]


def named_examples(wildcards):
    """What decides which cells count for each of those, by the name of the comparison that reads it."""
    names = {(entry["model"], entry["dataset"]): entry["name"] for entry in comparisons_of(wildcards)}
    return [
        {
            "name": names[example["model"], example["dataset"]],
            **plan.get_mask_options(config, example["extraction"], example["model"]),
        }
        for example in examples_of(wildcards)
    ]


def described_models():
    """The models that are compared: name, weights, and of a control its pretrained twin."""
    names = list(dict.fromkeys(comparison["model"] for comparison in COMPARED))
    controls = plan.list_controls(config, names)
    return [
        {"name": name, "weights": config["models"][name]["weights"], "controls": controls.get(name)} for name in names
    ]


def conditions_of(wildcards):
    return plan.list_conditions(config["experiments"][wildcards.experiment])


def prototypes(wildcards):
    return paths.list_prototypes(**wildcards)


def mask_options(wildcards):
    return plan.get_mask_options(config, wildcards.extraction, wildcards.model)


def layer_sets(wildcards):
    return plan.list_layer_sets(config, wildcards.extraction, wildcards.dataset)


def extraction_names(wildcards):
    return plan.get_extraction_names(config, wildcards.extraction, wildcards.model, wildcards.dataset)


def format_of(wildcards):
    return config["datasets"][wildcards.dataset]["format"]


def place(path):
    """A path as a job's input: a user's own is left as it is where a module's paths get a prefix."""
    return path if not path or path.startswith("<") else local(path)


def digest(*files):
    """Params function's value: a digest of a user's files, empty for those that rules make."""
    return digest_files([file for file in files if not file.startswith("<")])


def digest_user_files(dataset, what):
    """A digest of what a format's reader reads in a user's folder: annotations, or images."""
    entry = config["datasets"][dataset]
    if "folder" not in entry["source"]:
        return None
    list_files = getattr(load_format(entry["format"]), what)
    return digest_files(list_files(entry["source"]["folder"], **plan.get_reader_options(entry)))


def mirrors():
    """Addresses that are replaced by others: the configuration's, and the environment's, which prevail."""
    configured = [f"{prefix}={target}" for prefix, target in config["mirrors"].items()]
    return ",".join([*configured, os.environ.get("SEMLENS_MIRRORS", "")])


def of_experiment(key):
    """Params function: one value of the job's experiment."""
    return lookup("experiments/{experiment}/" + key, within=config)


wildcard_constraints:
    extraction=one_of(config["extractions"]),
    dataset=one_of(config["datasets"]),
    experiment=one_of(config["experiments"]),
    model=one_of(config["models"]),
    part=one_of(PARTS),
    prompt=one_of(config["prompts"]),
    views=one_of(config["views"]),
    shard=r"\d{5}",
