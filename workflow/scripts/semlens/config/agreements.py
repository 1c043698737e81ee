"""What agreements compare: the representations that experiments have of the same objects."""

from semlens.config.plan import list_conditions
from semlens.config.schema import Config


def list_representations(config: Config, agreement: str) -> list[Config]:
    """Return the representations of an agreement: what each experiment's models give under each of its conditions.

    Each has the keys of :func:`semlens.config.plan.list_conditions`, and ``experiment``, ``model``, ``extractions`` and
    ``axis``.
    """
    return [
        {
            **condition,
            "experiment": name,
            "model": model,
            "extractions": config["experiments"][name]["extractions"],
            "axis": config["experiments"][name]["axis"],
        }
        for name in config["agreements"][agreement]["experiments"]
        for model in config["extractions"][config["experiments"][name]["extractions"][0]]["models"]
        for condition in list_conditions(config["experiments"][name])
    ]


def list_agreement_metrics(config: Config, agreement: str) -> list[str]:
    """Return the metrics of an agreement's representations, each once."""
    return sorted({entry["metric"] for entry in list_representations(config, agreement)})
