"""What is read of extractions: layer sets, and maps that several extractions share."""

from semlens.config.multiverses import list_derived, list_read_layers
from semlens.config.plan import keeps_maps, list_conditions
from semlens.config.schema import Config
from semlens.images.original import ORIGINAL

_PARTS = ("models", "datasets", "layers")  # of which an extraction with more has maps of one with less


def list_layer_sets(config: Config, extraction: str, dataset: str) -> list[str]:
    """Return the layer sets that experiments, searches and multiverses read from an extraction of a dataset.

    It is all that the extraction holds if none does.
    """
    compared = {
        condition["layers"]
        for experiment in config["experiments"].values()
        if extraction in experiment["extractions"] and dataset in experiment["datasets"]
        for condition in list_conditions(experiment)
    }
    for search in config.get("searches", {}).values():
        if search["extraction"] == extraction and dataset in search["datasets"]:
            compared |= set(search["layers"])
    compared |= set(list_read_layers(config, extraction, dataset))
    return sorted(compared or config["extractions"][extraction]["layers"])


def list_sampled(config: Config, experiment: str | None = None) -> list[Config]:
    """Return extraction, model and dataset of everything whose tokens are measured, or of what an experiment reads.

    These are the extractions that show images as they are, but for those that only multiverses need.
    """
    asked = config["experiments"][experiment] if experiment else config
    derived = list_derived(config)
    return [
        {"extraction": name, "model": model, "dataset": dataset}
        for name in asked["extractions"]
        if name not in derived
        for dataset in config["extractions"][name]["datasets"]
        for model in config["extractions"][name]["models"]
        if dataset in asked["datasets"] and ORIGINAL in config["views"][config["extractions"][name]["views"]]
    ]


def find_maps(config: Config, extraction: str) -> str:
    """Return the extraction whose maps are pooled for another one: the first that has them, whatever its mask is."""
    entry = config["extractions"][extraction]
    if not keeps_maps(entry):
        return extraction
    return next(
        name
        for name, other in config["extractions"].items()
        if _strip(other) == _strip(entry) and all(set(entry[key]) <= set(other[key]) for key in _PARTS)
    )


def _strip(entry: Config) -> Config:
    kept = {key: value for key, value in entry.items() if key not in ("mask", *_PARTS)}
    return kept | {"timesteps": sorted(entry["timesteps"])}
