"""What rules share: thin input functions."""

from functools import partial
from importlib.metadata import version

from semlens.compare.metrics import load_metric
from semlens.config.digests import digest_annotations, digest_files, digest_images
from semlens.config.job_sources import JobSources
from semlens.config.load import find_file
from semlens.config.models import get_family, get_image_options, get_text_kind, list_compared_models
from semlens.config.paths import list_searches, list_statistics, list_unit_totals
from semlens.config.readings import find_maps, list_layer_sets, list_sampled
from semlens.config.studies import SECTIONS, describe_run_models, describe_studies, list_runs, name_section
from semlens.config.user_paths import link_if_odd
from semlens.draw.kinds import list_experiments, list_kinds, list_report_parts
from semlens.models.parts import NETWORKS, PARTS
from semlens.runtime import registry

code = JobSources(config, SCRIPTS, here)
sources, view_sources = code.list_files, code.list_files_with_views
metric_sources, extractor_sources = code.of_metrics, code.of_extractor


def show(kind, path, section="experiments"):
    """An output that snakemake --report shows, with its caption."""
    return report(
        path,
        caption=f"../report/captions/{kind}.rst",
        category=of_entry(section, "title"),
        labels={"part": kind.replace("_", " ")},
    )


def one_of(names):
    """A pattern that matches these names and nothing else."""
    return "|".join(map(re.escape, names)) or "(?!)"


def grow(amount, unit):
    """Resource function: more at every attempt."""
    return lambda wildcards, attempt: f"{amount * attempt}{unit}"


def part(name):
    """Input function: the folder of a part of the job's model."""
    return lambda wildcards: place(models.find_part(wildcards.model, name))


def network(wildcards):
    """Input function: the folder of what is read of the job's model; nothing of a baseline."""
    return place(models.find_network(wildcards.model))


def gpu_for(metrics):
    """Resource function: a GPU where a metric needs one."""
    return lambda wildcards: int(
        config["device"] != "cpu" and any(load_metric(metric).needs_gpu for metric in metrics(wildcards))
    )


def of_job(function, *names):
    """Input or params function: what a function of the configuration says of some wildcards."""
    return lambda wildcards: function(config, *(wildcards[name] for name in names))


metrics_of = of_job(plan.list_metrics, "experiment")
planes_of = of_job(plan.list_planes, "extraction", "dataset")
plane_metrics_of = of_job(plan.list_plane_metrics, "extraction", "dataset")
conditions_of = of_job(plan.list_experiment_conditions, "experiment")
comparisons_of = of_job(plan.list_comparisons, "experiment")
sampled_of = of_job(list_sampled, "experiment")
questions_of = of_job(plan.list_questions, "experiment")
mask_options = of_job(plan.get_mask_options, "extraction", "model")
family_of = of_job(get_family, "model")
text_of = of_job(get_text_kind, "model")
image_options = of_job(get_image_options, "extraction", "model", "dataset")
layer_sets = of_job(list_layer_sets, "extraction", "dataset")
extraction_names = of_job(plan.get_extraction_names, "extraction", "model", "dataset")


def statistics_of(kind):
    """Input function: one kind of statistics of every comparison of the job's experiment."""
    return lambda wildcards: list_statistics(kind, comparisons_of(wildcards))


def place(path):
    """A path as a job's input, whose digest in a name or parameter says when it has changed, and not its time.

    A user's own gets no prefix in a module.
    """
    return path and ancient(path if path.startswith("<") else local(link_if_odd(path)))


def of_entry(section, key):
    """Params function: one value of the job's entry in a section of the configuration."""
    return lambda wildcards: config[section][wildcards[name_section(section)]][key]


of_experiment, of_propagation = partial(of_entry, "experiments"), partial(of_entry, "propagations")


wildcard_constraints:
    **{name_section(section): one_of(config.get(section, {})) for section in SECTIONS},
    extraction=one_of(config["extractions"]),
    dataset=one_of(config["datasets"]),
    model=one_of(config["models"]),
    part=one_of(PARTS),
    prompt=one_of(config["prompts"]),
    views=one_of(config["views"]),
    shard=r"\d{5}",
    key=r"[0-9a-f]{12}",


datasets_of = of_experiment("datasets")
