"""What agreements compare: the representations that experiments have of the same objects."""

from typing import Any

from semlens.config.plan import list_conditions, list_extractions_of
from semlens.config.schema import Config


def list_representations(config: Config, agreement: str) -> list[Config]:
    """Return the representations of an agreement: what each experiment's models give under each of its conditions.

    Where experiments have one in common, it is that of the first: what is compared with itself agrees most.
    Each has the keys of :func:`semlens.config.plan.list_conditions`, and ``experiment``, ``model``, ``extractions`` and
    ``axis``.
    """
    datasets, distinct = config["agreements"][agreement]["datasets"], {}
    for name in config["agreements"][agreement]["experiments"]:
        experiment = config["experiments"][name]
        for model in config["extractions"][experiment["extractions"][0]]["models"]:
            for condition in list_conditions(experiment):
                origin = {key: experiment[key] for key in ("extractions", "axis")}
                same = _identify(config, name, model, condition, datasets)
                distinct.setdefault(same, {**condition, "experiment": name, "model": model, **origin})
    return list(distinct.values())


def _identify(config: Config, experiment: str, model: str, condition: Config, datasets: list[str]) -> tuple[Any, ...]:
    """Return what makes a representation what it is: equal for two that are the same."""
    read = [
        name
        for dataset in datasets
        for name in list_extractions_of(config, experiment, dataset)
        if condition["timestep"] in config["extractions"][name]["timesteps"]
    ]
    made = sorted((key, str(value)) for key, value in condition.items() if key != "name")
    return model, tuple(read), tuple(made)


def list_agreement_metrics(config: Config, agreement: str) -> list[str]:
    """Return the metrics of an agreement's representations, each once."""
    return sorted({entry["metric"] for entry in list_representations(config, agreement)})
