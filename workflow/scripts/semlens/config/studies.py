"""What a configuration asks, section by section: experiments, and what else is asked of features."""

from typing import Any

from semlens.config.models import describe_models
from semlens.config.plan import list_comparisons
from semlens.config.schema import Config

SECTIONS = ("experiments", "agreements", "searches", "multiverses", "propagations")


def list_studies(config: Config) -> list[dict[str, Any]]:
    """Return every entry of these sections, in order.

    Each is a record of its ``study`` (such as ``experiment-layers``), ``section``, ``name`` and ``entry``.
    """
    return [
        {"study": f"{name_section(section)}-{name}", "section": section, "name": name, "entry": entry}
        for section in SECTIONS
        for name, entry in config.get(section, {}).items()
    ]


def describe_studies(config: Config) -> list[dict[str, Any]]:
    """Return all studies as the report shows them.

    Each is a record of its ``study``, ``noun``, ``name``, ``title``, ``section`` (of the paper) and ``comparisons``,
    what it is about.
    """
    return [
        {
            "study": study["study"],
            "noun": name_section(study["section"]),
            "name": study["name"],
            **{key: study["entry"][key] for key in ("title", "section")},
            "comparisons": _list_names(config, study["section"], study["name"]),
        }
        for study in list_studies(config)
    ]


def name_section(section: str) -> str:
    """Return what one entry of a section is called."""
    return {"searches": "search"}.get(section, section.removesuffix("s"))


def list_runs(config: Config, section: str, name: str) -> list[Config]:
    """Return model and dataset of every part of a search, multiverse or propagation, and its ``name`` for figures."""
    entry = config[section][name]
    extraction = entry["extraction"] if "extraction" in entry else entry["extractions"][0]
    models = config["extractions"][extraction]["models"]
    return [
        {"model": model, "dataset": dataset, "name": f"{dataset}, {model}" if len(models) > 1 else dataset}
        for dataset in entry["datasets"]
        for model in models
    ]


def describe_run_models(config: Config, section: str, name: str) -> list[Config]:
    """Return :func:`semlens.config.models.describe_models` of what a search or a propagation reads."""
    return describe_models(config, [run["model"] for run in list_runs(config, section, name)])


def _list_names(config: Config, section: str, name: str) -> list[str]:
    if section == "agreements":
        return list(config[section][name]["datasets"])
    runs = list_comparisons(config, name) if section == "experiments" else list_runs(config, section, name)
    return [run["name"] for run in runs]
